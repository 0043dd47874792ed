//! Images that a request references instead of sending: who may use them, and how they are read.

use std::time::Instant;

use super::App;
use super::body::{Reference, Upload};
use crate::Error;
use crate::objects::Location;
use crate::telemetry::{Notes, Stage};

/// The error detail for callers who are not authenticated.
pub(super) const UNKNOWN_CALLER: &str = "Objects may only be named by callers who show who they are, since labels tell what a private photo \
     shows. Whoever runs this service can set API_TOKEN, or have the front door check signed requests (AWS_IAM). Send the \
     image itself instead.";

/// The error detail if no bucket is configured.
const NO_BUCKETS: &str = "This service reads no objects. Whoever runs it can name the buckets that it may read in S3_BUCKETS. Send \
     the image itself instead.";

/// A request extension: the caller is authenticated, by the token or by a signature that the front door or
/// AWS checked.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated;

/// A request extension: the deadline for reading the objects that the request references.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// Reads a referenced image.
///
/// # Errors
///
/// [`Error::ReferenceNotAllowed`], [`Error::EmptyBody`], and the errors of reading objects.
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
