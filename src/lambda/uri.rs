//! Builds the URI of a request from the path and query in an event.

use std::fmt::Write as _;

use axum::http::Uri;

/// Joins a path and a query to a URI. Characters that are not allowed in a URI are percent-encoded.
pub(super) fn build(path: &str, query: &str) -> Option<Uri> {
    let mut text = String::with_capacity(path.len() + query.len() + 2);
    if !path.starts_with('/') {
        text.push('/');
    }
    escape(path, &mut text, |byte| byte != b'?' && byte != b'#');
    if !query.is_empty() {
        text.push('?');
        escape(query, &mut text, |byte| byte != b'#');
    }
    text.parse().ok()
}

fn escape(text: &str, out: &mut String, keep: impl Fn(u8) -> bool) {
    for byte in text.bytes() {
        let allowed = byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if allowed && keep(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_in_a_uri_is_escaped() {
        for (path, query, expected) in [
            ("/predict", "top k=3", "/predict?top%20k=3"),
            ("/pre dict", "", "/pre%20dict"),
            ("", "", "/"),
            ("classify", "a=b", "/classify?a=b"),
            ("/a%20b", "x=%2F#y", "/a%20b?x=%2F%23y"),
            ("/é?\"", "", "/%C3%A9%3F%22"),
        ] {
            assert_eq!(build(path, query).unwrap(), expected);
        }
    }
}
