//! Tables of every body format: input and expected result.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;

use super::*;

/// A handwritten 1×1 PNG.
pub(super) const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\xdac\xfc\xff\xff?\x03\0\x08\xfc\x02\xfe\xa7\x9a\xa0\xa0\0\0\0\0IEND\xaeB`\x82";

/// The beginning of a JPEG. It contains bytes that base64 encodes as `+` and `/`, and line breaks.
pub(super) const JPEG: &[u8] =
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xfb\xef\xbe\xff\xfe\r\n--\n\xfb\xff\xbf\xff\xd9";

pub(super) const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_images: 4 };

/// The result for a body, in a compact form for tables.
#[derive(Debug, PartialEq)]
struct Found {
    /// The bytes of each image, or the code of its error.
    images: Vec<Result<Vec<u8>, &'static str>>,
    several: bool,
    top_k: Option<usize>,
    min_score: Option<f32>,
}

fn found(content_type: &str, body: &[u8]) -> Result<Found, &'static str> {
    let content_type = Some(content_type).filter(|content_type| !content_type.is_empty());
    let submission =
        parse(content_type, Bytes::copy_from_slice(body), LIMITS).map_err(|error| error.code())?;
    let options = submission.options.check().map_err(|error| error.code())?;
    assert!(!submission.images.is_empty());
    let image = |image: Result<Image, Error>| match image {
        Ok(Image::Sent(upload)) => Ok(upload.bytes.to_vec()),
        Ok(Image::Elsewhere(reference)) => Ok(format!("{reference:?}").into_bytes()),
        Err(error) => Err(error.code()),
    };
    Ok(Found {
        images: submission.images.into_iter().map(image).collect(),
        several: submission.several,
        top_k: options.top_k,
        min_score: options.min_score,
    })
}

fn one(image: &[u8]) -> Result<Found, &'static str> {
    Ok(Found { images: vec![Ok(image.to_vec())], several: false, top_k: None, min_score: None })
}

fn one_with(image: &[u8], top_k: Option<usize>, min_score: Option<f32>) -> Result<Found, &'static str> {
    one(image).map(|found| Found { top_k, min_score, ..found })
}

fn many(images: &[Result<&[u8], &'static str>]) -> Result<Found, &'static str> {
    let images = images.iter().map(|image| image.map(<[u8]>::to_vec)).collect();
    Ok(Found { images, several: true, top_k: None, min_score: None })
}

/// (name, content type, body, expected result)
type Row<'a> = (&'a str, &'a str, Vec<u8>, Result<Found, &'static str>);

/// Checks a table and reports all rows that fail.
fn check(cases: &[Row<'_>]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(name, content_type, body, expected)| {
            (name, content_type, body, expected, found(content_type, body))
        })
        .filter(|(.., expected, actual)| *expected != actual)
        .map(|(name, content_type, body, expected, actual)| {
            let body = String::from_utf8_lossy(&body[..body.len().min(300)]);
            format!("{name}, {content_type:?}: {expected:?}, but {actual:?} of {body:?}")
        })
        .collect();
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// `text` with a line break after every `columns` characters.
fn wrapped(text: &str, columns: usize, line_end: &str) -> String {
    text.as_bytes().chunks(columns).map(|line| String::from_utf8_lossy(line) + line_end).collect()
}

fn mangled(bytes: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(bytes).into_owned().into_bytes()
}

/// `bytes` encoded like a JavaScript binary string: each byte as the character with the same number.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn percent(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(
            |&byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

mod dialects;
mod json_bodies;
mod multipart;
mod multipart_bodies;
mod multipart_headers;
mod raw;
mod references;
mod text_bodies;
