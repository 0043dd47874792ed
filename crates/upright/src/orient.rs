//! Turns a picture upright.

pub(super) use ::image::metadata::Orientation;
use ::image::{RgbImage, imageops};

/// Which directions are reversed when an image is turned upright: (left and right, top and bottom).
pub(super) fn reversed(orientation: Orientation) -> (bool, bool) {
    match orientation {
        Orientation::NoTransforms | Orientation::Rotate90FlipH => (false, false),
        Orientation::FlipHorizontal | Orientation::Rotate90 => (true, false),
        Orientation::FlipVertical | Orientation::Rotate270 => (false, true),
        Orientation::Rotate180 | Orientation::Rotate270FlipH => (true, true),
    }
}

/// Whether rows become columns: the width of the upright image is the height of the stored one.
pub(super) fn is_turned(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90FlipH
            | Orientation::Rotate90
            | Orientation::Rotate270FlipH
            | Orientation::Rotate270
    )
}

/// Turns the picture upright; in place if width and height stay the same.
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

/// Turns rows into columns: mirrors the picture at its main diagonal, then reverses columns or rows.
fn turned(picture: &RgbImage, (reverse_columns, reverse_rows): (bool, bool)) -> RgbImage {
    // Copy in tiles, so that the rows read and the columns written stay in the cache. The `image` crate goes
    // pixel by pixel; for a phone photo this takes longer than decoding.
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
            let upright = apply(picture, Orientation::from_exif(value).unwrap());
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
}
