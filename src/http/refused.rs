//! Requests that are refused before they are any: events that cannot be one, though a front door waits for an answer,
//! and heads that do not come to their end.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use super::problem;
use crate::Error;

/// Put into a request's extensions, it has the request answered with this error.
#[derive(Clone, Debug)]
pub struct Refused(Arc<Error>);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(Arc::new(error))
    }
}

/// Answers a request that is refused already.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    match request.extensions().get::<Refused>() {
        Some(Refused(error)) => problem::response(Arc::clone(error)),
        None => next.run(request).await,
    }
}
