//! Which way up: the orientation in EXIF or XMP, applied to the pixels.

pub(super) use ::image::metadata::Orientation;
use ::image::{RgbImage, imageops};

/// What a file says about its orientation, in the order in which it is believed.
#[derive(Clone, Copy, Default)]
pub(super) struct Metadata<'a> {
    /// A TIFF structure, with or without `Exif\0\0` before it.
    pub(super) exif: Option<&'a [u8]>,
    /// An XMP packet.
    pub(super) xmp: Option<&'a [u8]>,
}

impl Metadata<'_> {
    /// The orientation; upright where there is none, or none that makes sense.
    pub(super) fn orientation(self) -> Orientation {
        self.exif
            .and_then(from_exif)
            .or_else(|| self.xmp.and_then(from_xmp))
            .unwrap_or(Orientation::NoTransforms)
    }
}

/// Looks for the tag in the first directory only, so there is no loop to be led into. Cameras write it as a
/// SHORT; some editors write a LONG or a signed number, which `image`'s own reader does not take and Pillow does.
fn from_exif(exif: &[u8]) -> Option<Orientation> {
    const ORIENTATION: u16 = 0x0112;
    // The signed kinds hold the same eight values.
    const SHORT: [u16; 2] = [3, 8];
    const LONG: [u16; 2] = [4, 9];
    let tiff = Tiff::new(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))?;
    let directory = tiff.u32(4)? as usize;
    let entries = usize::from(tiff.u16(directory)?);
    let entry = (0..entries)
        .map(|entry| directory + 2 + 12 * entry)
        .take_while(|&entry| entry < tiff.bytes.len())
        .find(|&entry| tiff.u16(entry) == Some(ORIENTATION))?;
    let value = match (tiff.u16(entry + 2)?, tiff.u32(entry + 4)?) {
        (kind, 1) if SHORT.contains(&kind) => tiff.u16(entry + 8)?.into(),
        (kind, 1) if LONG.contains(&kind) => tiff.u32(entry + 8)?,
        _ => return None,
    };
    u8::try_from(value).ok().and_then(Orientation::from_exif)
}

/// A TIFF structure: numbers in the byte order that its first bytes say.
struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.first_chunk()? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        Some(Self { bytes, big_endian })
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let two = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let four = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }
}

/// Editors that drop EXIF keep `tiff:Orientation` in XMP, as an attribute or as an element.
fn from_xmp(xmp: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let after = xmp.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let digit = match xmp.get(after..)? {
        [b'=', b'"' | b'\'', digit, ..] | [b'>', digit, ..] => digit,
        _ => return None,
    };
    Orientation::from_exif(digit.wrapping_sub(b'0'))
}

/// Which of its sides a picture gets back to front when it is turned upright: left and right, top and bottom.
pub(super) fn reversed(orientation: Orientation) -> (bool, bool) {
    match orientation {
        Orientation::NoTransforms | Orientation::Rotate90FlipH => (false, false),
        Orientation::FlipHorizontal | Orientation::Rotate90 => (true, false),
        Orientation::FlipVertical | Orientation::Rotate270 => (false, true),
        Orientation::Rotate180 | Orientation::Rotate270FlipH => (true, true),
    }
}

/// Whether rows become columns: the width of the upright picture is the height of the stored one.
pub(super) fn is_turned(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90FlipH
            | Orientation::Rotate90
            | Orientation::Rotate270FlipH
            | Orientation::Rotate270
    )
}

/// Turns the picture upright; in place where it keeps its shape.
pub(super) fn apply(mut picture: RgbImage, orientation: Orientation) -> RgbImage {
    let reversed = reversed(orientation);
    if is_turned(orientation) {
        return turned(&picture, reversed);
    }
    match reversed {
        (false, false) => {}
        (true, false) => {
            let row = picture.width() as usize * 3;
            picture.chunks_exact_mut(row).for_each(|row| row.as_chunks_mut::<3>().0.reverse());
        }
        (false, true) => imageops::flip_vertical_in_place(&mut picture),
        (true, true) => picture.as_chunks_mut::<3>().0.reverse(),
    }
    picture
}

