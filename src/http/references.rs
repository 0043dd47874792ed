//! Images that a request names: who may do so, and how they are read.

use std::time::Instant;

use super::App;
use super::body::{Reference, Upload};
use crate::Error;
use crate::objects::Location;
use crate::telemetry::{Notes, Stage};

/// What is told to a caller who did not show who they are.
pub(super) const UNKNOWN_CALLER: &str = "Objects may only be named by callers who show who they are, since labels tell what a private photo \
     shows. Whoever runs this service can set API_TOKEN, or have the front door check signed requests (AWS_IAM). Send the \
     image itself instead.";

/// What is told where no bucket is named.
const NO_BUCKETS: &str = "This service reads no objects. Whoever runs it can name the buckets that it may read in S3_BUCKETS. Send \
     the image itself instead.";

/// Put into a request's extensions, it says that the caller showed who they are: with the token, or by a signature that the
/// front door or AWS checked.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated;

/// Put into a request's extensions, it says when the objects that the request names must have been read.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// Reads an image that is named.
///
/// # Errors
///
/// [`Error::ReferenceNotAllowed`], [`Error::EmptyBody`], and those of reading objects.
pub(super) async fn read(
    app: &App,
    notes: &Notes,
    reference: Reference,
    is_authenticated: bool,
) -> Result<Upload, Error> {
    let storage = &app.config.storage;
    let start = Instant::now();
    let (found, file_name) = match reference {
        Reference::Object { .. } if !is_authenticated => {
            return Err(Error::ReferenceNotAllowed(UNKNOWN_CALLER));
        }
        Reference::Object { .. } if storage.buckets.is_empty() => {
            return Err(Error::ReferenceNotAllowed(NO_BUCKETS));
        }
        Reference::Object { bucket, key, version_id } => {
            let name = key.rsplit('/').next().map(str::to_owned);
            (app.objects.read(&Location { bucket, key, version_id }).await, name)
        }
        Reference::Upload(id) => (app.objects.read_upload(&id).await, None),
    };
    notes.record().spent(Stage::Storage, start);
    let bytes = found?;
    if bytes.is_empty() {
        return Err(Error::EmptyBody { what: "object".to_owned() });
    }
    Ok(Upload { bytes, file_name })
}
