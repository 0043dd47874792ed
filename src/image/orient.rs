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

fn from_exif(exif: &[u8]) -> Option<Orientation> {
    Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
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

/// Turns the picture upright.
pub(super) fn apply(mut picture: RgbImage, orientation: Orientation) -> RgbImage {
    match orientation {
        Orientation::NoTransforms => {}
        Orientation::FlipHorizontal => imageops::flip_horizontal_in_place(&mut picture),
        Orientation::FlipVertical => imageops::flip_vertical_in_place(&mut picture),
        Orientation::Rotate180 => imageops::rotate180_in_place(&mut picture),
        Orientation::Rotate90 => return imageops::rotate90(&picture),
        Orientation::Rotate270 => return imageops::rotate270(&picture),
        Orientation::Rotate90FlipH => {
            picture = imageops::rotate90(&picture);
            imageops::flip_horizontal_in_place(&mut picture);
        }
        Orientation::Rotate270FlipH => {
            picture = imageops::rotate270(&picture);
            imageops::flip_horizontal_in_place(&mut picture);
        }
    }
    picture
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
