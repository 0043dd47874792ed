//! Decodes text into bytes: base64 and data URLs, quoted or percent-encoded, also nested.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memchr;
use percent_encoding::percent_decode;

use super::base64::{self, Fault};
use super::{FRAME, sniff};
use crate::error::{Error, MADE_TEXT};

pub(super) use super::base64::Spaces;

/// Maximum number of base64 layers in a form or JSON field.
const MAX_LAYERS: usize = 3;

/// Windows' `certutil -encode` writes this before the base64 of any file, and `-----END …` after it.
const ARMOUR: &str = "-----BEGIN ";

/// The origin of a text, for error messages and limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    /// `request body`, `field "image"`, …; follows "The" in messages.
    pub what: &'a str,
    pub spaces: Spaces,
    /// Maximum size of one image in bytes.
    pub max_bytes: usize,
}

/// Decodes all layers of a text into the image.
pub(super) fn image(text: &str, origin: Origin<'_>) -> Result<Bytes, Error> {
    // Check this before trimming: the last byte of a picture may be a Unicode whitespace character.
    if let Some(restored) = sniff::undo_latin1(text.as_bytes()) {
        return checked(restored.into(), origin);
    }
    let text = trim(text);
    if sniff::is_document(text.as_bytes()) {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    }
    let mangled = || text.contains(char::REPLACEMENT_CHARACTER);
    let first =
        undo(text, origin).map_err(|error| if mangled() { Error::MangledBody(MADE_TEXT) } else { error })?;
    if has_words(text) && !sniff::is_known(&first) {
        return Err(Error::InvalidBase64(format!(
            "The {} is not base64: it has spaces between words, and decodes to no kind of file. Send the \
             bytes of the image as base64 or as a data URL.",
            origin.what
        )));
    }
    let mut bytes = Bytes::from(first);
    for _ in 1..MAX_LAYERS {
        if sniff::is_picture(&bytes) {
            break;
        }
        let inner = sniff::as_text(&bytes).filter(|inner| !sniff::is_document(trim(inner).as_bytes()));
        match inner.map(|inner| undo(inner, origin)) {
            Some(Ok(undone)) if sniff::is_known(&undone) || sniff::is_mangled(&undone) => {
                bytes = undone.into()
            }
            _ => break,
        }
    }
    checked(bytes, origin)
}

/// Checks that every image must pass, whatever its source: not empty, not too large, not mangled.
pub(super) fn checked(bytes: Bytes, origin: Origin<'_>) -> Result<Bytes, Error> {
    let bytes = match sniff::undo_latin1(&bytes) {
        Some(restored) => restored.into(),
        None => bytes.slice_ref(sniff::trim_start(&bytes)),
    };
    if bytes.is_empty() {
        return Err(Error::EmptyBody { what: origin.what.into() });
    }
    if bytes.len() > origin.max_bytes {
        return Err(Error::BodyTooLarge { max: origin.max_bytes });
    }
    if sniff::is_mangled(&bytes) && !sniff::is_document(&bytes) {
        return Err(Error::MangledBody(MADE_TEXT));
    }
    Ok(bytes)
}

/// Decodes one layer.
///
/// # Errors
///
/// `EmptyBody`; `BodyTooLarge`, before anything is decoded; and `InvalidBase64` for all other text.
pub(super) fn undo(text: &str, origin: Origin<'_>) -> Result<Vec<u8>, Error> {
    let text = unquote(trim(text));
    if text.is_empty() {
        return Err(Error::EmptyBody { what: origin.what.into() });
    }
    if is_remote(text) {
        return Err(Error::InvalidBase64(format!(
            "The {} is a URL. URLs are not fetched: send the bytes of the image, as base64 or as a data URL.",
            origin.what
        )));
    }
    if let Some(url) = DataUrl::parse(text) {
        return url.decode(origin);
    }
    if !has_percent(text) {
        return decode(text.as_bytes(), origin);
    }
    if let Some(bytes) = percent_encoded(text) {
        return Ok(bytes);
    }
    let plain: Cow<'_, [u8]> = percent_decode(text.as_bytes()).into();
    // A data URL that was percent-encoded as a whole.
    if let Cow::Owned(plain) = &plain
        && let Some(url) = std::str::from_utf8(plain).ok().and_then(DataUrl::parse)
    {
        return url.decode(origin);
    }
    decode(&plain, origin)
}

/// The bytes of a picture or document that was percent-encoded directly, as by
/// `curl --data-urlencode image@cat.jpg`. Returns `None` for all other text.
pub(super) fn percent_encoded(text: &str) -> Option<Vec<u8>> {
    if !has_percent(text) {
        return None;
    }
    // Encoders of bytes also encode "+", so a remaining "+" is a space.
    let plain = || text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect::<Vec<u8>>();
    let bytes: Vec<u8> = match percent_decode(text.as_bytes()).into() {
        Cow::Borrowed(_) => return None,
        Cow::Owned(_) => percent_decode(&plain()).collect(),
    };
    sniff::undo_latin1(&bytes)
        .or_else(|| (sniff::is_picture(&bytes) || sniff::is_document(&bytes)).then_some(bytes))
}

/// Whether there are spaces within lines. Words without punctuation are valid base64 if whitespace is
/// ignored.
pub(super) fn has_words(text: &str) -> bool {
    trim(text).contains(' ')
}

/// Whether the text names its own encoding, or is base64 except for a few characters.
pub(super) fn claims_base64(text: &str) -> bool {
    let text = unquote(trim(text));
    is_remote(text) || names_encoding(text) || has_prefix(text, "data:") || base64::resembles(text.as_bytes())
}

