//! What the first bytes say.

use std::char::{REPLACEMENT_CHARACTER, decode_utf16};

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
    is_picture(bytes) || as_text(bytes).is_some() || utf16(bytes).is_some()
}

/// Valid UTF-8 with U+FFFD in it: somebody decoded bytes as text and wrote the text down again.
pub(super) fn is_mangled(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.contains(REPLACEMENT_CHARACTER))
}

/// UTF-8 without control characters.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| is_printable(text))
}

/// No control characters but white space.
pub(super) fn is_printable(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
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

/// The bytes of a JPEG or PNG of which each was written as the character of that number, which is what
/// becomes of a "binary string" in JavaScript. Unlike U+FFFD, this loses nothing.
pub(super) fn undo_latin1(text: &str) -> Option<Vec<u8>> {
    if !text.starts_with("\u{FF}\u{D8}\u{FF}") && !text.starts_with("\u{89}PNG") {
        return None;
    }
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}
