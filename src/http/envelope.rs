//! What every request gets, whatever its route: an id, an error in its public form, and a record of what it was.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use uuid::Uuid;

use super::problem::Problem;
use super::refused::Refused;
use crate::Error;
use crate::classifier::milliseconds;
use crate::telemetry::{GONE, Notes, Observer, Record, clean};

/// The header that carries the request's id, in requests and answers.
pub const REQUEST_ID: &str = "x-request-id";

/// The header that carries the trace of X-Ray.
pub const TRACE_ID: &str = "x-amzn-trace-id";

/// The header that carries the trace of any other service (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// The header that says where the time went.
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// A request that is under way. When this is dropped its record is complete, whether it was answered or its client went
/// away and nobody waits for the answer any more.
struct Open {
    observer: Arc<Observer>,
    notes: Notes,
    start: Instant,
}

impl Open {
    fn new(observer: Arc<Observer>, request: &Request) -> Self {
        let (notes, start) = (Notes::default(), Instant::now());
        // What was refused before it was a request has neither method nor path.
        let is_request = request.extensions().get::<Refused>().is_none();
        let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
        *notes.record() = Record {
            request_id: request_id(request.headers()),
            xray_trace_id: xray_trace_id(request.headers()),
            parent: observer
                .parent(the_only(request.headers(), TRACEPARENT), the_only(request.headers(), TRACE_ID)),
            cold_start: is_request && observer.is_cold_start(),
            method: is_request.then(|| clean(request.method().as_str())),
            path: is_request.then(|| clean(request.uri().path())),
            route: route.filter(|_| is_request),
            status: GONE,
            start: Some(start),
            ..Record::default()
        };
        Self { observer, notes, start }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut record = std::mem::take(&mut *self.notes.record());
        record.total_ms = milliseconds(self.start.elapsed());
        self.observer.take(record);
    }
}

/// Runs a request and finishes its answer.
pub(super) async fn wrap(
    State(observer): State<Arc<Observer>>,
    mut request: Request,
    next: Next,
) -> Response {
    let open = Open::new(observer, &request);
    let is_head = request.method() == Method::HEAD;
    request.extensions_mut().insert(open.notes.clone());
    let mut response = next.run(request).await;
    let error = response.extensions_mut().remove::<Arc<Error>>();
    let mut record = open.notes.record();
    record.status = response.status().as_u16();
    if let Some(error) = &error {
        record.refuse(error);
        write_problem(&mut response, error, &record.request_id);
    }
    if is_head {
        *response.body_mut() = Body::empty();
    }
    // Whatever was sent comes back as JSON, if at all; no browser may take it for something else.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [
        (HeaderName::from_static(REQUEST_ID), record.request_id.to_string()),
        (SERVER_TIMING, server_timing(&record, milliseconds(open.start.elapsed()))),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    drop(record);
    response
}

/// Where the time went, in milliseconds, as browsers show it (W3C Server Timing).
fn server_timing(record: &Record, total: f64) -> String {
    let times = record.times();
    let parts = [
        ("body", record.body_ms),
        ("queue", record.queue_ms),
        ("storage", record.storage_ms),
        ("decode", times.map(|times| times.decode)),
        ("preprocess", times.map(|times| times.preprocess)),
        ("inference", times.map(|times| times.inference)),
        ("total", Some(total)),
    ];
    let parts = parts.into_iter().filter_map(|(name, ms)| Some(format!("{name};dur={}", ms?)));
    parts.collect::<Vec<_>>().join(", ")
}

/// Makes an error of a panic, which must cost one request, not the connection or the process. Stands within what adds
/// headers to every answer, since this is one, too.
pub(super) async fn catch_panic(request: Request, next: Next) -> Response {
    AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Error::internal("a handler panicked").into_response())
}

/// A header that is sent once: of two, nobody knows which one counts.
fn the_only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// The trace of a request in X-Ray, from the header in which AWS passes it on: `Root=1-…;Parent=…;Sampled=1`. Only what
/// looks like one is kept.
fn xray_trace_id(headers: &HeaderMap) -> Option<String> {
    let value = the_only(headers, TRACE_ID)?;
    let root = value.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
    let plain = root.len() <= 64 && root.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain.then(|| root.to_owned())
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
