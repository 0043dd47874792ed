//! A trailing slash changes nothing.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Takes the slashes off the end of the path, unless the path is nothing else.
pub(super) async fn without_trailing_slash(mut request: Request) -> Request {
    if let Some(uri) = trimmed(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn trimmed(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || path == "/" {
        return None;
    }
    let path = if trimmed.is_empty() { "/" } else { trimmed };
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
    fn slashes_at_the_end_are_taken_off_and_the_query_stays() {
        for (given, expected) in [
            ("/classify/", "/classify"),
            ("/classify//?top_k=5", "/classify?top_k=5"),
            ("//", "/"),
            ("http://host/health/", "http://host/health"),
        ] {
            assert_eq!(trimmed(&given.parse().unwrap()).unwrap(), expected);
        }
        for unchanged in ["/", "/classify", "/classify?a=/"] {
            assert_eq!(trimmed(&unchanged.parse().unwrap()), None);
        }
    }
}
