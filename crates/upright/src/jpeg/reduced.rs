//! Decodes an image at a half, a quarter or an eighth of its size, without decoding it at full size first.
//!
//! A block of 8 × 8 samples is the sum of 64 cosines. The same block with n × n samples is the sum of the
//! n × n cosines of the lowest frequencies, taken at the positions of the n samples (the scaled inverse DCT
//! of libjpeg's `jddctmgr.c` and `jidctred.c`). So only these coefficients are kept, and the others are
//! skipped.
//!
//! If chroma has fewer samples than luma, its blocks are reduced less, so that all components have the same
//! size in the end. But if chroma has enough samples for the resize even when it is reduced as much as luma,
//! it is reduced that much, and its samples are repeated.

use ::image::RgbImage;

use super::super::Format;
use super::coefficients::{Block, Kept};
use super::frame::{Component, Frame, MOST_COMPONENTS};
use super::{color, idct};
use crate::error::Error;

/// Minimum number of pixels in the reduced image per pixel of the final size, across and down. This keeps
/// nearly all of the effect of the filter that scales the image.
const PIXELS_FOR_ONE: f64 = 2.0;

/// Number of chroma samples that are enough per pixel of the final size, across and down.
const CHROMA_FOR_ONE: f64 = 1.4;

/// The coefficients that are kept of all components.
pub(super) struct Reduced {
    /// 2, 4 or 8: a pixel covers `factor` pixels of the image, across and down.
    factor: u32,
    planes: Vec<Plane>,
}

/// The coefficients that are kept of one component.
struct Plane {
    kept: Kept,
    /// Number of pixels of the reduced image per sample, across and down.
    repeat: (usize, usize),
    /// Blocks per row.
    stride: usize,
    /// The quantization steps, in scan order; `None` until a scan of the component begins.
    steps: Option<[u16; 64]>,
    /// The coefficients of each block, in the order of [`Kept`].
    coefficients: Vec<i16>,
}

impl Reduced {
    /// Chooses the largest reduction that is as good as none for an image that is scaled to `target`; `None`
    /// if there is none. `target` refers to the stored image, not to the upright one.
    pub(super) fn choose(frame: &Frame, target: (u32, u32)) -> Option<Self> {
        let suffices = |side: u32, target: u32, factor: u32| {
            f64::from(side) >= f64::from(target) * PIXELS_FOR_ONE * f64::from(factor)
        };
        let fitting = [8, 4, 2].into_iter().filter(|&factor| {
            suffices(frame.width, target.0, factor) && suffices(frame.height, target.1, factor)
        });
        fitting.into_iter().find_map(|factor| Self::by(frame, factor, target))
    }

    /// `None` if a component has so few samples that even its whole blocks are too small, or if the number of
    /// samples does not divide 8.
    fn by(frame: &Frame, factor: u32, target: (u32, u32)) -> Option<Self> {
        let largest = frame.largest_sampling();
        // Samples per side of a block, and pixels per sample.
        let samples = |side: u32, target: u32, fewer: u32| {
            let enough = f64::from(side) >= f64::from(target) * CHROMA_FOR_ONE * f64::from(factor * fewer);
            let (samples, repeat) = if enough { (8 / factor, fewer) } else { (8 / factor * fewer, 1) };
            (matches!(samples, 1 | 2 | 4 | 8) && matches!(repeat, 1 | 2 | 4))
                .then_some((samples as usize, repeat as usize))
        };
        let plane = |component: &Component| {
            let (h, v) = component.sampling;
            let (columns, across) = samples(frame.width, target.0, largest.0 / h)?;
            let (rows, down) = samples(frame.height, target.1, largest.1 / v)?;
            Some(Plane {
                kept: Kept::new((columns, rows)),
                repeat: (across, down),
                stride: component.stride as usize,
                steps: None,
                // Within the memory limits: there are fewer coefficients than samples in the image.
                coefficients: vec![0; component.padded_blocks() as usize * columns * rows],
            })
        };
        let planes = frame.components.iter().map(plane).collect::<Option<_>>()?;
        Some(Self { factor, planes })
    }

    pub(super) fn factor(&self) -> u32 {
        self.factor
    }

    /// Records the quantization table of a component when its first scan begins.
    pub(super) fn begin(&mut self, position: usize, table: Option<&[u16; 64]>) {
        if let Some(plane) = self.planes.get_mut(position) {
            plane.steps = plane.steps.or(table.copied());
        }
    }

    /// The block with this index of a component.
    #[inline(always)]
    pub(super) fn block(&mut self, position: usize, index: usize) -> Option<Block<'_>> {
        let Plane { kept, coefficients, .. } = self.planes.get_mut(position)?;
        let length = kept.size.0 * kept.size.1;
        let coefficients = coefficients.get_mut(index * length..(index + 1) * length)?;
        Some(Block::new(kept, coefficients))
    }

    /// The reduced picture. Its sides are those of the image, divided by the factor and rounded up.
    pub(super) fn picture(self, frame: &Frame, transform: Option<u8>) -> Result<RgbImage, Error> {
        let (width, height) = (frame.width.div_ceil(self.factor), frame.height.div_ceil(self.factor));
        let planes = self.planes.iter().map(Plane::samples).collect::<Option<Vec<_>>>();
        let planes = planes.ok_or_else(|| Format::Jpeg.corrupt("a scan without its quantization table"))?;
        let mut picture = RgbImage::new(width, height);
        let mut storage = vec![Vec::new(); planes.len()];
        for (y, to) in picture.chunks_exact_mut(3 * width as usize).enumerate() {
            let mut rows: [&[u8]; MOST_COMPONENTS] = Default::default();
            let all = self.planes.iter().zip(&planes).zip(&mut storage);
            for (to, ((plane, samples), row)) in rows.iter_mut().zip(all) {
                *to = plane.repeated_row(samples, y, row);
            }
            color::convert(&rows[..planes.len()], transform, to);
        }
        Ok(picture)
    }
}

impl Plane {
    /// All samples, row by row, including the padding in the last blocks; `None` if no scan delivered any.
    fn samples(&self) -> Option<Vec<u8>> {
        let steps = self.kept.by_rows(&self.steps?);
        let length = self.kept.size.0 * self.kept.size.1;
        Some(idct::plane(self.kept.size, &steps[..length], &self.coefficients, self.stride))
    }

    /// The samples for row `y` of the reduced image: at least one per pixel. `row` is a buffer.
    fn repeated_row<'a>(&self, samples: &'a [u8], y: usize, row: &'a mut Vec<u8>) -> &'a [u8] {
        let (across, down) = self.repeat;
        let samples = samples.chunks_exact(self.stride * self.kept.size.0).nth(y / down).unwrap_or_default();
        if across == 1 {
            return samples;
        }
        // The rows in between are the same as the first one.
        if y.is_multiple_of(down) {
            row.clear();
            match across {
                2 => row.extend(samples.iter().flat_map(|&sample| [sample; 2])),
                _ => row.extend(samples.iter().flat_map(|&sample| [sample; 4])),
            }
        }
        row
    }
}
