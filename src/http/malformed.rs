//! Events that cannot be a request, but came through a front door that waits for an answer.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::Error;

/// Put into a request's extensions, it has the request answered 400 `invalid_event` with this detail.
#[derive(Clone, Debug)]
pub struct Malformed(pub String);

/// Answers a request that stands for a malformed event.
pub(super) async fn refuse(request: Request, next: Next) -> Response {
    match request.extensions().get::<Malformed>() {
        Some(Malformed(detail)) => Error::InvalidEvent(detail.clone()).into_response(),
        None => next.run(request).await,
    }
}
