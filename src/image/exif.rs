//! The orientation in EXIF, read from files as cameras, phones and editors really write them.
//!
//! EXIF is a small TIFF file inside the picture: a header, then a directory of tagged values. The reader takes whatever
//! Pillow or ExifTool would take. It looks at the first directory only, so no chain of directories can lead it into a
//! loop, and every read is checked against the end of the bytes.

use super::orient::Orientation;

/// How far into a block the TIFF header may start, in bytes. `Exif\0\0` stands before it, or nothing, or the same
/// letters several times, or a few bytes that a phone added.
const LAST_START: usize = 64;

/// Tag of the orientation (TIFF 6.0, section 8).
const ORIENTATION: u64 = 0x0112;

/// Whether `block` holds a TIFF structure near its start.
pub(super) fn is_exif(block: &[u8]) -> bool {
    Tiff::find(block).is_some()
}

/// The orientation that `block` states: upright if the value is none of the eight that exist. `None` if the first
/// directory has no readable orientation.
pub(super) fn orientation(block: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::find(block)?;
    let value = tiff.entries()?.find_map(|entry| tiff.value(entry))?;
    let orientation = u8::try_from(value).ok().and_then(Orientation::from_exif);
    Some(orientation.unwrap_or(Orientation::NoTransforms))
}

/// A TIFF structure.
struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    /// BigTIFF: counts and offsets have 8 bytes instead of 4.
    big: bool,
}

impl<'a> Tiff<'a> {
    fn find(block: &'a [u8]) -> Option<Self> {
        (0..=LAST_START).find_map(|start| Self::starting_with(block.get(start..)?))
    }

    fn starting_with(bytes: &'a [u8]) -> Option<Self> {
        let (big_endian, magic) = match bytes.first_chunk::<4>()? {
            [b'I', b'I', magic @ ..] => (false, magic),
            [b'M', b'M', magic @ ..] => (true, magic),
            _ => return None,
        };
        // Some writers give the magic number in the other byte order. The letters decide.
        let big = match magic {
            [0, 42] | [42, 0] => false,
            [0, 43] | [43, 0] => true,
            _ => return None,
        };
        Some(Self { bytes, big_endian, big })
    }

