//! RGB pixels → the model's input tensor: resize, centre crop, normalise.
//!
//! The crop is folded into the resize: only the part of the picture that ends up in the crop is ever scaled,
//! with the same result. A picture of 1 x 5000 pixels thus costs no more than a normal one, although "short
//! side to 256" makes 256 x 1,280,000 of it.

use ::image::RgbImage;
use ::image::imageops::thumbnail;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::preprocessor_config::PreprocessorConfig;
use crate::Error;
use crate::error::Cause;

/// Half the width, in target pixels, of the widest filter: Lanczos3.
const LARGEST_SUPPORT: f64 = 3.0;

/// A side that shrinks by more than this is averaged in whole blocks first: the memory of the filter grows with the
/// side of the source, which is up to 50 million pixels long where a picture is one pixel wide. No picture of
/// ordinary proportions within that limit shrinks so much.
const LARGEST_SHRINK: f64 = 64.0;

/// How much such a side still shrinks afterwards, so that the blocks do not show.
const SHRINK_AFTER_BLOCKS: f64 = 16.0;

/// Order of the dimensions of the model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[batch, 3, height, width]`: planes, as PyTorch has them.
    Nchw,
    /// `[batch, height, width, 3]`: pixels, as TensorFlow has them.
    Nhwc,
}

/// The size that a picture is scaled to before the crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resize {
    /// The short side to this many pixels; the long one keeps the aspect, rounded down.
    ShortestEdge(u32),
    /// To exactly this size; the aspect changes.
    Exact {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
}

/// How a picture becomes the model's input.
#[derive(Clone, Debug)]
pub struct Preprocessor {
    resize: Resize,
    output: (u32, u32),
    filter: FilterType,
    scale: [f32; 3],
    bias: [f32; 3],
}

/// The part of the source that becomes the tensor, in source pixels.
#[derive(Debug, PartialEq)]
struct SourceBox {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Preprocessor {
    /// Reads a `preprocessor_config.json`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or not supported.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str::<PreprocessorConfig>(text).map_err(|error| error.to_string())?.preprocessor()
    }

    /// `output` is width and height of the crop in pixels, at most the size that `resize` gives;
    /// `value = byte * scale + bias` for each of red, green and blue.
    pub(super) fn new(
        resize: Resize,
        output: (u32, u32),
        filter: FilterType,
        scale: [f32; 3],
        bias: [f32; 3],
    ) -> Self {
        Self { resize, output, filter, scale, bias }
    }

    /// Width and height of the tensor, in pixels.
    pub fn output_size(&self) -> (u32, u32) {
        self.output
    }

    /// The tensor of one picture: `3 * height * width` values in the given layout.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the picture cannot be scaled; every picture of at least one pixel can.
    pub fn tensor(&self, rgb: &RgbImage, layout: Layout) -> Result<Vec<f32>, Error> {
        let blocks = self.in_blocks(rgb);
        let scaled = self.scale(blocks.as_ref().unwrap_or(rgb)).map_err(Error::internal)?;
        Ok(self.normalise(scaled.buffer(), layout))
    }

    /// The picture with its overlong sides averaged in blocks; `None` where there is none.
    fn in_blocks(&self, rgb: &RgbImage) -> Option<RgbImage> {
        let SourceBox { width, height, .. } = self.source_box(rgb.width(), rgb.height());
        let side = |source: u32, part: f64, output: u32| {
            let shrink = part / f64::from(output);
            let blocks = f64::from(source) / (shrink / SHRINK_AFTER_BLOCKS);
            // Fewer than the source's pixels, which are a u32, and at least one.
            if shrink > LARGEST_SHRINK { (blocks as u32).max(1) } else { source }
        };
        let (columns, rows) =
            (side(rgb.width(), width, self.output.0), side(rgb.height(), height, self.output.1));
        ((columns, rows) != rgb.dimensions()).then(|| thumbnail(rgb, columns, rows))
    }

