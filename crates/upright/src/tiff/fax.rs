//! Rows of one bit per pixel with fax compression (CCITT T.4 and T.6).

use std::convert::Infallible;
use std::io::{self, Read};

use fax::decoder::{DecodeError, DecodeStatus, Group3Decoder, Group4Decoder};

use super::super::Format;
use crate::error::Error;

/// The longest row that the decoder accepts, in pixels.
const MAX_WIDTH: u32 = 0xffff;

/// Decompressed rows with one bit per pixel, most significant bit first, padded to whole bytes; 1 is black.
pub(super) struct Rows<'a> {
    decoder: Decoder<'a>,
    width: usize,
    row: Vec<u8>,
    /// Number of bytes of the row that were already returned.
    at: usize,
}

type Bytes<'a> = Box<dyn Iterator<Item = Result<u8, Infallible>> + 'a>;

enum Decoder<'a> {
    Group3(Group3Decoder<Bytes<'a>>),
    Group4(Group4Decoder<Bytes<'a>>),
}

impl<'a> Rows<'a> {
    /// T.4, one-dimensional.
    pub(super) fn group_3(bytes: &'a [u8], width: u32) -> Result<Self, Error> {
        // The decoder expects an end-of-line code after the last line as well, which not all writers add.
        const END_OF_LINE: [u8; 2] = [0, 1];
        let bytes = Box::new(bits(bytes).chain(END_OF_LINE.map(Ok)));
        let decoder =
            Group3Decoder::new(bytes as Bytes<'a>).map_err(|_| Format::Tiff.corrupt("no start of a fax"))?;
        Self::new(Decoder::Group3(decoder), width)
    }

    /// T.6.
    pub(super) fn group_4(bytes: &'a [u8], width: u32) -> Result<Self, Error> {
        let narrow = u16::try_from(width).unwrap_or(u16::MAX);
        let decoder = Group4Decoder::new(bits(bytes), narrow).unwrap_or_else(|never| match never {});
        Self::new(Decoder::Group4(decoder), width)
    }

    fn new(decoder: Decoder<'a>, width: u32) -> Result<Self, Error> {
        if width > MAX_WIDTH {
            return Err(Format::unsupported_tiff("a fax of more than 65,535 pixels in a row"));
        }
        Ok(Self { decoder, width: width as usize, row: Vec::new(), at: 0 })
    }

    /// Decodes a row. Fails if there are no more rows.
    fn advance(&mut self) -> io::Result<()> {
        let (status, transitions) = match &mut self.decoder {
            Decoder::Group3(decoder) => {
                (decoder.advance().map(|_| DecodeStatus::Incomplete), decoder.transitions())
            }
            Decoder::Group4(decoder) => (decoder.advance(), decoder.transition()),
        };
        match status {
            Ok(DecodeStatus::Incomplete) => {}
            Ok(DecodeStatus::End) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(DecodeError::Reader(never)) => match never {},
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
        self.row.clear();
        self.row.resize(self.width.div_ceil(8), 0);
        // The colour changes at each of these columns, starting from white.
        for black in transitions.chunks(2) {
            let (start, end) = (usize::from(black[0]), black.get(1).map_or(self.width, |&end| end.into()));
            for x in start..end.min(self.width) {
                self.row[x / 8] |= 0x80 >> (x % 8);
            }
        }
        self.at = 0;
        Ok(())
    }
}

impl Read for Rows<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.row.len() {
            self.advance()?;
        }
        let read = (&self.row[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

fn bits(bytes: &[u8]) -> Bytes<'_> {
    Box::new(bytes.iter().copied().map(Ok))
}
