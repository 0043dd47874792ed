//! Text chunks. They are read only for the orientation that some writers store in them.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::ZlibDecoder;

/// Maximum number of bytes that are inflated from a compressed text, as in Pillow.
const MAX_INFLATED: u64 = 1 << 20;

/// The text of a `tEXt`, `zTXt` or `iTXt` chunk, as stored in the file.
pub(super) struct Text<'a> {
    bytes: &'a [u8],
    is_compressed: bool,
}

impl<'a> Text<'a> {
    /// The keyword and text of a chunk; `None` if it is not a text chunk or is incomplete.
    pub(super) fn split(kind: [u8; 4], data: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let mut fields = data.splitn(2, |&byte| byte == 0);
        let (keyword, rest) = (fields.next()?, fields.next()?);
        let (bytes, is_compressed) = match (&kind, rest) {
            (b"tEXt", text) => (text, false),
            (b"zTXt", [0, text @ ..]) => (text, true),
            // Compression flag, compression method, language, translated keyword.
            (b"iTXt", [compressed @ (0 | 1), 0, rest @ ..]) => {
                (rest.splitn(3, |&byte| byte == 0).nth(2)?, *compressed == 1)
            }
            _ => return None,
        };
        Some((keyword, Self { bytes, is_compressed }))
    }

    /// The text, or only its beginning if it is damaged or inflates to more than [`MAX_INFLATED`].
    pub(super) fn read(&self) -> Cow<'a, [u8]> {
        if !self.is_compressed {
            return Cow::Borrowed(self.bytes);
        }
        let mut text = Vec::new();
        // Ignore errors: the text before an error may be enough.
        let _ = ZlibDecoder::new(self.bytes).take(MAX_INFLATED).read_to_end(&mut text);
        Cow::Owned(text)
    }

    /// Decodes a raw profile in the format of ImageMagick and ExifTool: a line with its name, a line with its
    /// length, then lines of hexadecimal digits.
    pub(super) fn raw_profile(&self) -> Option<Vec<u8>> {
        let text = self.read();
        let digits = text.trim_ascii_start().splitn(3, |&byte| byte == b'\n').nth(2)?;
        let digits = digits.iter().filter(|byte| !byte.is_ascii_whitespace()).take(MAX_INFLATED as usize);
        let digits: Vec<u8> =
            digits.map_while(|&byte| char::from(byte).to_digit(16).map(|digit| digit as u8)).collect();
        Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
    }
}