    /// The entries of the first directory that are in the file, however many it claims to have.
    fn entries(&self) -> Option<impl Iterator<Item = &'a [u8]>> {
        let (offset, count_bytes, entry_bytes) = if self.big { (8, 8, 20) } else { (4, 2, 12) };
        let directory = usize::try_from(self.number(self.bytes, offset, self.offset_bytes())?).ok()?;
        let count = self.number(self.bytes, directory, count_bytes)?;
        let entries = self.bytes.get(directory + count_bytes..)?.chunks_exact(entry_bytes);
        Some(entries.take(usize::try_from(count).unwrap_or(usize::MAX)))
    }

    /// The first value of an entry, if the entry is the orientation and its value is a number.
    fn value(&self, entry: &[u8]) -> Option<u64> {
        if self.number(entry, 0, 2)? != ORIENTATION {
            return None;
        }
        let kind = self.number(entry, 2, 2)?;
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
        let count = self.number(entry, 4, self.offset_bytes())?;
        let field = entry.get(4 + self.offset_bytes()..)?;
        let all = count.checked_mul(size as u64).filter(|&all| all > 0)?;
        // A value that does not fit into the entry lies elsewhere in the file.
        let value = if all <= field.len() as u64 {
            field
        } else {
            self.bytes.get(usize::try_from(self.number(field, 0, self.offset_bytes())?).ok()?..)?
        };
        match kind {
            5 | 10 => {
                let (numerator, denominator) = (self.number(value, 0, 4)?, self.number(value, 4, 4)?);
                numerator.is_multiple_of(denominator).then_some(numerator.checked_div(denominator)?)
            }
            // Rust's cast keeps a float within the range of the integer.
            11 => Some(f32::from_bits(self.number(value, 0, 4)? as u32) as u64),
            12 => Some(f64::from_bits(self.number(value, 0, 8)?) as u64),
            _ => self.number(value, 0, size),
        }
    }

    fn offset_bytes(&self) -> usize {
        if self.big { 8 } else { 4 }
    }

    /// The unsigned integer of `size` bytes, at most 8, at a place in `bytes`.
    fn number(&self, bytes: &[u8], at: usize, size: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(size)?)?;
        let append = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        Some(if self.big_endian { bytes.iter().fold(0, append) } else { bytes.iter().rev().fold(0, append) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A big-endian block with one entry of this type and count; `value` fills the field of 4 bytes and what follows
    /// the directory, from byte 26 on.
    fn block(kind: u8, count: u32, value: &[u8]) -> Vec<u8> {
        let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0".to_vec();
        block.push(kind);
        block.extend(count.to_be_bytes());
        block.extend(value);
        block
    }

    fn after(start: &[u8], block: &[u8]) -> Vec<u8> {
        [start, block].concat()
    }

    #[test]
    fn the_orientation_is_found_in_every_form_that_writers_give_it() {
        let short = block(3, 1, &[0, 6, 0, 0, 0, 0, 0, 0]);
        let mut swapped = short.clone();
        swapped[2..4].copy_from_slice(&[42, 0]);
        let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        let mut little_swapped = little.clone();
        little_swapped[2..4].copy_from_slice(&[0, 42]);
        let mut big = b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x01\x01\x12\0\x03".to_vec();
        big.extend(b"\0\0\0\0\0\0\0\x01\0\x06\0\0\0\0\0\0");
        let mut many_entries = short.clone();
        many_entries[8..10].fill(255);
        // An entry of an unknown type, then a good one.
        let mut two = block(99, 1, &[0, 3, 0, 0]);
        two[9] = 2;
        two.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
        let blocks: [(&str, Vec<u8>); 24] = [
            ("SHORT", short.clone()),
            ("the header before it", after(b"Exif\0\0", &short)),
            ("two headers", after(b"Exif\0\0Exif\0\0", &short)),
            ("nine headers", after(&b"Exif\0\0".repeat(9), &short)),
            ("another byte after the letters", after(b"Exif\0\xff", &short)),
            ("bytes before the header", after(b"\0\0\0\x06EXIF\0\0", &short)),
            ("a magic number in the other order", swapped),
            ("little-endian", little),
            ("little-endian, a magic number in the other order", little_swapped),
            ("BigTIFF", big),
            ("BYTE", block(1, 1, &[6, 0, 0, 0])),
            ("SBYTE", block(6, 1, &[6, 0, 0, 0])),
            ("UNDEFINED", block(7, 1, &[6, 0, 0, 0])),
            ("LONG", block(4, 1, &[0, 0, 0, 6])),
            ("SSHORT", block(8, 1, &[0, 6, 0, 0])),
            ("SLONG", block(9, 1, &[0, 0, 0, 6])),
            ("RATIONAL", block(5, 1, &[0, 0, 0, 22, 0, 0, 0, 12, 0, 0, 0, 2])),
            ("FLOAT", after(&block(11, 1, &[]), &6f32.to_be_bytes())),
            ("DOUBLE", after(&block(12, 1, &[0, 0, 0, 22]), &6f64.to_be_bytes())),
            ("two values", block(3, 2, &[0, 6, 0, 1])),
            ("three values, elsewhere", block(3, 3, &[0, 0, 0, 22, 0, 6, 0, 1, 0, 1])),
            ("two LONGs, elsewhere, the second cut off", block(4, 2, &[0, 0, 0, 22, 0, 0, 0, 6])),
            ("a count of entries that cannot be", many_entries),
            ("an entry of another type before it", two),
        ];
        for (name, block) in blocks {
            assert_eq!(orientation(&block), Some(Orientation::Rotate90), "{name}");
        }
    }

    #[test]
    fn a_value_that_does_not_exist_is_upright() {
        for value in [0, 9, 255] {
            let block = block(3, 1, &[0, value, 0, 0]);
            assert_eq!(orientation(&block), Some(Orientation::NoTransforms), "{value}");
        }
        assert_eq!(orientation(&block(9, 1, &[255; 4])), Some(Orientation::NoTransforms));
        assert_eq!(orientation(&block(11, 1, &[255; 4])), Some(Orientation::NoTransforms));
    }

    #[test]
    fn what_cannot_be_read_is_no_orientation() {
        let good = block(3, 1, &[0, 6, 0, 0]);
        let mut blocks: Vec<Vec<u8>> = (0..good.len()).map(|cut| good[..cut].to_vec()).collect();
        for offset in [0, 1, 7, 100, u32::MAX] {
            let mut moved = good.clone();
            moved[4..8].copy_from_slice(&u32::to_be_bytes(offset));
            blocks.push(moved);
        }
        blocks.extend([
            block(3, 0, &[0, 6, 0, 0]),
            block(2, 1, b"6\0\0\0"),
            block(3, u32::MAX, &[255; 4]),
            block(3, 9, &[0, 0, 0, 200]),
            block(5, 1, &[0, 0, 0, 22, 0, 0, 0, 6, 0, 0, 0, 0]),
            block(5, 1, &[0, 0, 0, 22, 0, 0, 0, 13, 0, 0, 0, 2]),
            after(&b"Exif\0\0".repeat(11), &good),
            b"MM\0+".repeat(9),
        ]);
        for block in blocks {
            assert_eq!(orientation(&block), None, "{block:?}");
        }
    }
}
