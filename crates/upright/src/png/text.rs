//! Text chunks: only for the orientation that some writers hide in them.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::ZlibDecoder;

/// Compressed text is inflated up to here, in bytes, as in Pillow.
const MAX_INFLATED: u64 = 1 << 20;

/// The text of a `tEXt`, `zTXt` or `iTXt` chunk, as it is in the file.
pub(super) struct Text<'a> {
    bytes: &'a [u8],
    is_compressed: bool,
}

impl<'a> Text<'a> {
    /// Keyword and text of a chunk; `None` if it is no text chunk, or not a whole one.
    pub(super) fn split(kind: [u8; 4], data: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let mut fields = data.splitn(2, |&byte| byte == 0);
        let (keyword, rest) = (fields.next()?, fields.next()?);
        let (bytes, is_compressed) = match (&kind, rest) {
            (b"tEXt", text) => (text, false),
            (b"zTXt", [0, text @ ..]) => (text, true),
            // Compressed or not, how, a language, the keyword in that language.
            (b"iTXt", [compressed @ (0 | 1), 0, rest @ ..]) => {
                (rest.splitn(3, |&byte| byte == 0).nth(2)?, *compressed == 1)
            }
            _ => return None,
        };
        Some((keyword, Self { bytes, is_compressed }))
    }

    /// The text, or the beginning of it.
    pub(super) fn read(&self) -> Cow<'a, [u8]> {
        if !self.is_compressed {
            return Cow::Borrowed(self.bytes);
        }
        let mut text = Vec::new();
        // What came before an error may be all that is needed.
        let _ = ZlibDecoder::new(self.bytes).take(MAX_INFLATED).read_to_end(&mut text);
        Cow::Owned(text)
    }

    /// The bytes of a raw profile, as ImageMagick and ExifTool write it: a line with its name, a line with its length,
    /// then hexadecimal digits in lines.
    pub(super) fn raw_profile(&self) -> Option<Vec<u8>> {
        let text = self.read();
        let digits = text.trim_ascii_start().splitn(3, |&byte| byte == b'\n').nth(2)?;
        let digits = digits.iter().filter(|byte| !byte.is_ascii_whitespace()).take(MAX_INFLATED as usize);
        let digits: Vec<u8> =
            digits.map_while(|&byte| char::from(byte).to_digit(16).map(|digit| digit as u8)).collect();
        Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
    }
}
