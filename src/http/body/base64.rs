//! Base64 in every dialect: standard and URL-safe alphabet, also mixed, padded or not, with white space.

use std::sync::LazyLock;

use ::base64::Engine as _;
use ::base64::engine::{DecodePaddingMode, GeneralPurposeConfig, Simd};

/// What a space is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spaces {
    /// White space, like a line break; a `+` only if the text is no base64 otherwise.
    AreNothing,
    /// A `+` that form decoding took for a space, unless the text is no base64 then.
    ArePlus,
}

/// Why text is not base64. Positions are in bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A byte of no alphabet.
    Byte(usize),
    /// Padding with something behind it, or too much of it.
    Padding(usize),
    /// One character more than a multiple of four: a character is missing, or one is too many.
    Length(usize),
}

/// Padding is optional, and the unused bits of the last character need not be zero: senders differ in both.
static ENGINE: LazyLock<Simd> = LazyLock::new(|| {
    Simd::standard(
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    )
});

/// Characters that are translated into the standard alphabet at a time; a multiple of four, so that no
/// translated copy of the whole text is needed.
const CHUNK: usize = 4096;

/// `=` that are tolerated at the end: two, and one that a form encoder appends to a name without a value.
const MAX_PADDING: usize = 3;

const SKIP: u8 = 0;
const BAD: u8 = 1;

/// Byte → the character of the standard alphabet it stands for, `=`, [`SKIP`] or [`BAD`].
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

/// Undoes base64 without a copy of the text: at once where it is in the standard alphabet, and otherwise character by
/// character, which also finds the fault.
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

/// Lines as `base64` and MIME make them, joined with spaces by a shell or a header.
fn is_wrapped_with_spaces(text: &[u8]) -> bool {
    let columns = text.iter().position(|byte| *byte == b' ').unwrap_or_default();
    matches!(columns, 60 | 64 | 72 | 76)
        && text
            .chunks(columns + 1)
            .all(|line| line.iter().position(|byte| *byte == b' ').is_none_or(|at| at == columns))
}

/// `space` is what a space means: [`SKIP`] or `+`.
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
    // Spaces that were `+` are as many as are missing to a multiple of four: padded text tells.
    let incomplete = padding > 0 && padding < MAX_PADDING && (symbols + padding) % 4 != 0;
    if symbols % 4 == 1 || (incomplete && text.contains(&b' ')) {
        return Err(Fault::Length(symbols));
    }
    ENGINE.decode_vec(&chunk, &mut bytes).map_err(|_| Fault::Length(symbols))?;
    Ok(bytes)
}

/// The first bytes, up to 48, of what `text` holds if it is base64: enough to see what kind of file it is.
pub(super) fn peek(text: &[u8]) -> Vec<u8> {
    let symbols = text.iter().take(512).map(|byte| MEANING[usize::from(*byte)]).filter(|byte| *byte != SKIP);
    let mut symbols: Vec<u8> = symbols.take_while(|byte| !matches!(*byte, BAD | b'=')).take(64).collect();
    if symbols.len() % 4 == 1 {
        symbols.pop();
    }
    ENGINE.decode(symbols).unwrap_or_default()
}

/// Bytes that `symbols` characters of base64 hold, rounded up.
pub(super) fn decoded_len(symbols: usize) -> usize {
    symbols.div_ceil(4).saturating_mul(3)
}

/// Characters of `text` that hold data, and not white space or padding.
pub(super) fn symbols(text: &[u8]) -> usize {
    text.iter().filter(|byte| !matches!(MEANING[usize::from(**byte)], SKIP | b'=')).count()
}

/// Base64 with a few wrong characters, rather than text that never was base64: no words, and at least seven
/// of eight characters from the alphabet.
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
    // Words have a space every few characters, wrapped base64 every 64 or 76.
    good > bad.saturating_mul(7) && blanks.saturating_mul(32) <= good
}
