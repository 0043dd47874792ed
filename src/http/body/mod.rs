//! Parses a request body into images and options.
//!
//! This module is pure: it takes a content type and bytes, and returns a [`Submission`]. It does not depend
//! on HTTP types, Lambda or async.
//!
//! The format is detected from the body. The content type only resolves ambiguous bodies and selects the
//! error message if nothing else fits. Each layer of encoding (base64, data URL, JSON string, UTF-16) is
//! removed and its content is examined again, a limited number of times. `layer.rs` defines the order in
//! which formats are tried. A body in none of these formats is passed on as an image; the `image` module then
//! reports what it is.

mod base64;
mod boundary;
mod declared;
mod dialect;
mod disposition;
mod form;
mod intake;
mod json;
mod layer;
mod multipart;
mod numbers;
mod options;
mod parameters;
mod parts;
mod reference;
mod sniff;
mod text;
mod value;

#[cfg(test)]
mod robustness;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use self::declared::Declared;
use self::layer::{Layer, Step};
use crate::error::Error;

pub(super) use self::json::Document;
pub use self::options::RawOptions;
pub(super) use self::options::parse_flag;
pub use self::reference::Reference;

/// Whether a JSON field of this name may hold images.
pub(crate) fn is_image_field(name: &str) -> bool {
    json::IMAGE_FIELDS.contains(&name)
}

/// Decodes base64 in any variant. Returns `None` if the text is not base64.
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    base64::decode(text, base64::Spaces::AreNothing).ok()
}

/// Maximum number of layers: three of base64, plus one JSON string or UTF-16 encoding.
const MAX_LAYERS: usize = 4;

/// Accepted body bytes per image byte. Three layers of base64 take 64/27 ≈ 2.4; line breaks, escapes and the
/// remaining structure need a little more.
const OVERHEAD: usize = 3;

/// Body bytes that are always accepted in addition, for the structure around small images.
const FRAME: usize = 64 * 1024;

/// Limits of a request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Total size of all images in bytes, after base64 decoding.
    pub max_bytes: usize,
    /// Maximum number of images, at least 1.
    pub max_images: usize,
}

impl Limits {
    /// Maximum length of a body in bytes.
    pub fn max_body_bytes(self) -> usize {
        self.max_bytes.saturating_mul(OVERHEAD).saturating_add(FRAME)
    }
}

/// The bytes of one image. Only the first few have been examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Never empty. A slice of the request's memory if no decoding was needed.
    pub bytes: Bytes,
    /// The last component of the name from the client, without control characters, at most 255 characters
    /// long.
    pub file_name: Option<String>,
}

/// One image of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// The image was part of the request.
    Sent(Upload),
    /// The image is stored elsewhere.
    Elsewhere(Reference),
}

impl Image {
    /// The uploaded image, or `None` for a reference.
    pub fn sent(&self) -> Option<&Upload> {
        match self {
            Self::Sent(upload) => Some(upload),
            Self::Elsewhere(_) => None,
        }
    }
}

/// The content of one request body.
#[derive(Debug)]
pub struct Submission {
    /// At least one image, in the order of the body. An `Err` concerns only that image, and only occurs if
    /// `several` is set.
    pub images: Vec<Result<Image, Error>>,
    /// The response has the form `{"results": […]}`. This is set if the body has a list of images, even with
    /// one entry, or if several parts or fields contain an image.
    pub several: bool,
    /// `top_k`, `min_score` and other options in the body.
    pub options: RawOptions,
}

/// Finds the images and options of a request body.
///
/// `content_type` is the unmodified value of the header. The time is linear in the size of the body and close
/// to zero for raw bytes. The work is done on the calling thread.
///
/// # Errors
///
/// `EmptyBody`, `MissingImage`, `InvalidBase64`, `InvalidJson`, `InvalidMultipart`, `InvalidParameter`,
/// `MangledBody`, `TooManyImages` (all 400) and `BodyTooLarge` (413). The error of a single image is
/// returned; with several images, it becomes an entry of [`Submission::images`].
pub fn parse(content_type: Option<&str>, body: Bytes, limits: Limits) -> Result<Submission, Error> {
    if body.len() > limits.max_body_bytes() {
        return Err(Error::BodyTooLarge { max: limits.max_bytes });
    }
    let declared = Declared::parse(content_type.unwrap_or_default());
    let mut body = body;
    for depth in 0..=MAX_LAYERS {
        match (Layer { declared: &declared, limits, depth }).read(&body)? {
            Step::Done(submission) => return Ok(submission),
            Step::Unwrapped(inner) => body = inner,
        }
    }
    Err(Error::InvalidBase64(format!(
        "The request body is still wrapped after {MAX_LAYERS} layers of base64 or quoting were undone. \
         Encode the image once."
    )))
}