    /// Resizes and crops. Horizontally first, as Pillow does: each pass rounds to whole bytes, so the order shows.
    fn scale(&self, rgb: &RgbImage) -> Result<Image<'static>, Cause> {
        let (width, height) = self.output;
        let SourceBox { left, top, width: box_width, height: box_height } =
            self.source_box(rgb.width(), rgb.height());
        let source = ImageRef::new(rgb.width(), rgb.height(), rgb.as_raw(), PixelType::U8x3)?;
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(self.filter)).use_alpha(false);
        let mut resizer = Resizer::new();

        let (first_row, rows) = self.rows(top, box_height, rgb.height());
        let mut narrow = Image::new(width, rows, PixelType::U8x3);
        let columns = options.crop(left, f64::from(first_row), box_width, f64::from(rows));
        resizer.resize(&source, &mut narrow, &columns)?;

        let mut scaled = Image::new(width, height, PixelType::U8x3);
        let lines = options.crop(0.0, top - f64::from(first_row), f64::from(width), box_height);
        resizer.resize(&narrow, &mut scaled, &lines)?;
        Ok(scaled)
    }

    /// The first row of the source that the filter reaches, and how many: the box and the filter's support on
    /// both sides.
    fn rows(&self, top: f64, box_height: f64, source_height: u32) -> (u32, u32) {
        let support = LARGEST_SUPPORT * (box_height / f64::from(self.output.1)).max(1.0) + 1.0;
        let source_height = f64::from(source_height);
        let first = (top - support).floor().max(0.0);
        let end = (top + box_height + support).ceil().min(source_height);
        // Both lie within the source's height, which is a u32.
        (first as u32, (end - first) as u32)
    }

    /// Where the crop lies in the source. Whole pixels of the scaled picture, mapped back.
    fn source_box(&self, width: u32, height: u32) -> SourceBox {
        let (scaled_width, scaled_height) = scaled_size(self.resize, width, height);
        let part = |source: u32, scaled: u64, crop: u32| {
            let factor = f64::from(source) / scaled as f64;
            let offset = half_to_even(scaled - u64::from(crop));
            let size = f64::from(crop) * factor;
            let start = (offset as f64 * factor).min(f64::from(source) - size);
            (start.max(0.0), size.min(f64::from(source)))
        };
        let (left, box_width) = part(width, scaled_width, self.output.0);
        let (top, box_height) = part(height, scaled_height, self.output.1);
        SourceBox { left, top, width: box_width, height: box_height }
    }

    fn normalise(&self, pixels: &[u8], layout: Layout) -> Vec<f32> {
        let (scale, bias) = (self.scale, self.bias);
        let value = |byte: u8, channel: usize| f32::from(byte) * scale[channel] + bias[channel];
        match layout {
            Layout::Nchw => {
                let mut tensor = Vec::with_capacity(pixels.len());
                for channel in 0..3 {
                    tensor.extend(pixels.chunks_exact(3).map(|pixel| value(pixel[channel], channel)));
                }
                tensor
            }
            Layout::Nhwc => pixels
                .chunks_exact(3)
                .flat_map(|pixel| [value(pixel[0], 0), value(pixel[1], 1), value(pixel[2], 2)])
                .collect(),
        }
    }
}

