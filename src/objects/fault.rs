//! Converts error responses of a storage to an [`Error`].

use std::error::Error as StdError;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};

use crate::Error;

/// The error detail for an object that does not exist.
const NO_OBJECT: &str = "There is no such object, or no such version of it. Check bucket, key and version.";

/// The error detail for an archived object.
const ARCHIVED: &str = "The object lies in an archive, such as S3 Glacier, and cannot be read there. Restore it first, then \
     send the request again.";

/// Maximum number of bytes that are read of an error response. The code and message are in the first few
/// hundred.
const MAX_REFUSAL: usize = 4096;

/// An error response that the crate `object_store` reports as an unreachable storage: a redirect, or a client
/// error of an unknown kind.
#[derive(Debug, thiserror::Error)]
#[error("the storage answered {status}: {code}: {message}")]
pub(super) struct Refusal {
    status: u16,
    /// The `<Code>` of the response, or an empty text.
    code: String,
    /// The `<Message>` of the response, or an empty text.
    message: String,
}

/// Converts an error of the crate `object_store`. `versioned` means that the request specified a version.
pub(super) fn of_store(error: object_store::Error, versioned: bool) -> Error {
    use object_store::Error as Store;
    match &error {
        Store::NotFound { .. } => return Error::ObjectNotFound(NO_OBJECT),
        Store::Precondition { .. } => return Error::ObjectChanged,
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            return Error::StorageDenied(error.into());
        }
        _ => {}
    }
    match Refusal::within(&error) {
        Some(refusal) if versioned && refusal.is_of_version() => Error::ObjectNotFound(NO_OBJECT),
        Some(refusal) if refusal.code == "InvalidObjectState" => Error::ObjectArchived(ARCHIVED),
        Some(_) => Error::StorageDenied(error.into()),
        None => Error::StorageUnavailable(error.into()),
    }
}

impl Refusal {
    /// Reads the beginning of an error response. Only the code and the message are kept, for the log. Other
    /// fields may contain secrets, such as an expired session token.
    async fn read<E>(status: u16, mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) -> Self {
        let mut beginning = Vec::new();
        while let Some(Ok(chunk)) = body.next().await {
            let room = MAX_REFUSAL - beginning.len();
            beginning.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if beginning.len() >= MAX_REFUSAL {
                break;
            }
        }
        let text = String::from_utf8_lossy(&beginning);
        Self { status, code: field(&text, "Code"), message: field(&text, "Message") }
    }

    /// Finds a refusal among the sources of an error.
    fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        error.downcast_ref().or_else(|| Self::within(error.source()?))
    }

    /// Whether the version does not exist: its id has an invalid format, or it is a delete marker.
    fn is_of_version(&self) -> bool {
        self.status == 405 || (self.status == 400 && self.code == "InvalidArgument")
    }

    /// Whether a response is neither a success nor an error that the crate `object_store` knows.
    pub(super) fn is_one(status: u16) -> bool {
        matches!(status, 300..=499) && !matches!(status, 304 | 401 | 404 | 408 | 409 | 412 | 429)
    }
}

/// An HTTP client that converts error responses to errors, which [`of_store`] finds again.
#[derive(Debug)]
pub(super) struct Watched(pub(super) HttpClient);

#[async_trait]
impl HttpService for Watched {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.0.execute(request).await?;
        let status = response.status().as_u16();
        if !Refusal::is_one(status) {
            return Ok(response);
        }
        let refusal = Refusal::read(status, response.into_body().bytes_stream()).await;
        Err(HttpError::new(HttpErrorKind::Unknown, refusal))
    }
}

/// Converts the response to a request that was sent without the crate `object_store`.
pub(super) async fn of_response(response: reqwest::Response) -> Error {
    let status = response.status().as_u16();
    // `chunk` needs a mutable response, so the stream owns it.
    let body = stream::unfold(response, |mut response| async {
        Some((response.chunk().await.transpose()?, response))
    });
    let refusal = Refusal::read(status, Box::pin(body)).await;
    match status {
        404 => Error::ObjectNotFound("There is no such bucket. Check its name."),
        408 | 429 | 500.. => Error::StorageUnavailable(refusal.into()),
        _ => Error::StorageDenied(refusal.into()),
    }
}

/// The text of an XML element, or an empty text if it does not exist.
fn field(xml: &str, name: &str) -> String {
    let text =
        xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    text.map(|(text, _)| text.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(chunks: &[&str]) -> String {
        let chunks: Vec<Result<Bytes, ()>> =
            chunks.iter().map(|chunk| Ok(Bytes::copy_from_slice(chunk.as_bytes()))).collect();
        Refusal::read(400, stream::iter(chunks)).await.to_string()
    }

    #[tokio::test]
    async fn code_and_message_of_a_refusal_are_kept_and_its_token_is_not() {
        let body = [
            "<Error><Code>Expired",
            "Token</Code><Message>It has expired.</Message>",
            "<Token-0>s3cret</Token-0></Error>",
        ];
        assert_eq!(told(&body).await, "the storage answered 400: ExpiredToken: It has expired.");
        assert_eq!(told(&["s3cret"]).await, "the storage answered 400: : ");
    }

    #[tokio::test]
    async fn only_the_beginning_of_a_refusal_is_read() {
        let long = "x".repeat(3000);
        let taken = std::cell::Cell::new(0);
        let chunks = stream::iter(0..1000).map(|_| {
            taken.set(taken.get() + 1);
            Ok::<_, ()>(Bytes::copy_from_slice(long.as_bytes()))
        });
        Refusal::read(400, Box::pin(chunks)).await;
        assert_eq!(taken.get(), 2);
    }
}
