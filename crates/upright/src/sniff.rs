//! Detects the format of a file from its first bytes. The declared content type and the file name are
//! ignored.

use memchr::memmem;

use super::Format;
use crate::error::Error;

/// The description of data that is not recognised.
const UNKNOWN: &str = "The data";

const AVIF: &str = "An AVIF image";

/// Maximum number of bytes that are skipped before a JPEG file.
const MOST_BEFORE_JPEG: usize = 1024;

/// Returns the format of `bytes`, and the bytes from the start of the image. Whitespace before the image is
/// skipped, such as a line break that a careless multipart parser left there.
pub(super) fn sniff(bytes: &[u8]) -> Result<(Format, &[u8]), Error> {
    let trimmed = bytes.trim_ascii_start();
    if let Some(format) = format(trimmed) {
        return Ok((format, trimmed));
    }
    let found = describe(bytes);
    match jpeg_behind(bytes) {
        Some(jpeg) if found == UNKNOWN => Ok((Format::Jpeg, jpeg)),
        _ => Err(Error::UnsupportedFormat { found }),
    }
}

/// Finds a JPEG file behind bytes of a protocol, such as the headers of a frame in a camera stream.
fn jpeg_behind(bytes: &[u8]) -> Option<&[u8]> {
    let head = &bytes[..bytes.len().min(MOST_BEFORE_JPEG)];
    memmem::find(head, b"\xff\xd8\xff").map(|start| &bytes[start..])
}

/// Whether a file that begins with `head` has a supported format. `head` is the first 256 bytes or the whole
/// file, and may begin with whitespace.
pub fn is_image(head: &[u8]) -> bool {
    format(head.trim_ascii_start()).is_some()
}

fn format(bytes: &[u8]) -> Option<Format> {
    // Each pattern is as short as possible without being ambiguous. So a file that was cut after three bytes,
    // or whose line breaks were converted on the way, is reported as damaged and not as unknown.
    match bytes {
        [0xff, 0xd8] | [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', ..] => Some(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::WebP),
        [b'B', b'M', header @ ..] if is_bitmap(header) => Some(Format::Bmp),
        #[cfg(feature = "tiff")]
        _ if is_tiff(bytes) => Some(Format::Tiff),
        #[cfg(feature = "avif")]
        _ if iso_media(bytes) == Some(AVIF) => Some(Format::Avif),
        _ => None,
    }
}

/// Two letters are not enough, because text may begin with them. The size of the header that follows has only
/// a few valid values.
fn is_bitmap(after_magic: &[u8]) -> bool {
    match after_magic.get(12..16) {
        Some(size) => matches!(size, [12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]),
        None => after_magic.iter().any(|&byte| byte == 0 || byte > 0x7e),
    }
}

/// The letters of the byte order, then 42 (TIFF) or 43 (BigTIFF) in either byte order. Some camera raw files
/// begin the same way; CR2 is excluded by its own signature.
fn is_tiff(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [b'I', b'I', 42 | 43, 0, ..]
            | [b'I', b'I', 0, 42 | 43, ..]
            | [b'M', b'M', 0, 42 | 43, ..]
            | [b'M', b'M', 42 | 43, 0, ..]
    ) && bytes.get(8..10) != Some(b"CR")
}

/// Describes unsupported data for an error message, with a capitalised article: `An HEIC image`.
fn describe(bytes: &[u8]) -> String {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii_start();
    // Check for text before `infer`, which accepts two letters as a signature: "BMW" is not a bitmap.
    iso_media(bytes)
        .or_else(|| image(bytes))
        .or_else(|| markup(text))
        .or_else(|| is_text(text).then_some("Plain text"))
        .map(str::to_owned)
        .or_else(|| infer::get(bytes).filter(|kind| !is_accepted(kind)).map(|kind| other(&kind)))
        .unwrap_or_else(|| UNKNOWN.to_owned())
}

/// Advice on how to convert data of a kind that [`describe`] names: a sentence after a space, or nothing.
pub(crate) fn how_to_convert(found: &str) -> &'static str {
    match found {
        "An HEIC image" | "An HEIF image" => {
            " Save it as JPEG (on an iPhone: Settings › Camera › Formats › Most Compatible), or use the web page of this \
             service in Safari, which converts it."
        }
        "A JPEG XL image" => {
            " Save it as JPEG or PNG, or use the web page of this service in Safari, which converts it."
        }
        AVIF => {
            " Save it as JPEG or PNG, or use the web page of this service, which converts it in every current browser."
        }
        "A camera raw image (CR2)" | "A camera raw image (CR3)" => " Export it as JPEG.",
        "An SVG image" | "A PDF document" | "A PostScript document" => " Export it as PNG.",
        _ => "",
    }
}