/// Half of `number`, a half of one rounded to the even side: where torchvision's `center_crop` starts.
fn half_to_even(number: u64) -> u64 {
    let half = number / 2;
    if number % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

/// Width and height after the resize, in pixels. They exceed 32 bits where a thin picture is scaled up.
fn scaled_size(resize: Resize, width: u32, height: u32) -> (u64, u64) {
    match resize {
        Resize::Exact { width, height } => (u64::from(width), u64::from(height)),
        Resize::ShortestEdge(edge) => {
            let (edge, width, height) = (u64::from(edge), u64::from(width), u64::from(height));
            if width <= height { (edge, edge * height / width) } else { (edge * width / height, edge) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imagenet() -> Preprocessor {
        Preprocessor::new(Resize::ShortestEdge(256), (224, 224), FilterType::CatmullRom, [1.0; 3], [0.0; 3])
    }

    #[test]
    fn the_long_side_keeps_the_aspect_rounded_down() {
        assert_eq!(scaled_size(Resize::ShortestEdge(256), 500, 333), (384, 256));
        assert_eq!(scaled_size(Resize::ShortestEdge(256), 333, 500), (256, 384));
        assert_eq!(scaled_size(Resize::ShortestEdge(256), 1, 5000), (256, 1_280_000));
    }

    #[test]
    fn half_a_pixel_is_rounded_to_the_even_side() {
        assert_eq!([35, 36, 37, 39].map(half_to_even), [18, 18, 18, 20]);
    }

    #[test]
    fn a_picture_of_the_scaled_size_is_cropped_and_nothing_else() {
        let picture = RgbImage::from_fn(300, 256, |x, y| ::image::Rgb([x as u8, y as u8, 7]));
        let tensor = imagenet().tensor(&picture, Layout::Nhwc).unwrap();
        // Offsets are (300 - 224) / 2 = 38 and (256 - 224) / 2 = 16.
        assert_eq!(&tensor[..6], [38.0, 16.0, 7.0, 39.0, 16.0, 7.0]);
        let planes = imagenet().tensor(&picture, Layout::Nchw).unwrap();
        assert_eq!((planes[0], planes[1], planes[224 * 224]), (38.0, 39.0, 16.0));
    }

    #[test]
    fn cropping_before_scaling_gives_the_same_as_after() {
        let picture = RgbImage::from_fn(640, 427, |x, y| {
            ::image::Rgb([((x * 7) ^ (y * 3)) as u8, (x + y) as u8, x as u8])
        });
        let folded = imagenet().tensor(&picture, Layout::Nhwc).unwrap();
        let whole = Preprocessor::new(
            Resize::Exact { width: 383, height: 256 },
            (383, 256),
            FilterType::CatmullRom,
            [1.0; 3],
            [0.0; 3],
        );
        let scaled = whole.tensor(&picture, Layout::Nhwc).unwrap();
        let (left, top) = (80, 16);
        let mut worst = 0.0f32;
        for y in 0..224 {
            for x in 0..224 * 3 {
                let after = scaled[((y + top) * 383 + left) * 3 + x];
                worst = worst.max((folded[y * 224 * 3 + x] - after).abs());
            }
        }
        assert!(worst <= 1.0, "a difference of {worst} of 255");
    }

    #[test]
    fn a_thin_picture_that_is_squeezed_into_a_square_keeps_its_parts() {
        let square = |side| Resize::Exact { width: side, height: side };
        let squeezed = Preprocessor::new(square(224), (224, 224), FilterType::Bilinear, [1.0; 3], [0.0; 3]);
        for (width, height) in [(1, 20_000_000), (20_000_000, 1), (30_000, 1500)] {
            // The first half dark, the second half bright.
            let picture = RgbImage::from_fn(width, height, |x, y| {
                let second = if width > height { x >= width / 2 } else { y >= height / 2 };
                ::image::Rgb([if second { 200 } else { 50 }; 3])
            });
            let tensor = squeezed.tensor(&picture, Layout::Nchw).unwrap();
            assert!((tensor[0] - 50.0).abs() <= 1.0, "{width} x {height}: {}", tensor[0]);
            let last = tensor[224 * 224 - 1];
            assert!((last - 200.0).abs() <= 1.0, "{width} x {height}: {last}");
        }
    }

    #[test]
    fn the_thinnest_and_the_smallest_pictures_have_a_tensor() {
        for (width, height) in [(1, 1), (1, 5000), (5000, 1), (2, 3), (50_000_000, 1)] {
            let picture = RgbImage::from_pixel(width, height, ::image::Rgb([200, 100, 50]));
            let tensor = imagenet().tensor(&picture, Layout::Nchw).unwrap();
            assert_eq!(tensor.len(), 3 * 224 * 224);
            assert!(tensor[..224 * 224].iter().all(|&red| (red - 200.0).abs() <= 1.0), "{width} x {height}");
        }
    }
}
