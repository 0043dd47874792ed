//! A trailing slash changes nothing, and repeated slashes are one.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Rewrites the path to the one that the routes know.
pub(super) async fn plain(mut request: Request) -> Request {
    if let Some(uri) = rewritten(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The path with one slash in place of several: a base URL that ends in a slash makes two of them.
pub(crate) fn without_repeated_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return path.into();
    }
    let mut plain = path.to_owned();
    plain.retain({
        let mut last = '\0';
        move |character| std::mem::replace(&mut last, character) != '/' || character != '/'
    });
    plain.into()
}

/// The path without slashes at its end, unless it is nothing else.
pub(super) fn without_trailing_slash(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/",
        trimmed => trimmed,
    }
}

fn rewritten(uri: &Uri) -> Option<Uri> {
    let path = without_repeated_slashes(uri.path());
    let path = without_trailing_slash(&path);
    if path == uri.path() {
        return None;
    }
    let with_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(with_query).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_that_mean_nothing_are_taken_off_and_the_query_stays() {
        for (given, expected) in [
            ("/classify/", "/classify"),
            ("/classify//?top_k=5", "/classify?top_k=5"),
            ("//", "/"),
            ("//predict", "/predict"),
            ("///v1//predict//?a=//", "/v1/predict?a=//"),
            ("//evil.example/", "/evil.example"),
            ("http://host/health/", "http://host/health"),
            ("http://host//health", "http://host/health"),
        ] {
            assert_eq!(rewritten(&given.parse().unwrap()).unwrap(), expected);
        }
        for unchanged in ["/", "/classify", "/classify?a=/", "/classify?a=//", "*"] {
            assert_eq!(rewritten(&unchanged.parse().unwrap()), None);
        }
    }
}
