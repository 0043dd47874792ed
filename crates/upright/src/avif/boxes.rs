//! Boxes (ISO/IEC 14496-12, section 4.2): a size, a four-letter type, and data.

use super::super::Format;
use crate::error::Error;

/// A box.
pub(super) struct IsoBox<'a> {
    pub(super) kind: [u8; 4],
    /// The data, as far as the file contains it.
    pub(super) data: &'a [u8],
    /// The file ends before the data does.
    pub(super) is_cut: bool,
}

impl<'a> IsoBox<'a> {
    /// Takes a box off the front. `None` at the end of the data, or if the header is incomplete.
    pub(super) fn split_from(rest: &mut &'a [u8]) -> Option<Self> {
        let (&size, after) = rest.split_first_chunk()?;
        let (&kind, after) = after.split_first_chunk()?;
        let (size, data) = match u32::from_be_bytes(size) {
            // A size of 0 means that the box extends to the end of the file.
            0 => (after.len() as u64, after),
            1 => {
                let (&size, after) = after.split_first_chunk()?;
                (u64::from_be_bytes(size).checked_sub(16)?, after)
            }
            size => (u64::from(size).checked_sub(8)?, after),
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let (data, after) = data.split_at(size.min(data.len()));
        *rest = after;
        Some(Self { kind, data, is_cut: data.len() < size })
    }
}

/// Iterates over the boxes in `data`.
pub(super) fn boxes(mut data: &[u8]) -> impl Iterator<Item = IsoBox<'_>> {
    std::iter::from_fn(move || IsoBox::split_from(&mut data))
}

/// Reads big-endian numbers from the front of a box.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (bytes, rest) =
            self.0.split_at_checked(count).ok_or_else(|| Format::Avif.corrupt("a box that is too short"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Reads a number of up to 8 bytes; 0 for a length of 0.
    pub(super) fn number(&mut self, bytes: usize) -> Result<u64, Error> {
        Ok(self.bytes(bytes)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.number(1)? as u8)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Error> {
        Ok(self.number(2)? as u16)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        Ok(self.number(4)? as u32)
    }

    /// Reads the id of an item: 4 bytes if `wide`, else 2.
    pub(super) fn id(&mut self, wide: bool) -> Result<u32, Error> {
        if wide { self.u32() } else { Ok(self.u16()?.into()) }
    }

    /// Reads the version and the flags at the front of a full box.
    pub(super) fn version(&mut self) -> Result<(u8, u32), Error> {
        let both = self.u32()?;
        Ok(((both >> 24) as u8, both & 0xff_ffff))
    }
}
