//! Takes in a request's body, within bounds, before any route looks at it.
//!
//! An answer that is sent while the client still sends its body is often lost to it: the connection breaks under its
//! hands. So the body is read to its end even where the answer is already known to be a refusal.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use super::body::Limits;
use crate::Error;

/// Of a body that is too large, this much more is read and dropped.
const DRAINED_BYTES: usize = 64 << 20;

/// Replaces the body by one that is in memory.
pub(super) async fn whole_body(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match read(&parts.headers, body, limits).await {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(error) => error.into_response(),
    }
}

/// Reads a body that nobody wants to its end, within bounds, unless the client still waits for leave to send it.
pub(super) async fn drain(headers: &HeaderMap, body: Body) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let mut left = DRAINED_BYTES;
    let mut stream = body.into_data_stream();
    while let Some(Ok(chunk)) = stream.next().await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => break,
        }
    }
}

/// # Errors
///
/// [`Error::BodyTooLarge`], before anything is read where `Content-Length` tells and the client waits for leave to send
/// (`Expect: 100-continue`); [`Error::MissingImage`] if the client breaks off.
async fn read(headers: &HeaderMap, body: Body, limits: Limits) -> Result<Bytes, Error> {
    let max = limits.max_body_bytes();
    let refused = || Error::BodyTooLarge { max: limits.max_bytes };
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut too_large = announced.is_some_and(|length| length > max);
    let waits = headers.contains_key(header::EXPECT);
    if too_large && (waits || announced.is_some_and(|length| length > max.saturating_add(DRAINED_BYTES))) {
        return Err(refused());
    }
    let mut received = 0;
    let mut chunks = Chunks::None;
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let chunk =
            chunk.map_err(|_| Error::MissingImage("The body ended before it was complete.".to_owned()))?;
        received += chunk.len();
        too_large = too_large || received > max;
        if received > max.saturating_add(DRAINED_BYTES) {
            break;
        }
        chunks = if too_large { Chunks::None } else { chunks.push(chunk) };
    }
    if too_large { Err(refused()) } else { Ok(chunks.join()) }
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
