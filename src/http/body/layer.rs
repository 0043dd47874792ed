//! Determines the format of a body, one layer at a time.
//!
//! The formats are tried in this order, from unambiguous to ambiguous:
//!
//! 1. The magic bytes of a picture, in a supported format or not: passed on without a copy.
//! 2. Multipart, declared or detected.
//! 3. Other binary data: passed on.
//! 4. JSON, detected by its first character; markup, PDF and similar documents, passed on; URL-encoded forms.
//! 5. Base64 and data URLs, and all other text.

use bytes::Bytes;

use super::declared::{Declared, Kind};
use super::intake::Intake;
use super::text::{Origin, Spaces};
use super::{Limits, Submission, Upload, boundary, form, json, multipart, sniff, text};
use crate::error::{Error, MADE_TEXT, STRIPPED};

/// The result of reading one layer.
pub(super) enum Step {
    Done(Submission),
    /// The body was an encoding of these bytes.
    Unwrapped(Bytes),
}

#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    pub declared: &'a Declared,
    pub limits: Limits,
    /// Number of layers that were decoded before.
    pub depth: usize,
}

impl Layer<'_> {
    pub fn read(self, body: &Bytes) -> Result<Step, Error> {
        let bytes = body.slice_ref(sniff::trim_start(body));
        if bytes.is_empty() {
            return Err(Error::EmptyBody { what: "request body".into() });
        }
        if let Some(restored) = sniff::undo_latin1(&bytes) {
            return Ok(Step::Unwrapped(restored.into()));
        }
        if sniff::is_picture(&bytes) {
            return self.whole(bytes);
        }
        if let Some(boundary) = boundary::find(&bytes, self.declared) {
            return multipart::read(&bytes, &boundary, self.limits).map(Step::Done);
        }
        if let Some(text) = sniff::utf16(&bytes) {
            return Ok(Step::Unwrapped(text.into()));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => self.read_text(&bytes, text),
            Err(_) => self.read_binary(bytes),
        }
    }

    fn read_binary(self, bytes: Bytes) -> Result<Step, Error> {
        // PowerShell sends JSON as ISO 8859-1. The image in it is ASCII and can still be read.
        if matches!(bytes.first(), Some(b'[' | b'{'))
            && let Ok(submission) = json::read(&String::from_utf8_lossy(&bytes), self.limits)
        {
            return Ok(Step::Done(submission));
        }
        match self.declared.kind {
            _ if is_mangled(&bytes) => Err(Error::MangledBody(MADE_TEXT)),
            _ if sniff::is_stripped(&bytes) => Err(Error::MangledBody(STRIPPED)),
            Kind::Json if !sniff::is_document(&bytes) => Err(json::not_json("it holds binary data")),
            Kind::Multipart if !sniff::is_document(&bytes) => Err(boundary::missing(self.declared)),
            _ => self.whole(bytes),
        }
    }

    fn read_text(self, bytes: &Bytes, text: &str) -> Result<Step, Error> {
        if sniff::is_document(bytes) && sniff::is_printable(text) {
            return self.whole(bytes.clone());
        }
        if text.starts_with(['[', '{']) {
            return json::read(text, self.limits).map(Step::Done);
        }
        if text.starts_with('"')
            && let Some(inner) = json::top_level_string(text)
        {
            return self.read_string(inner);
        }
        if self.declared.kind == Kind::Json && json::is_scalar(text) {
            return Err(json::missing_image());
        }
        let printable = sniff::is_printable(text);
        if printable && form::is_form(text, self.declared) {
            return form::read(text, self.limits).map(Step::Done);
        }
        if sniff::is_mangled(bytes) {
            return Err(Error::MangledBody(MADE_TEXT));
        }
        if printable { self.read_base64(bytes, text) } else { self.read_binary(bytes.clone()) }
    }

    /// A body that is a single JSON string: JSON encoded twice, or an image as in a JSON field.
    fn read_string(self, text: String) -> Result<Step, Error> {
        if text.trim_start().starts_with(['{', '[', '"']) {
            return Ok(Step::Unwrapped(text.into()));
        }
        let origin =
            Origin { what: "JSON string", spaces: Spaces::AreNothing, max_bytes: self.limits.max_bytes };
        text::image(&text, origin).map(Step::Unwrapped)
    }

    fn read_base64(self, bytes: &Bytes, text: &str) -> Result<Step, Error> {
        let spaces = if self.declared.kind == Kind::Form { Spaces::ArePlus } else { Spaces::AreNothing };
        let origin = Origin { what: "request body", spaces, max_bytes: self.limits.max_bytes };
        let inner = match text::undo(text, origin) {
            Ok(inner) => inner,
            Err(Error::InvalidBase64(detail)) => return self.refuse(bytes, text, detail),
            Err(other) => return Err(other),
        };
        if is_mangled(&inner) {
            Err(Error::MangledBody(MADE_TEXT))
        } else if sniff::is_known(&inner) || boundary::find(&inner, self.declared).is_some() {
            Ok(Step::Unwrapped(inner.into()))
        } else if self.depth > 0 || text::has_words(text) {
            // "hello world" is also valid base64, for seven arbitrary bytes. If the result is not a known
            // format, the body was plain text.
            self.whole(bytes.clone())
        } else {
            self.whole(inner.into())
        }
    }

    /// Handles text that is not base64. If it does not even resemble base64, it is passed on like any other
    /// file.
    fn refuse(self, bytes: &Bytes, text: &str, detail: String) -> Result<Step, Error> {
        match self.declared.kind {
            Kind::Json => Err(json::not_json("it begins with none of { [ \"")),
            Kind::Multipart => Err(boundary::missing(self.declared)),
            _ if text::claims_base64(text) => Err(Error::InvalidBase64(detail)),
            Kind::Form | Kind::Other => self.whole(bytes.clone()),
        }
    }

    /// The body itself is the image.
    fn whole(self, bytes: Bytes) -> Result<Step, Error> {
        if is_mangled(&bytes) {
            return Err(Error::MangledBody(MADE_TEXT));
        }
        if sniff::is_stripped(&bytes) {
            return Err(Error::MangledBody(STRIPPED));
        }
        let mut intake = Intake::new(self.limits);
        intake.add(Ok(Upload { bytes, file_name: None }))?;
        intake.finish().map(Step::Done)
    }
}

/// Whether the bytes are mangled. Documents are excluded, because their author may have written U+FFFD.
fn is_mangled(bytes: &[u8]) -> bool {
    sniff::is_mangled(bytes) && !sniff::is_document(bytes)
}