/// Rows become columns: the picture mirrored at its main diagonal, then its columns or rows in reverse order.
fn turned(picture: &RgbImage, (reverse_columns, reverse_rows): (bool, bool)) -> RgbImage {
    // In tiles, so that what is read along one side and written along the other stays in the cache: `image` goes
    // pixel by pixel, and takes longer for a photo from a phone than its decoding.
    const TILE: usize = 32;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let from = picture.as_chunks::<3>().0;
    let mut upright = RgbImage::new(picture.height(), picture.width());
    let to = upright.as_chunks_mut::<3>().0;
    for top in (0..width).step_by(TILE) {
        for left in (0..height).step_by(TILE) {
            for row in top..(top + TILE).min(width) {
                let x = if reverse_rows { width - 1 - row } else { row };
                for column in left..(left + TILE).min(height) {
                    let y = if reverse_columns { height - 1 - column } else { column };
                    to[row * height + column] = from[y * width + x];
                }
            }
        }
    }
    upright
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A little-endian TIFF structure with one entry: tag 0x0112, SHORT, one value.
    fn exif(value: u8) -> Vec<u8> {
        let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        tiff.extend([value, 0, 0, 0, 0, 0, 0, 0]);
        tiff
    }

    #[test]
    fn each_of_the_eight_orientations_puts_the_marked_corner_where_exif_says() {
        // 2 × 3 pixels; the top left one is marked. Where is it afterwards, and how wide is the picture?
        let table = [
            (1, 2, (0, 0)),
            (2, 2, (1, 0)),
            (3, 2, (1, 2)),
            (4, 2, (0, 2)),
            (5, 3, (0, 0)),
            (6, 3, (2, 0)),
            (7, 3, (2, 1)),
            (8, 3, (0, 1)),
        ];
        for (value, width, (x, y)) in table {
            let mut picture = RgbImage::new(2, 3);
            picture.put_pixel(0, 0, ::image::Rgb([255, 0, 0]));
            let metadata = exif(value);
            let orientation = Metadata { exif: Some(&metadata), xmp: None }.orientation();
            let upright = apply(picture, orientation);
            assert_eq!(upright.width(), width, "orientation {value}");
            assert_eq!(upright.get_pixel(x, y).0, [255, 0, 0], "orientation {value}");
        }
    }

    #[test]
    fn pictures_larger_than_a_tile_are_turned_as_the_image_crate_does_it() {
        let picture = RgbImage::from_fn(70, 45, |x, y| ::image::Rgb([x as u8, y as u8, (x * y) as u8]));
        for value in 1..=8 {
            let orientation = Orientation::from_exif(value).unwrap();
            let mut right = ::image::DynamicImage::from(picture.clone());
            right.apply_orientation(orientation);
            assert!(apply(picture.clone(), orientation) == right.into_rgb8(), "orientation {value}");
        }
    }

    #[test]
    fn xmp_is_believed_where_exif_is_silent() {
        let table: [(&[u8], Orientation); 5] = [
            (b"<rdf tiff:Orientation=\"6\"/>", Orientation::Rotate90),
            (b"<tiff:Orientation>3</tiff:Orientation>", Orientation::Rotate180),
            (b"<rdf tiff:Orientation=\"9\"/>", Orientation::NoTransforms),
            (b"tiff:Orientation", Orientation::NoTransforms),
            (b"", Orientation::NoTransforms),
        ];
        for (xmp, expected) in table {
            assert_eq!(Metadata { exif: None, xmp: Some(xmp) }.orientation(), expected);
            assert_eq!(Metadata { exif: Some(b"junk"), xmp: Some(xmp) }.orientation(), expected);
        }
        let exif = exif(8);
        let both = Metadata { exif: Some(&exif), xmp: Some(b"tiff:Orientation=\"6\"") };
        assert_eq!(both.orientation(), Orientation::Rotate270);
    }

    #[test]
    fn broken_exif_is_upright() {
        let good = exif(6);
        for cut in 0..good.len() - 8 {
            let orientation = Metadata { exif: Some(&good[..cut]), xmp: None }.orientation();
            assert_eq!(orientation, Orientation::NoTransforms, "cut to {cut} bytes");
        }
        // The directory is where the header is; it says that it has 65535 entries.
        let mut looping = good.clone();
        looping[4] = 0;
        looping[8..10].fill(255);
        let _ = Metadata { exif: Some(&looping), xmp: None }.orientation();
    }
}