/// Whether the text is a data URL, possibly percent-encoded as a whole, or armored base64.
pub(super) fn names_encoding(text: &str) -> bool {
    let plain = unquote(trim(text));
    DataUrl::parse(plain).is_some() || has_prefix(plain, "data%3a") || trim(text).starts_with(ARMOUR)
}

/// Whether the first bytes of the text decode to a picture or to a mangled picture, with any number of layers
/// up to the maximum.
pub(super) fn promises_picture(text: &str) -> bool {
    let text = unquote(trim(text));
    if has_prefix(text, "data:image/") {
        return true;
    }
    let payload = DataUrl::parse(text).map_or(text, |url| url.payload);
    let head: &[u8] = payload.as_bytes().get(..2048).unwrap_or(payload.as_bytes());
    let mut bytes: Vec<u8> = Cow::from(percent_decode(head)).into_owned();
    (0..MAX_LAYERS).any(|_| {
        bytes = base64::peek(&bytes);
        sniff::is_picture(&bytes) || sniff::is_mangled(&bytes)
    })
}

fn decode(text: &[u8], origin: Origin<'_>) -> Result<Vec<u8>, Error> {
    // The inner layers of nested base64 are larger than the image, by a factor of at most (4/3)^2.
    let max = origin.max_bytes;
    let too_large = |len: usize| {
        len > max.saturating_mul(2).saturating_add(FRAME)
            || (len > max && sniff::is_picture(&base64::peek(text)))
    };
    if too_large(text.len() / 4 * 3) && too_large(base64::symbols(text) * 3 / 4) {
        return Err(Error::BodyTooLarge { max });
    }
    base64::decode(text, origin.spaces).map_err(|fault| Error::InvalidBase64(explain(text, fault, origin)))
}

fn explain(text: &[u8], fault: Fault, Origin { what, .. }: Origin<'_>) -> String {
    let advice = "Send the bytes of the image as base64 or as a data URL.";
    match fault {
        Fault::Byte(at) => {
            let rest = text.get(at..).unwrap_or_default();
            let rest = String::from_utf8_lossy(rest.get(..4).unwrap_or(rest));
            let found = rest.chars().next().unwrap_or_default().escape_debug();
            format!(
                "The {what} is not valid base64: \"{found}\" at position {} is not in its alphabet. {advice}",
                at + 1
            )
        }
        Fault::Padding(at) => format!(
            "The {what} is not valid base64: there is padding (\"=\") before the end, with more behind it at \
             position {}. {advice}",
            at + 1
        ),
        Fault::Length(symbols) => format!(
            "The {what} is not valid base64: {symbols} characters are no whole number of bytes, so at \
             least one is missing. Was it cut off, or \"+\" turned into a space? {advice}"
        ),
    }
}

/// `data:[<type>][;<parameter>]…[;base64],<payload>` (RFC 2397), also without the `data:` scheme.
struct DataUrl<'a> {
    base64: bool,
    payload: &'a str,
}

impl<'a> DataUrl<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut url = Self::parse_once(text)?;
        // Some front ends add the header to the output of `readAsDataURL`, which already has one.
        while has_prefix(url.payload, "data:")
            && let Some(inner) = Self::parse_once(url.payload)
        {
            url = inner;
        }
        Some(url)
    }

    fn parse_once(text: &'a str) -> Option<Self> {
        let scheme = has_prefix(text, "data:");
        // Without the scheme, search for a comma only where such a header could end.
        let end =
            if scheme { text.find(',')? } else { text.bytes().take(128).position(|byte| byte == b',')? };
        let (header, payload) = (text.get(..end)?, text.get(end + 1..)?);
        let mut parameters = header.get(if scheme { 5.. } else { 0.. })?.split(';').map(str::trim);
        let base64 = parameters.any(|parameter| parameter.eq_ignore_ascii_case("base64"));
        // `photo=data:image/png;base64,` is a form field, not a data URL header.
        (scheme || (base64 && !header.contains('='))).then_some(Self { base64, payload })
    }

    fn decode(&self, origin: Origin<'_>) -> Result<Vec<u8>, Error> {
        let plain: Cow<'_, [u8]> = match has_percent(self.payload) {
            true => percent_decode(self.payload.as_bytes()).into(),
            false => self.payload.as_bytes().into(),
        };
        if self.base64 { decode(&plain, origin) } else { Ok(plain.into_owned()) }
    }
}

/// Whether there may be percent-encoding. This check is fast even for megabytes of base64, which contain
/// none.
fn has_percent(text: &str) -> bool {
    memchr(b'%', text.as_bytes()).is_some()
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_remote(text: &str) -> bool {
    ["http://", "https://", "s3://", "gs://", "ftp://", "file://", "blob:"]
        .iter()
        .any(|scheme| has_prefix(text, scheme))
}

/// Removes whitespace and byte order marks at both ends.
fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || character == '\u{FEFF}')
}

/// Removes the quotes of a shell, of JSON, or of Python's `str(b64encode(…))`, which returns `b'…'`, and
/// removes armor.
fn unquote(text: &str) -> &str {
    if text.starts_with(ARMOUR) {
        let inner = text.split_once('\n').and_then(|(_, rest)| rest.split_once("-----END "));
        return inner.map_or(text, |(inner, _)| trim(inner));
    }
    let inner = text.strip_prefix('b').filter(|rest| rest.starts_with(['"', '\''])).unwrap_or(text);
    for quote in ['"', '\'', '`'] {
        if let Some(inner) = inner.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return trim(inner);
        }
    }
    text
}
