//! What a storage answers instead of an object → an [`Error`].

use std::error::Error as StdError;

use async_trait::async_trait;
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};

use crate::Error;

/// What is told of an object that is not there.
const NO_OBJECT: &str = "There is no such object, or no such version of it. Check bucket, key and version.";

/// An answer that the crate `object_store` does not tell from a storage that cannot be reached: a redirect, or a refusal
/// of another kind than those that it knows.
#[derive(Debug, thiserror::Error)]
#[error("the storage answered {status}: {body}")]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: String,
}

/// An error of the crate `object_store`. `versioned` says that the request named a version.
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
        Some(_) => Error::StorageDenied(error.into()),
        None => Error::StorageUnavailable(error.into()),
    }
}

impl Refusal {
    /// The one that is among the sources of an error.
    fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        error.downcast_ref().or_else(|| Self::within(error.source()?))
    }

    /// Whether it means that there is no such version: its id has not the form of one, or it marks a deletion.
    fn is_of_version(&self) -> bool {
        self.status == 405 || (self.status == 400 && self.body.contains("<Code>InvalidArgument</Code>"))
    }

    /// An answer that is neither a success nor one that the crate `object_store` knows.
    pub(super) fn is_one(status: u16) -> bool {
        matches!(status, 300..=499) && !matches!(status, 304 | 401 | 403 | 404 | 408 | 409 | 412 | 429)
    }
}

/// A client that turns refusals into errors which [`of_store`] finds again.
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
        let body = response.into_body().bytes().await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        Err(HttpError::new(HttpErrorKind::Unknown, Refusal { status, body }))
    }
}

/// An answer to a request that was sent without the crate `object_store`.
pub(super) fn of_status(status: u16, body: String) -> Error {
    let refusal = Refusal { status, body };
    match status {
        404 => Error::ObjectNotFound("There is no such bucket. Check its name."),
        408 | 429 | 500.. => Error::StorageUnavailable(refusal.into()),
        _ => Error::StorageDenied(refusal.into()),
    }
}
