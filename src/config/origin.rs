//! The origin of a web page, as browsers write it.

use axum::http::Uri;

/// An origin in lower case and without the port that its scheme has anyway, as browsers send it; `None` if the text
/// is no origin.
pub(super) fn normalised(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?.to_ascii_lowercase(), uri.authority()?);
    let default_port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let rest = uri.path_and_query().map_or("/", |rest| rest.as_str());
    let host = authority.host().to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte);
    if rest != "/" || host.is_empty() || authority.as_str().contains('@') || !host.bytes().all(plain) {
        return None;
    }
    Some(match authority.port_u16().filter(|&port| port != default_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for (given, expected) in [
            ("https://example.com", "https://example.com"),
            ("https://Example.com/", "https://example.com"),
            ("https://a.example:443", "https://a.example"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(normalised(given).as_deref(), Some(expected), "{given}");
        }
        for none in [
            "",
            "example.com",
            "https://",
            "https://*.example.com",
            "https://a.example/x",
            "https://a?b",
            "https://u@a.example",
            "ftp://a.example",
            "*",
            "null",
        ] {
            assert_eq!(normalised(none), None, "{none}");
        }
    }
}
