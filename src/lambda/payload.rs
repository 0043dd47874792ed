//! Hands the payload of an invocation to the handler as the bytes in which it arrived.
//!
//! AWS's runtime deserializes the payload before it calls the handler, and what it makes owns its data: megabytes of
//! base64 would be copied once more, and read twice.

use std::task::{Context as Waker, Poll};

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use tower::{Layer, Service};

tokio::task_local! {
    static PAYLOAD: Bytes;
}

/// Keeps the payload aside while the runtime calls the handler, and shows the runtime `null` instead.
#[derive(Clone, Copy)]
pub(super) struct Untouched;

/// The service that [`Untouched`] makes.
#[derive(Clone)]
pub(super) struct UntouchedService<S>(S);

/// The payload of the invocation that is being handed over. The handler asks for it when it is called, not later.
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
