//! The tags of a TIFF structure: a header, then a directory of tagged values.
//!
//! EXIF is such a structure inside another file; a TIFF file is itself one. The reader is as tolerant as
//! Pillow and ExifTool. It reads only the first directory, so a chain of directories cannot cause a loop.
//! Every read is checked against the end of the bytes.

/// The first directory of a TIFF structure.
pub(super) struct Tags<'a> {
    /// The structure, from its header on.
    bytes: &'a [u8],
    numbers: Numbers,
    /// The entries that the file contains.
    entries: &'a [u8],
    /// The number of entries that the directory declares.
    count: usize,
}

impl<'a> Tags<'a> {
    /// Finds a structure that starts in `block` at offset `last_start` or before, and reads its directory.
    pub(super) fn find(block: &'a [u8], last_start: usize) -> Option<Self> {
        (0..=last_start).find_map(|start| Self::read(block.get(start..)?))
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (big_endian, magic) = match bytes.first_chunk::<4>()? {
            [b'I', b'I', magic @ ..] => (false, magic),
            [b'M', b'M', magic @ ..] => (true, magic),
            _ => return None,
        };
        // Some writers store the magic number in the other byte order. The byte order letters decide.
        let big = match magic {
            [0, 42] | [42, 0] => false,
            [0, 43] | [43, 0] => true,
            _ => return None,
        };
        let numbers = Numbers { big_endian, big };
        let (offset, count_bytes) = if big { (8, 8) } else { (4, 2) };
        let directory = usize::try_from(numbers.offset(bytes.get(offset..)?)?).ok()?;
        let rest = bytes.get(directory..)?;
        let count = usize::try_from(numbers.read(rest, count_bytes)?).unwrap_or(usize::MAX);
        let entries = &rest[count_bytes..];
        let entries = &entries[..entries.len().min(count.saturating_mul(numbers.entry_bytes()))];
        Some(Self { bytes, numbers, entries, count })
    }

    /// Whether numbers are big-endian.
    pub(super) fn big_endian(&self) -> bool {
        self.numbers.big_endian
    }

    /// The first value of a tag, if it is a number.
    pub(super) fn number(&self, tag: u16) -> Option<u64> {
        self.values(tag)?.next()
    }

    /// The numeric values of a tag; at least one. If several entries have the tag, the first readable one
    /// counts.
    pub(super) fn values(&self, tag: u16) -> Option<Values<'a>> {
        self.entries(tag).find(|values| values.clone().next().is_some())
    }

    /// The bytes of a tag with single-byte values.
    pub(super) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        self.entries(tag).find(|values| values.size == 1).map(|values| values.bytes)
    }

    /// Whether the file ends before the directory does, or before the values of one of these tags do.
    pub(super) fn is_cut(&self, tags: &[u16]) -> bool {
        self.entries.len() < self.count.saturating_mul(self.numbers.entry_bytes())
            || tags.iter().any(|&tag| self.entries(tag).any(|values| values.is_cut))
    }

    fn entries(&self, tag: u16) -> impl Iterator<Item = Values<'a>> {
        let has_tag = move |entry: &&[u8]| self.numbers.read(entry, 2) == Some(tag.into());
        self.entries
            .chunks_exact(self.numbers.entry_bytes())
            .filter(has_tag)
            .filter_map(|entry| self.entry(entry))
    }

    fn entry(&self, entry: &'a [u8]) -> Option<Values<'a>> {
        let kind = self.numbers.read(&entry[2..], 2)?;
        let size = match kind {
            // BYTE, SBYTE and UNDEFINED
            1 | 6 | 7 => 1,
            // SHORT and SSHORT
            3 | 8 => 2,
            // LONG, SLONG, FLOAT and IFD
            4 | 9 | 11 | 13 => 4,
            // RATIONAL, SRATIONAL, DOUBLE, LONG8, SLONG8 and IFD8
            5 | 10 | 12 | 16..=18 => 8,
            _ => return None,
        };
        let count = self.numbers.offset(&entry[4..])?;
        let field = &entry[4 + self.numbers.offset_bytes()..];
        let all = usize::try_from(count).ok()?.checked_mul(size)?;
        // Values that do not fit into the entry are stored elsewhere in the file.
        let bytes = if all <= field.len() {
            field
        } else {
            let offset = usize::try_from(self.numbers.offset(field)?).ok();
            offset.and_then(|offset| self.bytes.get(offset..)).unwrap_or_default()
        };
        let (is_cut, bytes) = (bytes.len() < all, &bytes[..all.min(bytes.len())]);
        Some(Values { numbers: self.numbers, kind, size, bytes, is_cut })
    }
}

/// The values of one tag, as far as the file contains them. Numbers are returned as unsigned integers:
/// negative numbers become huge, and floats are truncated. A rational number that is not an integer ends the
/// iteration.
#[derive(Clone)]
pub(super) struct Values<'a> {
    numbers: Numbers,
    kind: u64,
    /// Size of one value in bytes.
    size: usize,
    bytes: &'a [u8],
    /// The file ends before the last value.
    is_cut: bool,
}

impl Iterator for Values<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (value, rest) = self.bytes.split_at_checked(self.size)?;
        self.bytes = rest;
        let number = self.numbers.read(value, self.size)?;
        match self.kind {
            5 | 10 => {
                let (numerator, denominator) =
                    (self.numbers.read(value, 4)?, self.numbers.read(&value[4..], 4)?);
                numerator.checked_div(denominator).filter(|_| numerator.is_multiple_of(denominator))
            }
            // The cast saturates.
            11 => Some(f32::from_bits(number as u32) as u64),
            12 => Some(f64::from_bits(number) as u64),
            _ => Some(number),
        }
    }
}

/// How numbers are stored.
#[derive(Clone, Copy)]
struct Numbers {
    big_endian: bool,
    /// BigTIFF: counts and offsets have 8 bytes instead of 4.
    big: bool,
}

impl Numbers {
    fn offset_bytes(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    fn entry_bytes(self) -> usize {
        4 + 2 * self.offset_bytes()
    }

    /// Reads the count or offset at the start of `bytes`.
    fn offset(self, bytes: &[u8]) -> Option<u64> {
        self.read(bytes, self.offset_bytes())
    }

    /// Reads the unsigned integer of `size` bytes, at most 8, at the start of `bytes`.
    fn read(self, bytes: &[u8], size: usize) -> Option<u64> {
        let bytes = bytes.get(..size)?;
        let append = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.big_endian { bytes.iter().fold(0, append) } else { bytes.iter().rev().fold(0, append) })
    }
}
