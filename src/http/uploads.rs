//! `POST /uploads`: returns a presigned URL for a photo that is too large for the front door. The caller
//! uploads the photo to this URL.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{App, answer};
use crate::objects::UPLOAD_VALID;
use crate::text::shown;
use crate::{Config, Error};

pub(super) const PATH: &str = "/uploads";

/// The route, if a bucket for uploads is configured.
pub(super) fn routes(config: &Config) -> Router<Arc<App>> {
    match config.storage.upload_bucket {
        Some(_) => Router::new().route(PATH, post(offer)),
        None => Router::new(),
    }
}

/// The file to upload.
#[derive(Deserialize, ToSchema)]
#[schema(as = UploadRequest, description = "What is to be put.")]
pub(super) struct Wanted {
    /// The content type of the photo: `image/…`, or `application/octet-stream` if it is not known.
    #[schema(pattern = "^(image/[a-z0-9][a-z0-9.+-]{0,62}|application/octet-stream)$")]
    content_type: String,
    /// Size of the photo in bytes.
    #[schema(minimum = 1)]
    content_length: u64,
}

/// Where and how to upload the file.
#[derive(Serialize, ToSchema)]
#[schema(as = Upload, description = "Where to put a photo, and how.")]
pub(super) struct Offer {
    /// The id of the photo. Later requests reference it in their body: `{"upload": …}`.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    upload: String,
    /// The URL to send the photo to. It is a secret until it expires.
    url: String,
    /// The HTTP method for this URL.
    #[schema(pattern = "^PUT$")]
    method: &'static str,
    /// The headers of the upload request. They are signed: a request with other headers is rejected.
    headers: Headers,
    /// Seconds within which the upload must start.
    #[schema(minimum = 1)]
    expires_in: u64,
}

/// The headers of the upload request.
#[derive(Serialize, ToSchema)]
#[schema(as = UploadHeaders)]
struct Headers {
    #[serde(rename = "content-type")]
    content_type: String,
    #[serde(rename = "content-length")]
    content_length: String,
}

/// Returns a presigned URL.
async fn offer(State(app): State<Arc<App>>, body: Bytes) -> Result<Response, Error> {
    let Wanted { content_type, content_length } = serde_json::from_slice(&body).map_err(|_| {
        Error::InvalidJson(
            "The body must say what is to be put, as {\"content_type\": \"image/jpeg\", \"content_length\": 8000000}."
                .to_owned(),
        )
    })?;
    if !is_type(&content_type) {
        return Err(Error::InvalidParameter(format!(
            "content_type must be image/… or application/octet-stream, in lower case; {} was found.",
            shown(&content_type)
        )));
    }
    if content_length == 0 {
        return Err(Error::InvalidParameter("content_length must be at least 1; 0 was found.".to_owned()));
    }
    let ticket = app.objects.offer(&content_type, content_length).await?;
    answer::json(&Offer {
        upload: ticket.id,
        url: ticket.url,
        method: "PUT",
        headers: Headers { content_type, content_length: content_length.to_string() },
        expires_in: UPLOAD_VALID.as_secs(),
    })
}

/// Whether a photo may have this content type. Web pages and scripts cannot be uploaded, because others may
/// read the bucket later. SVG is rejected because it can contain scripts.
fn is_type(text: &str) -> bool {
    let Some(kind) = text.strip_prefix("image/") else { return text == "application/octet-stream" };
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'+' | b'-');
    (1..=63).contains(&kind.len())
        && kind.bytes().all(is_plain)
        && kind.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && !kind.starts_with("svg")
}
