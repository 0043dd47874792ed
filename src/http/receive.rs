//! Takes in a request's body, within bounds.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::Error;

/// Room for line breaks, JSON or multipart around base64 of base64, which is 16/9 of its content.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// Of a body that is too large, this much more is read and dropped, so that a client that sends all before it
/// reads finds the answer and not a broken connection.
const DRAINED_BYTES: usize = 64 << 20;

/// Reads the whole body. `max_body_bytes` limits what is left after base64 is undone, so twice as much may come in.
///
/// # Errors
///
/// [`Error::BodyTooLarge`], before anything is read where `Content-Length` tells; [`Error::MissingImage`] if the
/// client breaks off.
pub(super) async fn body(headers: &HeaderMap, body: Body, max_body_bytes: usize) -> Result<Bytes, Error> {
    let max = max_body_bytes.saturating_mul(2).saturating_add(ENVELOPE_BYTES);
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut too_large = announced.is_some_and(|length| length > max);
    if announced.is_some_and(|length| length > max.saturating_add(DRAINED_BYTES)) {
        return Err(Error::BodyTooLarge { max: max_body_bytes });
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
    if too_large { Err(Error::BodyTooLarge { max: max_body_bytes }) } else { Ok(chunks.join()) }
}

/// The body so far. One chunk, as under Lambda, is passed on without a copy.
enum Chunks {
    None,
    One(Bytes),
    Many(BytesMut),
}

impl Chunks {
    fn push(self, chunk: Bytes) -> Self {
        match self {
            Self::None => Self::One(chunk),
            Self::One(first) => {
                let mut all = BytesMut::from(first);
                all.extend_from_slice(&chunk);
                Self::Many(all)
            }
            Self::Many(mut all) => {
                all.extend_from_slice(&chunk);
                Self::Many(all)
            }
        }
    }

    fn join(self) -> Bytes {
        match self {
            Self::None => Bytes::new(),
            Self::One(chunk) => chunk,
            Self::Many(all) => all.freeze(),
        }
    }
}
