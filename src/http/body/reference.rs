//! Images that are named rather than sent: objects of S3, and uploads of `POST /uploads`.

use serde::Deserialize;

use super::intake::Intake;
use super::value;
use crate::error::Error;

/// Where an image lies that is not in the request. Nothing of it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An object of S3.
    Object {
        /// The bucket's name.
        bucket: String,
        /// The key as it is, not percent-encoded.
        key: String,
        /// The version; the latest one if it is `None`.
        version_id: Option<String>,
    },
    /// What was put to the address that `POST /uploads` answered, by its id.
    Upload(String),
}

/// The fields that hold a reference: ours, and Rekognition's.
const FIELDS: [&str; 3] = ["s3", "S3Object", "upload"];

/// An object of S3, as this service and Rekognition name it.
#[derive(Deserialize)]
struct Object {
    #[serde(alias = "Bucket")]
    bucket: String,
    #[serde(alias = "Name")]
    key: String,
    #[serde(alias = "Version", default)]
    version_id: Option<String>,
}

/// Whether a field of this name holds a reference, if it holds this value.
pub(super) fn is_one(name: &str, value: &str) -> bool {
    FIELDS.contains(&name) && value.starts_with(if name == "upload" { '"' } else { '{' })
}

/// Adds the image that a field names.
///
/// # Errors
///
/// A fault of the request as a whole. What is wrong with the reference takes the place of its image instead.
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
