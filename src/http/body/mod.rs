//! A request body → images and options.
//!
//! Pure: (content type, bytes) in, [`Submission`] out. Nothing here knows HTTP types, Lambda or async.
//!
//! The body decides what it is; the content type only helps where the body alone is ambiguous, and names
//! the error where nothing else fits. Each wrapping (base64, data URL, JSON string, UTF-16) is undone and
//! what was in it looked at afresh, a few times at most; `layer.rs` has the order in which the forms are
//! tried. What is in none of them is handed on as the image it was sent as: naming it is for `image/`.

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

/// Whether JSON may hold images in a field of this name.
pub(crate) fn is_image_field(name: &str) -> bool {
    json::IMAGE_FIELDS.contains(&name)
}

/// Undoes base64 in any dialect; `None` if the text is not base64.
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    base64::decode(text, base64::Spaces::AreNothing).ok()
}

/// Wrappings that are undone: base64 three times over, and one JSON string or change of encoding around it.
const MAX_LAYERS: usize = 4;

/// Bytes of a body for each byte of image that is accepted. Base64 three times over takes 64/27 ≈ 2.4, and
/// line breaks, escapes and the rest of the form need a little more.
const OVERHEAD: usize = 3;

/// Bytes of a body that are accepted however small the images must be: room for the form around them.
const FRAME: usize = 64 * 1024;

/// What a request may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of all images together, after base64 is undone.
    pub max_bytes: usize,
    /// Images in one request, at least 1.
    pub max_images: usize,
}

impl Limits {
    /// Bytes of the longest body that is worth taking in.
    pub fn max_body_bytes(self) -> usize {
        self.max_bytes.saturating_mul(OVERHEAD).saturating_add(FRAME)
    }
}

/// The bytes of one image, not looked at beyond their first few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Never empty. A slice of the request's own memory where no decoding was needed.
    pub bytes: Bytes,
    /// The last component of the name the client gave, without control characters, at most 255 of them.
    pub file_name: Option<String>,
}

/// One image of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// Its bytes.
    Sent(Upload),
    /// Where it lies.
    Elsewhere(Reference),
}

impl Image {
    /// The image that was sent, if it was.
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
    /// At least one, in the order of the body. An `Err` is the fault of that image alone, and there is none
    /// unless `several` is set.
    pub images: Vec<Result<Image, Error>>,
    /// The answer has the form `{"results": […]}`: a list of images was sent, if only with one entry, or more
    /// than one part or field with an image.
    pub several: bool,
    /// `top_k`, `min_score` and the like where the body has them.
    pub options: RawOptions,
}

/// Finds the images and options of a request body.
///
/// `content_type` is the header's value as it came, if any; it needs no cleaning. The time is linear in the
/// body, next to none for raw bytes, and is spent on the calling thread.
///
/// # Errors
///
/// `EmptyBody`, `MissingImage`, `InvalidBase64`, `InvalidJson`, `InvalidMultipart`, `InvalidParameter`,
/// `MangledBody`, `TooManyImages` (all 400) and `BodyTooLarge` (413). With one image its fault is the
/// request's; with several it is an entry of [`Submission::images`].
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
