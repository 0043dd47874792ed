//! An [`Error`] as an RFC 9457 problem document.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Error;

/// `Retry-After` in seconds. A request takes a few hundredths of a second, so one second is enough.
const RETRY_AFTER: &str = "1";

/// The public part of an error.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem, description = "What was wrong, as RFC 9457 has it.")]
pub(super) struct Problem<'a> {
    /// The code as a URN.
    #[schema(pattern = "^urn:image-classifier:[a-z0-9-]+$")]
    r#type: String,
    /// Identical for all errors with this code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was wrong with this request, what was found and what is accepted.
    detail: String,
    /// Machine-readable error code.
    #[schema(schema_with = super::openapi::codes)]
    code: &'static str,
    /// Same value as the header `x-request-id`.
    request_id: &'a str,
}

impl<'a> Problem<'a> {
    pub(super) fn new(error: &Error, request_id: &'a str) -> Self {
        Self {
            r#type: format!("urn:image-classifier:{}", error.code().replace('_', "-")),
            title: error.title(),
            status: error.status(),
            detail: error.to_string(),
            code: error.code(),
            request_id,
        }
    }
}

/// Attaches the error to an empty response, as an extension. The envelope around all routes writes the body:
/// only it knows the request id, and only it has the record for the private part of the error.
pub(super) fn response(error: Arc<Error>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() =
        StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let header = match *error {
        Error::Overloaded | Error::StorageUnavailable(_) => Some((header::RETRY_AFTER, RETRY_AFTER)),
        // The rest of the request may still arrive, and must not be parsed as the next request.
        Error::RequestTimeout { .. } => Some((header::CONNECTION, "close")),
        _ => None,
    };
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.extensions_mut().insert(error);
    response
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        response(Arc::new(self))
    }
}