/// Identifies HEIC, AVIF and related formats by the brands in their first box, the major brand first.
fn iso_media(bytes: &[u8]) -> Option<&'static str> {
    let size = u32::from_be_bytes(bytes.first_chunk::<4>().copied()?) as usize;
    let brands = bytes.get(..size.min(bytes.len()).min(256))?.get(4..)?.strip_prefix(b"ftyp")?;
    let named = brands.chunks_exact(4).find_map(|brand| match brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => {
            Some("An HEIC image")
        }
        b"avif" | b"avis" => Some(AVIF),
        b"crx " => Some("A camera raw image (CR3)"),
        b"jp2 " => Some("A JPEG 2000 image"),
        b"jxl " => Some("A JPEG XL image"),
        _ => None,
    });
    // The container of both HEIC and AVIF; these brands do not say which one it holds.
    let is_heif =
        || brands.chunks_exact(4).any(|brand| matches!(brand, b"mif1" | b"mif2" | b"msf1" | b"miaf"));
    named.or_else(|| is_heif().then_some("An HEIF image"))
}

fn image(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => "A JPEG XL image",
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "A JPEG 2000 image",
        [b'I', b'I', b'*', 0, _, _, _, _, b'C', b'R', ..] => "A camera raw image (CR2)",
        _ if is_tiff(bytes) => "A TIFF image",
        [b'I', b'I', 0xbc, ..] => "A JPEG XR image",
        [0, 0, 1, 0, ..] => "An ICO image",
        // A TGA may begin like a CUR, but has zeros where a CUR has its number of images.
        [0, 0 | 1, 1 | 2 | 3 | 9 | 10 | 11, 0, 0, rest @ ..] if is_targa(rest) => "A TGA image",
        [0, 0, 2, 0, ..] => "A CUR image",
        [b'8', b'B', b'P', b'S', ..] => "A PSD image",
        [b'q', b'o', b'i', b'f', ..] => "A QOI image",
        [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n', ..] => "A PNM image",
        [b'%', b'P', b'D', b'F', ..] => "A PDF document",
        [b'%', b'!', b'P', b'S', ..] => "A PostScript document",
        _ => return None,
    })
}

/// `rest` starts at the sixth byte of a TGA file: palette length, palette bits, origin, size, bits per pixel.
fn is_targa(rest: &[u8]) -> bool {
    matches!(rest.get(2), Some(0 | 15 | 16 | 24 | 32)) && matches!(rest.get(11), Some(8 | 15 | 16 | 24 | 32))
}

fn markup(text: &[u8]) -> Option<&'static str> {
    let head: String = text.iter().take(1024).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    if !head.starts_with('<') {
        return None;
    }
    let svg = head.find("<svg");
    let html = ["<html", "<!doctype html", "<head", "<body"].iter().filter_map(|tag| head.find(tag)).min();
    Some(match (svg, html) {
        // A page may contain a drawing, so the tag that comes first decides.
        (Some(svg), Some(html)) if svg < html => "An SVG image",
        (Some(_), None) => "An SVG image",
        (_, Some(_)) => "An HTML page",
        _ if head.starts_with("<?xml") => "An XML document",
        _ => "Markup text",
    })
}

/// `infer` checks fewer bytes than [`format()`]. Its result is dropped for accepted formats, so that no error
/// says that an accepted format is not accepted.
fn is_accepted(kind: &infer::Type) -> bool {
    matches!(kind.extension(), "jpg" | "png" | "webp" | "gif" | "bmp" | "tif" | "avif")
}

fn other(kind: &infer::Type) -> String {
    let extension = kind.extension().to_ascii_uppercase();
    let noun = match kind.matcher_type() {
        infer::MatcherType::Image => "image",
        infer::MatcherType::Video => "video",
        infer::MatcherType::Audio => "sound",
        infer::MatcherType::Font => "font",
        infer::MatcherType::Archive => "archive",
        infer::MatcherType::Doc | infer::MatcherType::Book => "document",
        _ => "file",
    };
    // Letters whose names begin with a vowel sound: an HEIC, an MP4, but a ZIP.
    let article = if extension.starts_with(['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X']) {
        "An"
    } else {
        "A"
    };
    format!("{article} {extension} {noun}")
}

fn is_text(bytes: &[u8]) -> bool {
    // Accept an incomplete last character: the data may have been cut there.
    let valid = match str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    valid && !bytes.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests;
