//! CORS: which other origins may call the service from a web page.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::REQUEST_ID;
use super::envelope::SERVER_TIMING;
use super::images::CACHE;
use crate::config::CorsOrigins;

/// Headers that have no meaning without `Access-Control-Allow-Origin`.
const ABOUT_ORIGINS: [HeaderName; 4] = [
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// Adds the CORS headers to preflight responses and to all other responses.
pub(super) fn layer(origins: &CorsOrigins) -> CorsLayer {
    // Only responses to `OPTIONS` depend on the headers that a preflight lists. Caches do not store those
    // responses, so no `Vary` is needed for them.
    let (allow, vary) = match origins {
        CorsOrigins::None => return CorsLayer::new(),
        CorsOrigins::Any => (AllowOrigin::any(), None),
        CorsOrigins::List(list) => {
            let origins = list.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
            (AllowOrigin::list(origins), Some(header::ORIGIN))
        }
    };
    CorsLayer::new()
        .allow_origin(allow)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT])
        // Allow all request headers. Tracing libraries, frameworks and gateways add headers to every request
        // of a page; there are too many to list. This service only reads `Authorization`, `Content-Type` and
        // the request ids.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([HeaderName::from_static(REQUEST_ID), CACHE, SERVER_TIMING, header::RETRY_AFTER])
        .vary(Vec::from_iter(vary))
        .max_age(Duration::from_secs(3600))
}

/// Answers `OPTIONS` with 204 on every path: a preflight must not depend on a route, and the response reveals
/// nothing. Removes the CORS headers for origins that are not allowed.
///
/// This middleware wraps [`layer`], which answers every `OPTIONS` with an empty 200 and tells every origin
/// what the allowed origins may do.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let options = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if options {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    if !response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        for name in ABOUT_ORIGINS {
            response.headers_mut().remove(name);
        }
    }
    response
}
