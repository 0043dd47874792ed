//! Parses `multipart/form-data` into images and options.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use memchr::memchr;
use multer::{Field, Multipart};

use super::boundary;
use super::declared::{Declared, Kind};
use super::disposition::{Disposition, clean_file_name, shown};
use super::form::names_image;
use super::intake::Intake;
use super::parts::{self, broken};
use super::text::{self, Origin, Spaces};
use super::{Limits, RawOptions, Submission, Upload, sniff};
use crate::error::Error;

/// Maximum depth of nested multipart bodies. curl sends several files of one field as a nested body.
const MAX_NESTED: usize = 2;

struct Part {
    disposition: Disposition,
    /// The boundary of this part, if it is multipart itself.
    boundary: Option<String>,
    /// `Content-Type` is an image type or `application/octet-stream`.
    declared_binary: bool,
    /// `Content-Transfer-Encoding: base64`.
    base64: bool,
    data: Bytes,
}

/// The purpose of a part.
#[derive(Debug, PartialEq, Eq)]
enum Role {
    Image,
    /// An image field without content, as browsers send it if no file is selected.
    Blank,
    Option,
    /// A text field that is ignored.
    Other,
}

pub(super) fn read(body: &Bytes, boundary: &str, limits: Limits) -> Result<Submission, Error> {
    let mut intake = Intake::new(limits);
    let (mut images, mut blanks) = (Vec::new(), Vec::new());
    for part in read_parts(body, boundary, MAX_NESTED)? {
        match part.role() {
            Role::Image => images.push(part),
            Role::Blank => blanks.push(part),
            Role::Option => {
                intake.options.set(&part.disposition.name, &String::from_utf8_lossy(&part.data))?
            }
            Role::Other => {}
        }
    }
    if images.is_empty() {
        // A blank image field is ignored if there are other images. If all are blank, report one as the
        // error.
        blanks.truncate(1);
        images = blanks;
    }
    if images.is_empty() {
        return Err(Error::MissingImage(
            "The form holds no image. Send it as a file in a field of any name, or as base64 or a data URL \
             in the field \"image\"."
                .into(),
        ));
    }
    intake.announce(images.len())?;
    for part in images {
        intake.add(part.into_upload(limits))?;
    }
    intake.finish()
}

/// Reads all parts with the library. Its future never waits, because all bytes are in memory.
fn read_parts(body: &Bytes, boundary: &str, nested: usize) -> Result<Vec<Part>, Error> {
    let normal = parts::normalise(body, boundary)?;
    let chunks = [normal.body, normal.closing].into_iter().filter(|chunk| !chunk.is_empty());
    let mut multipart = Multipart::new(stream::iter(chunks.map(Ok::<_, Infallible>)), normal.boundary);
    let mut found = Vec::new();
    while let Some(field) = multipart.next_field().now_or_never().ok_or_else(broken)?.map_err(|_| broken())? {
        let part = Part::read(field)?;
        match &part.boundary {
            Some(inner) if nested > 0 => found.extend(read_parts(&part.data, inner, nested - 1)?),
            _ => found.push(part),
        }
    }
    Ok(found)
}

impl Part {
    fn read(mut field: Field<'_>) -> Result<Self, Error> {
        let header =
            |name: &str| field.headers().get(name).map_or(&b""[..], |value| value.as_bytes().trim_ascii());
        let disposition = Disposition::parse(header("content-disposition"));
        let content_type = header("content-type").to_ascii_lowercase();
        let declared_binary =
            content_type.starts_with(b"image/") || content_type.starts_with(b"application/octet-stream");
        let declared = Declared::parse(str::from_utf8(header("content-type")).unwrap_or_default());
        let base64 = header("content-transfer-encoding").eq_ignore_ascii_case(b"base64");

        let quoted_printable = header("content-transfer-encoding").eq_ignore_ascii_case(b"quoted-printable");

        // Usually there is one chunk, a slice of the body, because the whole body is in memory.
        let mut data = Bytes::new();
        while let Some(chunk) = field.chunk().now_or_never().ok_or_else(broken)?.map_err(|_| broken())? {
            data = if data.is_empty() { chunk } else { [data, chunk].concat().into() };
        }
        // Like base64, this encoding is often declared but not applied.
        if quoted_printable && !sniff::is_picture(sniff::trim_start(&data)) {
            data = undo_quoted_printable(&data).into();
        }
        let is_multipart = declared.kind == Kind::Multipart;
        let boundary = is_multipart.then(|| boundary::find(&data, &declared)).flatten();
        Ok(Self { disposition, boundary, declared_binary, base64, data })
    }

    fn role(&self) -> Role {
        let bytes = sniff::trim_start(&self.data);
        let is_file = self.disposition.file_name.is_some();
        let is_named = names_image(&self.disposition.name);
        if !is_file && RawOptions::has(&self.disposition.name) {
            return Role::Option;
        }
        if bytes.is_empty() && self.disposition.file_name.as_deref().unwrap_or_default().is_empty() {
            return if is_file || is_named || self.declared_binary { Role::Blank } else { Role::Other };
        }
        let is_image = is_file
            || is_named
            || self.declared_binary
            || self.base64
            || sniff::is_picture(bytes)
            // Binary data. Text that is not UTF-8 does not count: old browsers send comments with accents
            // like this.
            || bytes.contains(&0)
            || sniff::as_text(bytes).is_some_and(text::promises_picture);
        if is_image { Role::Image } else { Role::Other }
    }

    fn into_upload(self, limits: Limits) -> Result<Upload, Error> {
        let name = shown(&self.disposition.name);
        let what = if name == "\"\"" { "file in the form".to_owned() } else { format!("part {name}") };
        let origin = Origin { what: &what, spaces: Spaces::AreNothing, max_bytes: limits.max_bytes };
        let bytes = self.image(origin)?;
        Ok(Upload { bytes, file_name: self.disposition.file_name.as_deref().and_then(clean_file_name) })
    }

    fn image(&self, origin: Origin<'_>) -> Result<Bytes, Error> {
        let bytes = sniff::trim_start(&self.data);
        if bytes.is_empty() || sniff::is_picture(bytes) {
            return text::checked(self.data.clone(), origin);
        }
        if let Some(text) = sniff::utf16(bytes) {
            return text::image(&text, origin);
        }
        // A file may be plain text; the `image` module reports that. A text field must be base64.
        let must_decode = self.base64 || (self.disposition.file_name.is_none() && !self.declared_binary);
        match std::str::from_utf8(bytes) {
            Ok(text) if must_decode || text::promises_picture(text) => text::image(text, origin),
            _ => text::checked(self.data.clone(), origin),
        }
    }
}

/// Decodes quoted-printable (RFC 2045): `=XX` and soft line breaks. Any other `=` is kept.
fn undo_quoted_printable(data: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some(at) = memchr(b'=', rest) {
        let (before, after) = rest.split_at(at);
        plain.extend_from_slice(before);
        let after = after.get(1..).unwrap_or_default();
        let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let escaped = match after {
            [high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = match (after.get(blanks..).unwrap_or_default(), escaped) {
            ([b'\r', b'\n', next @ ..] | [b'\n', next @ ..], _) => next,
            (_, Some((high, low))) => {
                plain.push(high << 4 | low);
                after.get(2..).unwrap_or_default()
            }
            _ => {
                plain.push(b'=');
                after
            }
        };
    }
    plain.extend_from_slice(rest);
    plain
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
