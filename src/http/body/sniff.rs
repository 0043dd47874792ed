//! What the first bytes say.

use std::char::{REPLACEMENT_CHARACTER, decode_utf16};

use memchr::memchr3;

/// Bytes that any test for a kind of picture looks at.
const HEAD: usize = 512;

/// A picture by its magic bytes, of an accepted kind or not.
///
/// Every such file has a byte in its head that no text has. Without that, `BM` alone would make a bitmap of
/// any text that begins so.
pub(super) fn is_picture(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    head.iter().take(64).any(|byte| !byte.is_ascii_graphic() && !byte.is_ascii_whitespace())
        && infer::is_image(head)
}

/// Text that is a file in its own right rather than a wrapping of one: markup (SVG, HTML, XML), PDF,
/// PostScript, RTF.
pub(super) fn is_document(bytes: &[u8]) -> bool {
    [&b"<"[..], b"%PDF-", b"%!PS", b"{\\rtf"].iter().any(|magic| bytes.starts_with(magic))
}

/// Something that is worth a further look: a picture, or text.
pub(super) fn is_known(bytes: &[u8]) -> bool {
    let bytes = trim_start(bytes);
    is_picture(bytes) || as_text(bytes).is_some() || utf16(bytes).is_some() || undo_latin1(bytes).is_some()
}

/// UTF-8 with U+FFFD in it: somebody decoded bytes as text and wrote the text down again. It may have been
/// cut off inside its last character since.
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

/// A picture without any CR, LF or NUL. Lengths in the headers of all these kinds have bytes of zero.
pub(super) fn is_stripped(bytes: &[u8]) -> bool {
    // So much compressed data has each of these bytes, too. What is shorter may be text that begins like a picture.
    const LEAST: usize = 1024;
    // Each without the bytes that are left out.
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
    // HEIC and AVIF begin with the length of a box, of which one byte is left.
    let is_iso_media = || bytes.get(1..5) == Some(b"ftyp");
    bytes.len() > LEAST
        && (MAGICS.iter().any(|magic| bytes.starts_with(magic)) || is_iso_media())
        && std::str::from_utf8(bytes).is_err()
        && memchr3(b'\r', b'\n', 0, bytes).is_none()
}

/// UTF-8 without control characters.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| is_printable(text))
}

/// No control characters but white space.
pub(super) fn is_printable(text: &str) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    // Without a way out of the inner loop the compiler makes it one of vectors.
    text.as_bytes().chunks(1024).all(|chunk| !chunk.iter().fold(false, |odd, byte| odd | is_odd(byte)))
}

/// Without the white space and byte order marks that careless clients put before the first byte.
pub(super) fn trim_start(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes.trim_ascii_start();
    while let Some(marked) = rest.strip_prefix(b"\xEF\xBB\xBF") {
        rest = marked.trim_ascii_start();
    }
    rest
}

/// UTF-16 text with a byte order mark, as PowerShell's `>` writes base64.
pub(super) fn utf16(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes.get(2..)?.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    decode_utf16(units).collect::<Result<String, _>>().ok().filter(|text| is_printable(text))
}

/// The bytes of a picture of which each was written as the character of that number, in UTF-8, which is what
/// becomes of a "binary string" in JavaScript. Unlike U+FFFD, this loses nothing.
///
/// Where the first bytes are ASCII, the body looks like that picture before this is undone, too: then the
/// one is taken of which the end fits the beginning better.
pub(super) fn undo_latin1(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = trim_start(bytes);
    // Twice the head, since every character may take two bytes; what is no picture there costs no more.
    let start = bytes.get(..2 * HEAD).unwrap_or(bytes).utf8_chunks().next()?.valid();
    if !is_picture(&start.chars().map_while(|character| u8::try_from(character).ok()).collect::<Vec<u8>>()) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_ascii())?;
    let undone: Vec<u8> =
        text.chars().map(|character| u8::try_from(character).ok()).collect::<Option<_>>()?;
    (!is_picture(bytes) || misfit(&undone) <= misfit(bytes)).then_some(undone)
}

/// How far the length of a file is from what the file says; the maximum if it does not say.
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

/// A GIF has no length, but blocks that lead from one to the next, and an end.
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
        // Each piece of a block has its length before it; the last is empty.
        loop {
            let Some(&length) = bytes.get(at) else { return false };
            at += 1 + usize::from(length);
            if length == 0 {
                break;
            }
        }
    }
}
