//! Reads the orientation from the metadata of a file: EXIF first, then XMP.

use super::exif;
use super::orient::Orientation;

/// The metadata blocks that may contain the orientation. The first block of each kind is used.
#[derive(Clone, Copy, Default)]
pub(super) struct Metadata<'a> {
    /// A TIFF structure, optionally after `Exif\0\0`.
    exif: Option<&'a [u8]>,
    /// An XMP packet, which is XML text.
    xmp: Option<&'a [u8]>,
}

impl<'a> Metadata<'a> {
    /// Adds an EXIF or XMP block: a JPEG APP1 segment, or its equivalent in another format. The first bytes
    /// tell the two apart. Other blocks are ignored.
    pub(super) fn add(&mut self, block: &'a [u8]) {
        const NAMESPACE: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
        if let Some(packet) = block.strip_prefix(NAMESPACE) {
            self.add_xmp(packet);
        } else if exif::is_exif(block) {
            self.exif.get_or_insert(block);
        } else if block.starts_with(b"<") {
            self.add_xmp(block);
        }
    }

    /// Adds an XMP packet.
    pub(super) fn add_xmp(&mut self, packet: &'a [u8]) {
        self.xmp.get_or_insert(packet);
    }

    /// The orientation; upright if the file states none. As in Pillow, XMP is used only if EXIF has no
    /// orientation, not if the EXIF value is invalid.
    pub(super) fn orientation(self) -> Orientation {
        let exif = self.exif.and_then(exif::orientation);
        exif.or_else(|| self.xmp.and_then(from_xmp)).unwrap_or(Orientation::NoTransforms)
    }
}

/// Reads `tiff:Orientation` from an attribute or element of a packet. Editors that remove EXIF keep it there.
fn from_xmp(packet: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let digit = memchr::memmem::find_iter(packet, NAME).find_map(|at| {
        let after = packet.get(at + NAME.len()..)?.trim_ascii_start();
        let value = match after.split_first()? {
            (b'=', rest) => match rest.trim_ascii_start().split_first()? {
                (b'"' | b'\'', rest) => rest,
                _ => return None,
            },
            (b'>', rest) => rest,
            _ => return None,
        };
        value.trim_ascii_start().first().filter(|first| first.is_ascii_digit())
    })?;
    Some(Orientation::from_exif(digit - b'0').unwrap_or(Orientation::NoTransforms))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A little-endian block with one entry: the orientation as a SHORT.
    fn exif(value: u8) -> Vec<u8> {
        let mut block = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        block.extend([value, 0, 0, 0, 0, 0, 0, 0]);
        block
    }

    fn of(blocks: &[&[u8]]) -> Orientation {
        let mut metadata = Metadata::default();
        blocks.iter().for_each(|block| metadata.add(block));
        metadata.orientation()
    }

    #[test]
    fn xmp_counts_where_exif_has_no_orientation() {
        let table: [(&[u8], Orientation); 8] = [
            (b"<rdf tiff:Orientation=\"6\"/>", Orientation::Rotate90),
            (b"<rdf tiff:Orientation = '6'/>", Orientation::Rotate90),
            (b"<tiff:Orientation>3</tiff:Orientation>", Orientation::Rotate180),
            (b"<tiff:Orientation>\n 3</tiff:Orientation>", Orientation::Rotate180),
            (b"<a changed=\"tiff:Orientation\"/><tiff:Orientation>3<", Orientation::Rotate180),
            (b"<rdf tiff:Orientation=\"9\"/>", Orientation::NoTransforms),
            (b"<tiff:Orientation", Orientation::NoTransforms),
            (b"<", Orientation::NoTransforms),
        ];
        let mut without = exif(8);
        without[16] = 0x13;
        for (xmp, expected) in table {
            let segment = [b"http://ns.adobe.com/xap/1.0/\0", xmp].concat();
            for blocks in [&[xmp][..], &[&segment], &[b"junk", xmp], &[&without, xmp]] {
                assert_eq!(of(blocks), expected, "{}", String::from_utf8_lossy(xmp));
            }
        }
    }

    #[test]
    fn exif_wins_over_xmp_and_the_first_block_over_the_next() {
        let xmp = b"<rdf tiff:Orientation=\"6\"/>";
        assert_eq!(of(&[xmp, &exif(8)]), Orientation::Rotate270);
        assert_eq!(of(&[xmp, &exif(9)]), Orientation::NoTransforms);
        assert_eq!(of(&[&exif(8), &exif(6)]), Orientation::Rotate270);
        assert_eq!(of(&[b"Exif\0\0 and no more", &exif(6)]), Orientation::Rotate90);
        assert_eq!(of(&[]), Orientation::NoTransforms);
    }
}
