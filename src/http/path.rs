//! Path normalization: ignores trailing slashes, merges repeated slashes, and accepts a file name at the end
//! of a `PUT` path.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri};

use super::{IMAGES, habits, is_route};

/// Rewrites the path to the form that the router expects.
pub(super) async fn plain(mut request: Request) -> Request {
    if let Some(uri) = rewritten(request.method(), request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// Removes the file name that `curl -T` appends to a URL that ends in a slash. At the root, the name must
/// have an extension; otherwise every mistyped path would be taken for a file name.
pub(super) fn without_file_name<'a>(method: &Method, path: &'a str) -> &'a str {
    let Some((folder, name)) = path.rsplit_once('/').filter(|_| *method == Method::PUT) else { return path };
    let is_name = habits::has(path) || !is_route(path);
    let is_file = is_name && (!folder.is_empty() || name.contains('.'));
    let folder = if folder.is_empty() { "/" } else { folder };
    if is_file && IMAGES.contains(&folder) { folder } else { path }
}

/// Merges repeated slashes into one. They occur if a base URL ends in a slash.
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

/// Removes trailing slashes, except from the path `/`.
pub(super) fn without_trailing_slash(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/",
        trimmed => trimmed,
    }
}

fn rewritten(method: &Method, uri: &Uri) -> Option<Uri> {
    let path = without_repeated_slashes(uri.path());
    let path = without_file_name(method, without_trailing_slash(&path));
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
            assert_eq!(rewritten(&Method::POST, &given.parse().unwrap()).unwrap(), expected);
        }
        for unchanged in ["/", "/classify", "/classify?a=/", "/classify?a=//", "*"] {
            assert_eq!(rewritten(&Method::POST, &unchanged.parse().unwrap()), None);
        }
    }

    #[test]
    fn the_name_of_a_file_is_taken_off_where_a_file_is_put() {
        for (given, expected) in [
            ("/predict/photo.jpg", "/predict"),
            ("/classify/photo?top_k=1", "/classify?top_k=1"),
            ("//photo.jpg", "/"),
            ("/favicon.png", "/"),
        ] {
            assert_eq!(rewritten(&Method::PUT, &given.parse().unwrap()).unwrap(), expected);
        }
        for unchanged in ["/", "/predict", "/photo", "/app.js", "/health/a.jpg", "/predict/a/b.jpg"] {
            assert_eq!(rewritten(&Method::PUT, &unchanged.parse().unwrap()), None, "{unchanged}");
        }
        assert_eq!(rewritten(&Method::POST, &"/predict/photo.jpg".parse().unwrap()), None);
    }
}
