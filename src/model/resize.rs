//! Scales a part of a picture to another size.

use ::image::RgbImage;
use ::image::imageops::thumbnail;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::geometry::Part;
use crate::error::Cause;

/// Half the width, in target pixels, of the widest filter: Lanczos3.
const LARGEST_SUPPORT: f64 = 3.0;

/// A side that shrinks by more than this factor is first averaged in whole blocks, because the memory of the
/// filter grows with the side of the source. This side can be 64 million pixels long, in a picture that is
/// one pixel wide. No picture of ordinary proportions within the limit shrinks so much.
const LARGEST_SHRINK: f64 = 64.0;

/// The factor by which such a side still shrinks afterwards, so that the blocks do not show.
const SHRINK_AFTER_BLOCKS: f64 = 16.0;

/// The resampling method.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Filter {
    Nearest,
    /// Antialiased when shrinking.
    Convolution(FilterType),
}

impl Filter {
    /// The filter with this number in Pillow.
    pub(super) fn of_pillow(resample: u8) -> Result<Self, String> {
        Ok(match resample {
            0 => Self::Nearest,
            1 => Self::Convolution(FilterType::Lanczos3),
            2 => Self::Convolution(FilterType::Bilinear),
            // Pillow's bicubic has a = -0.5, which is the Catmull-Rom spline.
            3 => Self::Convolution(FilterType::CatmullRom),
            4 => Self::Convolution(FilterType::Box),
            5 => Self::Convolution(FilterType::Hamming),
            other => return Err(format!("resample {other} is not supported; 0 to 5 are")),
        })
    }
}

/// Scales the part of a picture at `across` and `down` to the size that they give.
pub(super) fn scaled(rgb: &RgbImage, across: Part, down: Part, filter: Filter) -> Result<RgbImage, Cause> {
    match filter {
        Filter::Nearest => Ok(nearest(rgb, across, down)),
        Filter::Convolution(filter) => {
            let Some(blocks) = in_blocks(rgb, across, down) else {
                return convolved(rgb, across, down, filter);
            };
            let of_blocks = |part: Part, pixels: u32, blocks: u32| {
                part.of_copy(blocks, f64::from(pixels) / f64::from(blocks), 0.0)
            };
            let across = of_blocks(across, rgb.width(), blocks.width());
            convolved(&blocks, across, of_blocks(down, rgb.height(), blocks.height()), filter)
        }
    }
}

/// The picture with its overlong sides averaged in blocks; `None` if no side is overlong.
fn in_blocks(rgb: &RgbImage, across: Part, down: Part) -> Option<RgbImage> {
    let side = |source: u32, part: Part| {
        let shrink = part.length / f64::from(part.pixels);
        let blocks = f64::from(source) / (shrink / SHRINK_AFTER_BLOCKS);
        // At least one, and fewer than the pixels of the source, which are a u32.
        if shrink > LARGEST_SHRINK { (blocks as u32).max(1) } else { source }
    };
    let (columns, rows) = (side(rgb.width(), across), side(rgb.height(), down));
    ((columns, rows) != rgb.dimensions()).then(|| thumbnail(rgb, columns, rows))
}

/// Scales horizontally first, as Pillow does. Each pass rounds to whole bytes, so the order affects the
/// result.
///
/// The types fix the format of the pixels. If the resizer detected it at run time, the program would contain
/// the code for all formats, which is half a megabyte.
fn convolved(rgb: &RgbImage, across: Part, down: Part, filter: FilterType) -> Result<RgbImage, Cause> {
    let source = TypedImageRef::<U8x3>::from_buffer(rgb.width(), rgb.height(), rgb.as_raw())?;
    let options = ResizeOptions::new().use_alpha(false).resize_alg(ResizeAlg::Convolution(filter));
    let mut resizer = Resizer::new();
    let (first_row, rows) = down.in_reach(LARGEST_SUPPORT, rgb.height());
    let mut narrow = TypedImage::<U8x3>::new(across.pixels, rows);
    let columns = options.crop(across.start, f64::from(first_row), across.length, f64::from(rows));
    resizer.resize_typed(&source, &mut narrow, &columns)?;

    let top = down.start - f64::from(first_row);
    let lines = options.crop(0.0, top, f64::from(across.pixels), down.length);
    let mut scaled = RgbImage::new(across.pixels, down.pixels);
    let mut pixels = TypedImage::<U8x3>::from_buffer(across.pixels, down.pixels, &mut scaled)?;
    resizer.resize_typed(&narrow, &mut pixels, &lines)?;
    Ok(scaled)
}

/// Takes the source pixel at the centre of each new pixel. The resizer could do this as well, but a second
/// algorithm would make the program two megabytes larger.
fn nearest(rgb: &RgbImage, across: Part, down: Part) -> RgbImage {
    let mut scaled = RgbImage::new(across.pixels, down.pixels);
    let source = |part: Part, pixel: usize, end: u32| {
        let middle = part.start + (pixel as f64 + 0.5) * part.length / f64::from(part.pixels);
        (middle as u32).min(end - 1)
    };
    let rows = scaled.chunks_exact_mut(3 * across.pixels as usize);
    for (y, row) in rows.enumerate() {
        let from = source(down, y, rgb.height());
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = rgb.get_pixel(source(across, x, rgb.width()), from).0;
        }
    }
    scaled
}
