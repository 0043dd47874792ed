//! What every request gets, whatever its route: an id, an error in its public form, and one line in the log.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::problem::Problem;
use crate::Error;
use crate::classifier::milliseconds;

/// The header that carries the request's id, in requests and answers.
pub const REQUEST_ID: &str = "x-request-id";

/// The id of a request, for its answer and its log lines.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) Arc<str>);

/// Runs a request and finishes its answer.
pub(super) async fn wrap(mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let mut response = next.run(request).await;
    let error = response.extensions_mut().remove::<Arc<Error>>();
    if let Some(error) = &error {
        write_problem(&mut response, error, &id);
    }
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    // Whatever was sent comes back as JSON, if at all; no browser may take it for something else.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    log(&id, &method, &path, &response, error.as_deref(), start);
    response
}

/// Makes an error of a panic, which must cost one request, not the connection or the process. Stands within what adds
/// headers to every answer, since this is one, too.
pub(super) async fn catch_panic(request: Request, next: Next) -> Response {
    AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Error::internal("a handler panicked").into_response())
}

/// The id that came with the request if it is a plain token, a new one otherwise: what a client sends must not
/// be able to forge a log line.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    let plain = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:=;/+".contains(&b))
    };
    match headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain) {
        Some(id) => id.into(),
        None => Uuid::new_v4().to_string().into(),
    }
}

/// Puts the problem into the body. The headers that are there already, `Allow` and those of CORS, stay.
fn write_problem(response: &mut Response, error: &Error, id: &str) {
    let body = serde_json::to_vec(&Problem::new(error, id)).unwrap_or_default();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    *response.body_mut() = Body::from(body);
}

fn log(id: &str, method: &Method, path: &str, response: &Response, error: Option<&Error>, start: Instant) {
    let status = response.status().as_u16();
    let ms = milliseconds(start.elapsed());
    // The formatters quote and escape strings, so that none can break the line.
    match error {
        None => tracing::info!(request_id = id, %method, path, status, ms, "request"),
        Some(error) => {
            let code = error.code();
            let cause = cause_chain(error);
            if status >= 500 {
                tracing::error!(request_id = id, %method, path, status, code, cause, ms, "request");
            } else {
                tracing::info!(request_id = id, %method, path, status, code, cause, ms, "request");
            }
        }
    }
}

/// Logs what is wrong with single images of a request that as a whole is answered 200.
pub(super) fn log_failures<T>(id: &str, results: &[Result<T, Error>]) {
    for (index, error) in
        results.iter().enumerate().filter_map(|(index, result)| Some((index, result.as_ref().err()?)))
    {
        let (status, code, cause) = (error.status(), error.code(), cause_chain(error));
        if status >= 500 {
            tracing::error!(request_id = id, index, status, code, cause, "image");
        } else {
            tracing::info!(request_id = id, index, status, code, cause, "image");
        }
    }
}

/// The private half of an error: the messages of its sources, outermost first. `None` if there is none.
fn cause_chain(error: &Error) -> Option<String> {
    let first = std::error::Error::source(error)?;
    let messages = std::iter::successors(Some(first), |cause| cause.source()).map(ToString::to_string);
    Some(messages.collect::<Vec<_>>().join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_outside_is_kept_only_if_it_is_a_plain_token() {
        let id = |text: &'static str| {
            let headers =
                HeaderMap::from_iter([(REQUEST_ID.parse().unwrap(), HeaderValue::from_static(text))]);
            request_id(&headers)
        };
        assert_eq!(&*id("c6af9ac6-7b61-11e6-9a41-93e8deadbeef"), "c6af9ac6-7b61-11e6-9a41-93e8deadbeef");
        assert_eq!(
            &*id("Root=1-5759e988-bd862e3fe1be46a994272793"),
            "Root=1-5759e988-bd862e3fe1be46a994272793"
        );
        for forged in ["", "a b", "a\" level=\"error"] {
            assert_ne!(&*id(forged), forged);
        }
    }
}
