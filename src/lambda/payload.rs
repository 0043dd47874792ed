//! Passes the raw bytes of an invocation's payload to the handler.
//!
//! AWS's runtime deserializes the payload into an owned value before it calls the handler. Megabytes of
//! base64 would be copied once more, and parsed twice.

use std::task::{Context as Waker, Poll};

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use tower::{Layer, Service};

tokio::task_local! {
    static PAYLOAD: Bytes;
}

/// Sets the payload aside while the runtime calls the handler. The runtime sees `null` instead.
#[derive(Clone, Copy)]
pub(super) struct Untouched;

/// The service that [`Untouched`] creates.
#[derive(Clone)]
pub(super) struct UntouchedService<S>(S);

/// The payload of the current invocation. The handler must take it during its call, not later.
pub(super) fn take() -> Bytes {
    PAYLOAD.try_with(Bytes::clone).unwrap_or_default()
}

impl<S> Layer<S> for Untouched {
    type Service = UntouchedService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        UntouchedService(inner)
    }
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for UntouchedService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, waker: &mut Waker<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(waker)
    }

    fn call(&mut self, mut invocation: LambdaInvocation) -> S::Future {
        let payload = std::mem::replace(&mut invocation.body, Bytes::from_static(b"null"));
        PAYLOAD.sync_scope(payload, || self.0.call(invocation))
    }
}
