//! Requests that are rejected before they are complete. Two cases: Lambda events that are not a valid request
//! although the front door waits for a response, and HTTP headers that do not arrive completely.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::problem;
use crate::Error;

/// A request extension: the request is answered with this error.
#[derive(Clone, Debug)]
pub struct Refused(Arc<Error>);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

/// Answers a request that is already rejected.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    match request.extensions().get::<Refused>() {
        Some(Refused(error)) => problem::response(Arc::clone(error)),
        None => next.run(request).await,
    }
}
