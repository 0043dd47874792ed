//! Takes in a request's body, within bounds, before any route looks at it.
//!
//! An answer that is sent while the client still sends its body is often lost to it: the connection breaks under its
//! hands. So the body is read to its end even where the answer is already known to be a refusal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body::Limits;
use crate::telemetry::{Notes, Stage};
use crate::{Config, Error};

/// Of a body that is too large, this much more is read and dropped.
const DRAINED_BYTES: usize = 64 << 20;

/// The bodies in memory take no more than this many of the largest ones would.
const LARGEST_BODIES: usize = 8;

/// What may come in.
pub(super) struct Intake {
    limits: Limits,
    timeout: Duration,
    /// A permit for each byte of all bodies that are in memory.
    memory: Arc<Semaphore>,
}

impl Intake {
    pub(super) fn new(limits: Limits, config: &Config) -> Self {
        // Under Lambda a body is in memory before it comes here, and there are as many as Lambda has said.
        let bodies = config.lambda.as_ref().map_or(LARGEST_BODIES, |lambda| lambda.concurrency);
        let memory = limits.max_body_bytes().saturating_mul(bodies).min(Semaphore::MAX_PERMITS);
        Self { limits, timeout: config.request_timeout, memory: Arc::new(Semaphore::new(memory)) }
    }

    /// Reads a body that nobody wants to its end, within bounds, unless the client still waits for leave to send it.
    pub(super) async fn drain(&self, headers: &HeaderMap, body: Body) {
        if headers.contains_key(header::EXPECT) {
            return;
        }
        let mut left = DRAINED_BYTES;
        let mut stream = body.into_data_stream();
        let end = async {
            while let Some(Ok(chunk)) = stream.next().await {
                match left.checked_sub(chunk.len()) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        // Whether it came to its end makes no difference.
        let _ = tokio::time::timeout(self.timeout, end).await;
    }

    /// Reads a body in the time that it has.
    ///
    /// # Errors
    ///
    /// [`Error::RequestTimeout`] if the client takes too long, and those of [`Self::read`].
    async fn read_in_time(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Error> {
        let mut refused = None;
        match tokio::time::timeout(self.timeout, self.read(headers, body, &mut refused)).await {
            Ok(read) => read,
            Err(_) => Err(refused.unwrap_or(Error::RequestTimeout { seconds: self.timeout.as_secs_f64() })),
        }
    }

    /// What is answered besides the bytes is their part of the memory. `refused` holds what is known already to be wrong
    /// while the rest is read.
    ///
    /// # Errors
    ///
    /// [`Error::BodyTooLarge`], before anything is read where `Content-Length` tells and the client waits for leave to
    /// send (`Expect: 100-continue`); [`Error::MissingImage`] if the client breaks off; [`Error::Overloaded`] if the
    /// bodies of others fill the memory.
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        refused: &mut Option<Error>,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Error> {
        let max = self.limits.max_body_bytes();
        let too_large = || Error::BodyTooLarge { max: self.limits.max_bytes };
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        *refused = announced.filter(|&length| length > max).map(|_| too_large());
        let waits = headers.contains_key(header::EXPECT);
        let is_endless = announced.is_some_and(|length| length > max.saturating_add(DRAINED_BYTES));
        if let Some(error) = refused.take_if(|_| waits || is_endless) {
            return Err(error);
        }
        let mut received = 0;
        let mut chunks = Chunks::None;
        let mut memory: Option<OwnedSemaphorePermit> = None;
        let mut stream = body.into_data_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| {
                Error::MissingImage("The body ended before it was complete. Send it again.".to_owned())
            })?;
            received += chunk.len();
            if received > max.saturating_add(DRAINED_BYTES) {
                break;
            }
            if refused.is_none() {
                match (received <= max, self.hold(chunk.len())) {
                    (false, _) => *refused = Some(too_large()),
                    (true, None) => *refused = Some(Error::Overloaded),
                    (true, Some(more)) => {
                        match &mut memory {
                            Some(memory) => memory.merge(more),
                            none => *none = Some(more),
                        }
                        chunks = chunks.push(chunk);
                    }
                }
            }
            if refused.is_some() {
                (chunks, memory) = (Chunks::None, None);
            }
        }
        refused.take().map_or_else(|| Ok((chunks.join(), memory)), Err)
    }

    /// Room for so many bytes more, if there is any.
    fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.memory).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }
}

/// Replaces the body by one that is in memory.
pub(super) async fn whole_body(
    State(intake): State<Arc<Intake>>,
    Extension(notes): Extension<Notes>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let (parts, body) = request.into_parts();
    match intake.read_in_time(&parts.headers, body).await {
        Ok((bytes, _memory)) => {
            notes.record().bytes = Some(bytes.len());
            notes.record().spent(Stage::Body, start);
            next.run(Request::from_parts(parts, Body::from(bytes))).await
        }
        Err(error) => error.into_response(),
    }
}

/// The body so far. One chunk, as under Lambda, is passed on without a copy.
enum Chunks {
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Chunks {
    fn push(self, chunk: Bytes) -> Self {
        let mut all = match self {
            Self::None => return Self::One(chunk),
            Self::One(first) => BytesMut::from(first),
            Self::Many(all) => all,
        };
        all.extend_from_slice(&chunk);
        Self::Many(all)
    }

    fn join(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::One(chunk) => chunk,
            Self::Many(all) => all.freeze(),
        }
    }
}
