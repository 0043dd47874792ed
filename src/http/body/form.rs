//! `application/x-www-form-urlencoded`.
//!
//! This does not use a library. Libraries correctly decode `+` as a space, but here `+` is usually a base64
//! character that the sender did not encode.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::declared::{Declared, Kind};
use super::intake::Intake;
use super::text::{self, Origin, Spaces};
use super::{Limits, RawOptions, Submission, Upload, sniff};
use crate::error::Error;

/// Maximum number of fields that are read.
const MAX_FIELDS: usize = 1024;

/// Whether a field name denotes an image. Such a field is always an image, and its errors are reported. Other
/// fields are images only if they contain one.
pub(super) fn names_image(name: &str) -> bool {
    let name = name.strip_suffix("[]").unwrap_or(name);
    ["image", "images", "inputs", "file"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether the text is a form, rather than the bare base64 that `curl --data` sends with the same content
/// type.
pub(super) fn is_form(text: &str, declared: &Declared) -> bool {
    let text = text.trim();
    let name = text.split_once('=').map(|(name, _)| name).filter(|name| name.len() <= 64);
    if name.is_some_and(|name| is_known(&percent_decode_str(name).decode_utf8_lossy())) {
        return true;
    }
    let nameless = text.trim_end_matches(['=', '"', '\'']);
    declared.kind == Kind::Form
        && !text::names_encoding(text)
        && (text.contains('&') || nameless.contains('='))
}

fn is_known(name: &str) -> bool {
    names_image(name) || RawOptions::has(name)
}

pub(super) fn read(text: &str, limits: Limits) -> Result<Submission, Error> {
    let mut intake = Intake::new(limits);
    let mut images: Vec<(Cow<'_, str>, Value<'_>)> = Vec::new();
    for field in text.trim().split('&').take(MAX_FIELDS) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let name = percent_decode_str(name).decode_utf8_lossy();
        if RawOptions::has(&name) {
            intake.options.set(&name, &percent_decode_str(value).decode_utf8_lossy().replace('+', " "))?;
            continue;
        }
        let value = Value::decode(value);
        if names_image(&name) || value.promises_picture() {
            images.push((name, value));
        }
    }
    // Ignore blank image fields if another one is not blank, as for multipart.
    if images.iter().any(|(_, value)| !value.is_blank()) {
        images.retain(|(_, value)| !value.is_blank());
    }
    if images.is_empty() {
        return Err(Error::MissingImage(
            "The form holds no image. Send it as base64 or as a data URL in the field \"image\".".into(),
        ));
    }
    intake.announce(images.len())?;
    for (name, value) in images {
        let what = format!("field {}", super::disposition::shown(&name));
        let origin = Origin { what: &what, spaces: Spaces::ArePlus, max_bytes: limits.max_bytes };
        let bytes = match value {
            Value::Bytes(bytes) => text::checked(bytes.into(), origin),
            Value::Text(text) => text::image(&text, origin),
        };
        intake.add(bytes.map(|bytes| Upload { bytes, file_name: None }))?;
    }
    intake.finish()
}

/// A percent-decoded field value.
enum Value<'a> {
    /// The raw bytes of a picture or document.
    Bytes(Vec<u8>),
    /// Text that may encode a picture.
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    fn decode(value: &'a str) -> Self {
        // Try bytes first, because decoding them as text would lose data.
        text::percent_encoded(value)
            .map_or_else(|| Self::Text(percent_decode_str(value).decode_utf8_lossy()), Self::Bytes)
    }

    fn promises_picture(&self) -> bool {
        match self {
            Self::Bytes(bytes) => sniff::is_picture(bytes),
            Self::Text(text) => text::promises_picture(text),
        }
    }

    fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}
