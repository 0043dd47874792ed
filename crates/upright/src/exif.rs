//! Reads the EXIF orientation in all the forms that real cameras, phones and editors write.

use super::orient::Orientation;
use super::tags::Tags;

/// Maximum offset of the TIFF header in a block, in bytes. It may follow nothing, `Exif\0\0`, several
/// repetitions of these letters, or a few bytes that a phone added.
const LAST_START: usize = 64;

/// Tag of the orientation (TIFF 6.0, section 8).
const ORIENTATION: u16 = 0x0112;

/// Whether `block` holds a TIFF structure near its start.
pub(super) fn is_exif(block: &[u8]) -> bool {
    Tags::find(block, LAST_START).is_some()
}

/// The orientation in `block`; upright if the value is not one of the eight that exist. `None` if the first
/// directory has no readable orientation.
pub(super) fn orientation(block: &[u8]) -> Option<Orientation> {
    let value = Tags::find(block, LAST_START)?.number(ORIENTATION)?;
    let orientation = u8::try_from(value).ok().and_then(Orientation::from_exif);
    Some(orientation.unwrap_or(Orientation::NoTransforms))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A big-endian block with one entry of the given type and count. `value` fills the 4-byte value field
    /// and the bytes after the directory, from byte 26 on.
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
