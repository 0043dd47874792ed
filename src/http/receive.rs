//! Reads the request body, within limits, before any route sees it.
//!
//! If the server responds while the client is still sending, the connection is often reset and the client
//! never sees the response. The body is therefore read to its end even if the request is already rejected.

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

/// Bytes that are read and discarded beyond the limit if a body is too large.
const DRAINED_BYTES: usize = 64 << 20;

/// The memory limit for all bodies together, as a multiple of the largest body.
const LARGEST_BODIES: usize = 8;

/// Reads bodies and enforces their limits.
pub(super) struct Intake {
    limits: Limits,
    timeout: Duration,
    /// One permit per byte of all bodies in memory.
    memory: Arc<Semaphore>,
}

impl Intake {
    pub(super) fn new(limits: Limits, config: &Config) -> Self {
        // Under Lambda, the body is already in memory at this point, and Lambda limits the number of
        // concurrent requests.
        let bodies = config.lambda.as_ref().map_or(LARGEST_BODIES, |lambda| lambda.concurrency);
        let memory = limits.max_body_bytes().saturating_mul(bodies).min(Semaphore::MAX_PERMITS);
        Self { limits, timeout: config.request_timeout, memory: Arc::new(Semaphore::new(memory)) }
    }

    /// Reads and discards a body within limits. Does nothing if the client waits for permission to send it
    /// (`Expect`).
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
        // It does not matter whether the whole body was read.
        let _ = tokio::time::timeout(self.timeout, end).await;
    }

    /// Reads a body within the request timeout.
    ///
    /// # Errors
    ///
    /// [`Error::RequestTimeout`] if the client takes too long, and the errors of [`Self::read`].
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

    /// Reads a body. Returns its bytes together with the memory permits that they hold. While the rest of a
    /// rejected body is read, `refused` holds the error.
    ///
    /// # Errors
    ///
    /// [`Error::BodyTooLarge`] if the body exceeds the limit. It is returned before anything is read if
    /// `Content-Length` exceeds the limit and the client waits for permission to send
    /// (`Expect: 100-continue`), or if it exceeds the limit by more than [`DRAINED_BYTES`].
    /// [`Error::MissingImage`] if the client disconnects; [`Error::Overloaded`] if other bodies fill the
    /// memory.
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

    /// Reserves memory for `bytes` more bytes. Returns `None` if the memory is full.
    fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.memory).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }
}

/// Reads the body into memory and replaces the request's body with it.
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

/// The body read so far. A single chunk, as under Lambda, is passed on without a copy.
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
