//! Base64 in all variants: standard and URL-safe alphabets, also mixed, with or without padding, with
//! whitespace.

use std::sync::LazyLock;

use ::base64::Engine as _;
use ::base64::engine::{DecodePaddingMode, GeneralPurposeConfig, Simd};

/// How a space in the text is interpreted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spaces {
    /// A space is whitespace, like a line break. Read it as `+` only if the text is not valid base64
    /// otherwise.
    AreNothing,
    /// A space is a `+` that form decoding replaced. Read it as whitespace if the text is not valid base64
    /// then.
    ArePlus,
}

/// Why text is not valid base64. Positions are byte offsets from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A byte that is not in the alphabet.
    Byte(usize),
    /// Padding that is followed by data, or too much padding.
    Padding(usize),
    /// One character more than a multiple of four: either a character is missing or there is one too many.
    Length(usize),
}

/// Padding is optional, and the unused bits of the last character need not be zero, because encoders differ
/// in both.
static ENGINE: LazyLock<Simd> = LazyLock::new(|| {
    Simd::standard(
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    )
});

/// Characters translated to the standard alphabet per chunk. Chunks avoid a translated copy of the whole
/// text. The size must be a multiple of four.
const CHUNK: usize = 4096;

/// Accepted number of `=` at the end: two, plus one that a form encoder appends to a name without a value.
const MAX_PADDING: usize = 3;

const SKIP: u8 = 0;
const BAD: u8 = 1;

/// Maps a byte to its character in the standard alphabet, `=`, [`SKIP`] or [`BAD`].
const MEANING: [u8; 256] = {
    let mut meaning = [BAD; 256];
    let mut byte = 0;
    while byte < 256 {
        meaning[byte] = match byte as u8 {
            same @ (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=') => same,
            b'-' => b'+',
            b'_' => b'/',
            b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => SKIP,
            _ => BAD,
        };
        byte += 1;
    }
    meaning
};

/// Decodes base64 without copying the text. Text in the standard alphabet is decoded at once. Other text is
/// decoded character by character, which also finds the position of an error.
pub(super) fn decode(text: &[u8], spaces: Spaces) -> Result<Vec<u8>, Fault> {
    if let Ok(bytes) = ENGINE.decode(text) {
        return Ok(bytes);
    }
    if !text.contains(&b' ') || is_wrapped_with_spaces(text) {
        return translate(text, SKIP);
    }
    let (first, second) = match spaces {
        Spaces::AreNothing => (SKIP, b'+'),
        Spaces::ArePlus => (b'+', SKIP),
    };
    translate(text, first).or_else(|fault| translate(text, second).map_err(|_| fault))
}

/// Whether the text consists of lines as written by `base64` and MIME encoders, joined with spaces by a shell
/// or a header.
fn is_wrapped_with_spaces(text: &[u8]) -> bool {
    let columns = text.iter().position(|byte| *byte == b' ').unwrap_or_default();
    matches!(columns, 60 | 64 | 72 | 76)
        && text
            .chunks(columns + 1)
            .all(|line| line.iter().position(|byte| *byte == b' ').is_none_or(|at| at == columns))
}

/// `space` is the replacement for a space: [`SKIP`] or `+`.
fn translate(text: &[u8], space: u8) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(decoded_len(text.len()));
    let mut chunk = Vec::with_capacity(CHUNK);
    let (mut symbols, mut padding) = (0, 0);
    for (position, &byte) in text.iter().enumerate() {
        match if byte == b' ' { space } else { MEANING[usize::from(byte)] } {
            SKIP => continue,
            BAD => return Err(Fault::Byte(position)),
            b'=' if padding == MAX_PADDING => return Err(Fault::Padding(position)),
            b'=' => padding += 1,
            _ if padding > 0 => return Err(Fault::Padding(position)),
            symbol => chunk.push(symbol),
        }
        if chunk.len() == CHUNK {
            ENGINE.decode_vec(&chunk, &mut bytes).map_err(|_| Fault::Byte(position))?;
            symbols += CHUNK;
            chunk.clear();
        }
    }
    symbols += chunk.len();
    // Padded text shows whether spaces were `+`: without them, its length is not a multiple of four.
    let incomplete = padding > 0 && padding < MAX_PADDING && (symbols + padding) % 4 != 0;
    if symbols % 4 == 1 || (incomplete && text.contains(&b' ')) {
        return Err(Fault::Length(symbols));
    }
    ENGINE.decode_vec(&chunk, &mut bytes).map_err(|_| Fault::Length(symbols))?;
    Ok(bytes)
}

/// Decodes the first bytes of `text`, up to 48, as base64. This is enough to detect the file type.
pub(super) fn peek(text: &[u8]) -> Vec<u8> {
    let symbols = text.iter().take(512).map(|byte| MEANING[usize::from(*byte)]).filter(|byte| *byte != SKIP);
    let mut symbols: Vec<u8> = symbols.take_while(|byte| !matches!(*byte, BAD | b'=')).take(64).collect();
    if symbols.len() % 4 == 1 {
        symbols.pop();
    }
    ENGINE.decode(symbols).unwrap_or_default()
}

/// Number of bytes encoded by `symbols` base64 characters, rounded up.
pub(super) fn decoded_len(symbols: usize) -> usize {
    symbols.div_ceil(4).saturating_mul(3)
}

/// Number of characters in `text` that hold data, that is, no whitespace or padding.
pub(super) fn symbols(text: &[u8]) -> usize {
    text.iter().filter(|byte| !matches!(MEANING[usize::from(**byte)], SKIP | b'=')).count()
}

/// Whether the text is probably base64 with a few wrong characters: it has no words, and at least seven of
/// eight characters are in the alphabet. Other text was never base64.
pub(super) fn resembles(text: &[u8]) -> bool {
    let (mut good, mut bad, mut blanks) = (0_usize, 0_usize, 0_usize);
    for &byte in text {
        match MEANING[usize::from(byte)] {
            SKIP if byte == b' ' => blanks += 1,
            SKIP => {}
            BAD => bad += 1,
            _ => good += 1,
        }
    }
    // Words have a space every few characters; wrapped base64 has one every 64 or 76.
    good > bad.saturating_mul(7) && blanks.saturating_mul(32) <= good
}
