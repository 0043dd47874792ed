//! A request body → images and options.
//!
//! Pure: (content type, bytes) in, [`Submission`] out. Nothing here knows HTTP types, Lambda or async.
//!
//! The body decides what it is; the content type only helps where the body alone is ambiguous, and names the
//! error where nothing else fits. A body is looked at in this order, and each wrapping (base64, data URL, JSON
//! string, UTF-16) is undone and the result looked at afresh, at most [`MAX_LAYERS`] times:
//!
//! 1. magic bytes of a picture, of an accepted kind or not: handed on as they are, without a copy;
//! 2. multipart, declared or evident ([`multipart`]);
//! 3. anything else that is not text: handed on, so that the image module can name what it is;
//! 4. JSON ([`json`]), markup and PDF (handed on), `application/x-www-form-urlencoded` ([`form`]);
//! 5. base64 and data URLs ([`text`], [`base64`]).
//!
//! What is handed on is not known to be an image: that is for `image/` to say.

mod base64;
mod boundary;
mod declared;
mod disposition;
mod form;
mod intake;
mod json;
mod multipart;
mod options;
mod parts;
mod sniff;
mod text;

#[cfg(test)]
mod robustness;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use self::declared::{Declared, Kind};
use self::intake::Intake;
use self::text::{Origin, Spaces};
use crate::error::Error;

pub use self::options::{RawOptions, parse_min_score, parse_top_k};

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

/// The bytes of one image, not looked at beyond their first few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Never empty. A slice of the request's own memory where no decoding was needed.
    pub bytes: Bytes,
    /// The last component of the name the client gave, without control characters, at most 255 of them.
    pub file_name: Option<String>,
}

/// The content of one request body.
#[derive(Debug)]
pub struct Submission {
    /// At least one, in the order of the body. An `Err` is the fault of that image alone, and there is none
    /// unless `several` is set.
    pub images: Vec<Result<Upload, Error>>,
    /// The answer has the form `{"results": […]}`: a list of images was sent, if only with one entry, or more
    /// than one part or field with an image.
    pub several: bool,
    /// `top_k` and `min_score` where the body has them.
    pub options: RawOptions,
}

/// Finds the images and options of a request body.
///
/// `content_type` is the header's value as it came, if any; it needs no cleaning.
///
/// # Errors
///
/// `EmptyBody`, `MissingImage`, `InvalidBase64`, `InvalidJson`, `InvalidMultipart`, `InvalidParameter`,
/// `MangledBody`, `TooManyImages` (all 400) and `BodyTooLarge` (413). With one image its fault is the
/// request's; with several it is an entry of [`Submission::images`].
pub fn parse(content_type: Option<&str>, body: Bytes, limits: Limits) -> Result<Submission, Error> {
    if body.len() > limits.max_bytes.saturating_mul(OVERHEAD).saturating_add(FRAME) {
        return Err(Error::BodyTooLarge { max: limits.max_bytes });
    }
    let declared = Declared::parse(content_type.unwrap_or_default());
    let mut body = body;
    for layer in 0..=MAX_LAYERS {
        match read(&body, &declared, limits, layer)? {
            Step::Done(submission) => return Ok(submission),
            Step::Unwrapped(inner) => body = inner,
        }
    }
    Err(Error::InvalidBase64(format!(
        "The request body is still wrapped after {MAX_LAYERS} layers of base64 or quoting were undone. Encode \
         the image once."
    )))
}

/// What one look at the body came to.
enum Step {
    Done(Submission),
    Unwrapped(Bytes),
}

fn read(body: &Bytes, declared: &Declared, limits: Limits, layer: usize) -> Result<Step, Error> {
    let bytes = body.slice_ref(sniff::trim_start(body));
    if bytes.trim_ascii().is_empty() {
        return Err(Error::EmptyBody { what: "request body".into() });
    }
    let whole = || single(&bytes, limits);

    if sniff::is_picture(&bytes) {
        return if sniff::is_mangled(&bytes) { Err(Error::MangledBody) } else { whole() };
    }
    if let Some(boundary) = boundary::find(&bytes, declared) {
        return multipart::read(&bytes, &boundary, limits).map(Step::Done);
    }
    if let Some(text) = sniff::utf16(&bytes) {
        return Ok(Step::Unwrapped(text.into()));
    }
    let Ok(utf8) = std::str::from_utf8(&bytes) else {
        return binary(declared, sniff::is_document(&bytes)).map_or_else(whole, Err);
    };
    if let Some(restored) = sniff::undo_latin1(utf8) {
        return Ok(Step::Unwrapped(restored.into()));
    }
    match bytes.first() {
        Some(b'[' | b'{') if !utf8.starts_with("{\\rtf") => return json::read(utf8, limits).map(Step::Done),
        Some(b'"') => {
            if let Some(inner) = json::top_level_string(utf8) {
                return Ok(Step::Unwrapped(inner.into_bytes().into()));
            }
        }
        _ if declared.kind == Kind::Json && json::is_scalar(utf8) => return Err(json::missing_image()),
        _ => {}
    }
    if sniff::is_printable(utf8) {
        if sniff::is_document(&bytes) {
            return whole();
        }
        if form::is_form(utf8, declared) {
            return form::read(utf8, limits).map(Step::Done);
        }
    }
    if sniff::is_mangled(&bytes) {
        return Err(Error::MangledBody);
    }
    if !sniff::is_printable(utf8) {
        return binary(declared, false).map_or_else(whole, Err);
    }
    let spaces = if declared.kind == Kind::Form { Spaces::ArePlus } else { Spaces::AreNothing };
    let is_known = |inner: &[u8]| sniff::is_known(inner) || boundary::find(inner, declared).is_some();
    match text::undo(utf8, Origin { what: "request body", spaces, max_bytes: limits.max_bytes }) {
        // "hello world" is base64 of seven odd bytes: what decodes to nothing known was plain text.
        Ok(inner) if (layer > 0 || utf8.trim_end().contains(' ')) && !is_known(&inner) => whole(),
        Ok(inner) if is_known(&inner) => Ok(Step::Unwrapped(inner.into())),
        Ok(inner) => single(&Bytes::from(inner), limits),
        Err(Error::InvalidBase64(detail)) => refuse(utf8, declared, detail).map_or_else(whole, Err),
        Err(other) => Err(other),
    }
}

/// The whole body is the image.
fn single(bytes: &Bytes, limits: Limits) -> Result<Step, Error> {
    let mut intake = Intake::new(limits);
    intake.add(Ok(Upload { bytes: bytes.clone(), file_name: None }))?;
    intake.finish().map(Step::Done)
}

/// The error for bytes that are neither text nor a known kind of file, if what they were declared to be says
/// more than what they are.
fn binary(declared: &Declared, known: bool) -> Option<Error> {
    match declared.kind {
        _ if known => None,
        Kind::Json => Some(json::not_json("it holds binary data")),
        Kind::Multipart => Some(boundary::missing(declared)),
        Kind::Form | Kind::Other => None,
    }
}

/// The error for text that is no base64; none if it does not even resemble it, and is an image like any other
/// that the image module will name.
fn refuse(text: &str, declared: &Declared, detail: String) -> Option<Error> {
    match declared.kind {
        Kind::Json => Some(json::not_json("it begins with neither { nor [ nor \"")),
        Kind::Multipart => Some(boundary::missing(declared)),
        _ if text::claims_base64(text) => Some(Error::InvalidBase64(detail)),
        Kind::Form | Kind::Other => None,
    }
}
