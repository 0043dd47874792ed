//! `application/x-www-form-urlencoded`.
//!
//! Not read with a library, because those rightly take `+` for a space, and here it is a character of base64
//! that the sender did not encode.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::declared::{Declared, Kind};
use super::intake::Intake;
use super::text::{self, Origin, Spaces};
use super::{Limits, RawOptions, Submission, Upload};
use crate::error::Error;

/// Fields that are looked at.
const MAX_FIELDS: usize = 1024;

/// A field of this name is an image whatever it holds, and its faults are reported; one of another name is an
/// image only if it holds one.
pub(super) fn names_image(name: &str) -> bool {
    let name = name.strip_suffix("[]").unwrap_or(name);
    ["image", "images", "inputs", "file"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A form, rather than the bare base64 that `curl --data` sends under the same content type.
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
    let mut images: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for field in text.trim().split('&').take(MAX_FIELDS) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let name = percent_decode_str(name).decode_utf8_lossy();
        let value = percent_decode_str(value).decode_utf8_lossy();
        if RawOptions::has(&name) {
            intake.options.set(&name, &value.replace('+', " "))?;
        } else if names_image(&name) || text::promises_picture(&value) {
            images.push((name, value));
        }
    }
    // A field left blank beside one that was not is no image, as in multipart.
    if images.iter().any(|(_, value)| !value.trim().is_empty()) {
        images.retain(|(_, value)| !value.trim().is_empty());
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
        intake.add(text::image(&value, origin).map(|bytes| Upload { bytes, file_name: None }))?;
    }
    intake.finish()
}
