//! Detects file types from the first bytes.

use std::char::{REPLACEMENT_CHARACTER, decode_utf16};

use memchr::memchr3;

/// Number of bytes that the picture tests examine.
const HEAD: usize = 512;

/// Whether the magic bytes are those of a picture, in a supported format or not.
///
/// In addition, the first 64 bytes must contain a byte that does not occur in ASCII text. All picture files
/// have one. Without this test, any text that begins with `BM` would be taken for a bitmap.
pub(super) fn is_picture(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    head.iter().take(64).any(|byte| !byte.is_ascii_graphic() && !byte.is_ascii_whitespace())
        && infer::is_image(head)
}

/// Whether the text is a document of its own rather than an encoded image: markup (SVG, HTML, XML), PDF,
/// PostScript or RTF.
pub(super) fn is_document(bytes: &[u8]) -> bool {
    [&b"<"[..], b"%PDF-", b"%!PS", b"{\\rtf"].iter().any(|magic| bytes.starts_with(magic))
}

/// Whether the content is worth examining further: a picture, or text.
pub(super) fn is_known(bytes: &[u8]) -> bool {
    let bytes = trim_start(bytes);
    is_picture(bytes) || as_text(bytes).is_some() || utf16(bytes).is_some() || undo_latin1(bytes).is_some()
}

/// Whether the bytes are UTF-8 that contains U+FFFD: some program decoded binary data as text and encoded the
/// text again. The result may have been truncated within its last character.
pub(super) fn is_mangled(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok())
        }
        Err(_) => None,
    };
    text.is_some_and(|text| text.contains(REPLACEMENT_CHARACTER))
}

/// Whether this is a picture without any CR, LF or NUL byte. An intact picture has zero bytes, because the
/// header fields of all these formats contain some.
pub(super) fn is_stripped(bytes: &[u8]) -> bool {
    // Compressed data of this size contains each of these bytes. Shorter data may be text that begins like a
    // picture.
    const LEAST: usize = 1024;
    // The magic bytes without CR, LF and NUL.
    const MAGICS: [&[u8]; 10] = [
        b"\xFF\xD8\xFF",
        b"\x89PNG\x1A",
        b"GIF8",
        b"RIFF",
        b"BM",
        b"II*",
        b"II+\x08",
        b"MM*",
        b"MM+\x08",
        b"\x0CJXL ",
    ];
    // HEIC and AVIF begin with the length of a box. One of its bytes is left after the removal.
    let is_iso_media = || bytes.get(1..5) == Some(b"ftyp");
    bytes.len() > LEAST
        && (MAGICS.iter().any(|magic| bytes.starts_with(magic)) || is_iso_media())
        && std::str::from_utf8(bytes).is_err()
        && memchr3(b'\r', b'\n', 0, bytes).is_none()
}

/// The text if the bytes are UTF-8 without control characters.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| is_printable(text))
}

/// Whether the text has no control characters except whitespace.
pub(super) fn is_printable(text: &str) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    // The inner loop has no early exit, so that the compiler vectorizes it.
    text.as_bytes().chunks(1024).all(|chunk| !chunk.iter().fold(false, |odd, byte| odd | is_odd(byte)))
}

/// Removes leading whitespace and byte order marks, which some clients put before the first byte.
pub(super) fn trim_start(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes.trim_ascii_start();
    while let Some(marked) = rest.strip_prefix(b"\xEF\xBB\xBF") {
        rest = marked.trim_ascii_start();
    }
    rest
}

/// Decodes UTF-16 text with a byte order mark. PowerShell's `>` writes base64 in this encoding.
pub(super) fn utf16(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes.get(2..)?.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    decode_utf16(units).collect::<Result<String, _>>().ok().filter(|text| is_printable(text))
}

/// Restores a picture in which each byte was encoded as the Unicode character with the same number, in UTF-8.
/// This happens to a JavaScript "binary string". Unlike U+FFFD, it loses no data.
///
/// If the first bytes are ASCII, the encoded body also looks like a picture. In this case the version is
/// chosen whose length fits its header better.
pub(super) fn undo_latin1(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = trim_start(bytes);
    // Twice the head, because a character may take two bytes. Other bodies cost no more than this check.
    let start = bytes.get(..2 * HEAD).unwrap_or(bytes).utf8_chunks().next()?.valid();
    if !is_picture(&start.chars().map_while(|character| u8::try_from(character).ok()).collect::<Vec<u8>>()) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_ascii())?;
    let undone: Vec<u8> =
        text.chars().map(|character| u8::try_from(character).ok()).collect::<Option<_>>()?;
    (!is_picture(bytes) || misfit(&undone) <= misfit(bytes)).then_some(undone)
}

/// The difference between the actual length of a file and the length in its header. The maximum if the header
/// has no length.
fn misfit(bytes: &[u8]) -> usize {
    let number = |at: usize, headers: usize| {
        let field = bytes.get(at..at + 4).and_then(|field| <[u8; 4]>::try_from(field).ok());
        let declared = field.and_then(|field| usize::try_from(u32::from_le_bytes(field)).ok());
        declared.map_or(usize::MAX, |declared| declared.saturating_add(headers).abs_diff(bytes.len()))
    };
    match bytes {
        [b'B', b'M', ..] => number(2, 0),
        [b'R', b'I', b'F', b'F', ..] => number(4, 8),
        [b'G', b'I', b'F', ..] if is_whole_gif(bytes) => 0,
        _ => usize::MAX,
    }
}

/// Whether a GIF is complete. A GIF has no length field, so this follows its chain of blocks to the end.
fn is_whole_gif(bytes: &[u8]) -> bool {
    let colours = |flags: u8| if flags & 0x80 == 0 { 0 } else { 6_usize << (flags & 7) };
    let mut at = 13 + bytes.get(10).map_or(0, |flags| colours(*flags));
    loop {
        at += match bytes.get(at) {
            Some(b'!') => 2,
            Some(b',') => 11 + bytes.get(at + 9).map_or(0, |flags| colours(*flags)),
            Some(b';') => return true,
            _ => return false,
        };
        // Each sub-block starts with its length. The last one is empty.
        loop {
            let Some(&length) = bytes.get(at) else { return false };
            at += 1 + usize::from(length);
            if length == 0 {
                break;
            }
        }
    }
}
