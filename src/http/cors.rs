//! Which pages of other origins may call the service.

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

/// What means nothing without `Access-Control-Allow-Origin`.
const ABOUT_ORIGINS: [HeaderName; 4] = [
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// What pages may send. They may name their requests, as any caller may: the envelope keeps
/// only what cannot forge a log line. Libraries that trace requests add headers to all of them, and frameworks and
/// gateways have habits of their own; nothing here reads those.
const HEADERS: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static(REQUEST_ID),
    HeaderName::from_static("baggage"),
    HeaderName::from_static("sentry-trace"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-amzn-trace-id"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-requested-with"),
];

/// The CORS headers, on preflights and on answers of every kind.
pub(super) fn layer(origins: &CorsOrigins) -> CorsLayer {
    let allow = match origins {
        CorsOrigins::None => return CorsLayer::new(),
        CorsOrigins::Any => AllowOrigin::any(),
        CorsOrigins::List(list) => {
            AllowOrigin::list(list.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
        }
    };
    CorsLayer::new()
        .allow_origin(allow)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT])
        .allow_headers(AllowHeaders::list(HEADERS))
        .expose_headers([HeaderName::from_static(REQUEST_ID), CACHE, SERVER_TIMING, header::RETRY_AFTER])
        .max_age(Duration::from_secs(3600))
}

/// Answers `OPTIONS`, for every path, with 204: a preflight must not depend on a route, and gives nothing away. Other
/// origins than those allowed are told nothing. Stands around [`layer`], which answers every `OPTIONS` with an empty
/// 200, and tells every origin what the allowed ones may do.
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
