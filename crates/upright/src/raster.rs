//! The pixels of an image, at full or reduced size.

use ::image::RgbImage;

use super::orient::{self, Orientation};

/// The pixels of an image, or of a copy that is several times smaller.
#[derive(Clone, PartialEq)]
pub struct Raster {
    rgb: RgbImage,
    size: (u32, u32),
    factor: u32,
    corner: (f64, f64),
}

impl From<RgbImage> for Raster {
    fn from(rgb: RgbImage) -> Self {
        Self { size: rgb.dimensions(), rgb, factor: 1, corner: (0.0, 0.0) }
    }
}

impl Raster {
    /// A reduced copy. Each pixel of `rgb` covers `factor` × `factor` pixels of an image of `size`. Pixels in
    /// the last column and row may cover fewer.
    pub(super) fn reduced(rgb: RgbImage, size: (u32, u32), factor: u32) -> Self {
        Self { rgb, size, factor, corner: (0.0, 0.0) }
    }

    /// The pixels: 8 bits per channel, row by row.
    pub fn rgb(&self) -> &RgbImage {
        &self.rgb
    }

    /// Width and height of the original image, in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The reduction factor: 1, 2, 4 or 8. One pixel here covers `factor` pixels of the original image,
    /// across and down.
    pub fn factor(&self) -> u32 {
        self.factor
    }

    /// Where the image begins, from the left and from the top, in pixels of [`Raster::rgb`]. This is usually
    /// 0. It is between 0 and 1 if the factor does not divide a side, and turning the image moved the partial
    /// pixels to the front.
    pub fn corner(&self) -> (f64, f64) {
        self.corner
    }

    /// Turns the image upright.
    pub(super) fn upright(self, orientation: Orientation) -> Self {
        let (width, height) = self.size;
        let size = if orient::is_turned(orientation) { (height, width) } else { (width, height) };
        let rgb = orient::apply(self.rgb, orientation);
        let (reversed_across, reversed_down) = orient::reversed(orientation);
        let corner = |reversed: bool, pixels: u32, side: u32| {
            if reversed { f64::from(pixels) - f64::from(side) / f64::from(self.factor) } else { 0.0 }
        };
        let corner =
            (corner(reversed_across, rgb.width(), size.0), corner(reversed_down, rgb.height(), size.1));
        Self { rgb, size, factor: self.factor, corner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_that_the_factor_does_not_divide_keeps_its_place_when_it_is_turned() {
        // 10 × 7 pixels, reduced by 4: the third column covers 2 pixels, the second row 3.
        let raster = Raster::reduced(RgbImage::new(3, 2), (10, 7), 4);
        let table = [
            (Orientation::NoTransforms, (10, 7), (0.0, 0.0)),
            (Orientation::FlipHorizontal, (10, 7), (0.5, 0.0)),
            (Orientation::Rotate180, (10, 7), (0.5, 0.25)),
            (Orientation::FlipVertical, (10, 7), (0.0, 0.25)),
            (Orientation::Rotate90FlipH, (7, 10), (0.0, 0.0)),
            (Orientation::Rotate90, (7, 10), (0.25, 0.0)),
            (Orientation::Rotate270FlipH, (7, 10), (0.25, 0.5)),
            (Orientation::Rotate270, (7, 10), (0.0, 0.5)),
        ];
        for (orientation, size, corner) in table {
            let upright = raster.clone().upright(orientation);
            assert_eq!((upright.size(), upright.corner()), (size, corner), "{orientation:?}");
        }
    }
}
