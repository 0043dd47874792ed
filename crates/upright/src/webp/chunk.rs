//! RIFF chunks: a four-letter type, a size, and data.

use super::super::Format;
use crate::error::Error;

/// A RIFF chunk.
pub(super) struct Chunk<'a> {
    pub(super) kind: &'a [u8],
    /// Type and size.
    pub(super) head: &'a [u8],
    /// The data, as far as the file contains it.
    pub(super) data: &'a [u8],
    /// The file ends before the data does.
    pub(super) is_cut: bool,
}

impl<'a> Chunk<'a> {
    /// Takes a chunk off the front; the last chunk may be truncated.
    pub(super) fn split_from(rest: &mut &'a [u8]) -> Option<Self> {
        let size = le_u32(rest, 4)? as usize;
        let (head, after) = rest.split_at(8);
        let data = &after[..size.min(after.len())];
        *rest = after.get(size.saturating_add(size % 2)..).unwrap_or_default();
        Some(Self { kind: &head[..4], head, data, is_cut: data.len() < size })
    }

    /// The chunk as stored in a file, with a padding byte after data of odd length.
    pub(super) fn parts(&self) -> [&'a [u8]; 3] {
        [self.head, self.data, if self.data.len() % 2 == 1 { &[0] } else { &[] }]
    }

    /// Reads a 3-byte little-endian number.
    pub(super) fn u24(&self, at: usize) -> Option<u32> {
        let bytes = self.data.get(at..)?.first_chunk::<3>()?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]))
    }

    /// Width and height from the header of the image data.
    pub(super) fn dimensions(&self) -> Result<(u32, u32), Error> {
        match (self.kind, self.data) {
            (b"VP8 ", &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) => {
                let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
                Ok((side(w0, w1), side(h0, h1)))
            }
            (b"VP8L", &[0x2f, b0, b1, b2, b3, ..]) => {
                let bits = u32::from_le_bytes([b0, b1, b2, b3]);
                Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
            }
            _ if self.is_cut => Err(Format::WebP.truncated()),
            _ => Err(Format::WebP.corrupt("the image data have no header")),
        }
    }
}

/// Reads a 4-byte little-endian number.
pub(super) fn le_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| u32::from_le_bytes(*four))
}
