//! Images that are referenced rather than sent: S3 objects, and uploads from `POST /uploads`.

use serde::Deserialize;

use super::intake::Intake;
use super::value;
use crate::error::Error;

/// The location of an image that is not in the request. It has not been validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An S3 object.
    Object {
        /// The name of the bucket.
        bucket: String,
        /// The key, without percent-encoding.
        key: String,
        /// The version; `None` for the latest one.
        version_id: Option<String>,
    },
    /// The id of an upload, as returned by `POST /uploads`.
    Upload(String),
}

/// Fields that hold a reference: those of this service, and of Rekognition.
const FIELDS: [&str; 3] = ["s3", "S3Object", "upload"];

/// An S3 object, in the format of this service or of Rekognition.
#[derive(Deserialize)]
struct Object {
    #[serde(alias = "Bucket")]
    bucket: String,
    #[serde(alias = "Name")]
    key: String,
    #[serde(alias = "Version", default)]
    version_id: Option<String>,
}

/// Whether a field with this name and value is a reference.
pub(super) fn is_one(name: &str, value: &str) -> bool {
    FIELDS.contains(&name) && value.starts_with(if name == "upload" { '"' } else { '{' })
}

/// Adds the image that a field references.
///
/// # Errors
///
/// Errors of the request as a whole. An error in the reference is stored in place of its image.
pub(super) fn add(intake: &mut Intake, name: &str, value: &str, what: &str) -> Result<(), Error> {
    let reference = if name == "upload" { upload(value, what) } else { object(value, what) };
    intake.add_reference(reference)
}

fn object(value: &str, what: &str) -> Result<Reference, Error> {
    let Object { bucket, key, version_id } = serde_json::from_str(value).map_err(|_| {
        Error::InvalidJson(format!(
            "The {what} must name an object as {{\"bucket\": \"…\", \"key\": \"…\"}}, with a \"version_id\" or without one."
        ))
    })?;
    Ok(Reference::Object { bucket, key, version_id: version_id.filter(|version| !version.is_empty()) })
}

fn upload(value: &str, what: &str) -> Result<Reference, Error> {
    let id = value::string(value, what, "the id that POST /uploads answered")?;
    Ok(Reference::Upload(id.into_owned()))
}
