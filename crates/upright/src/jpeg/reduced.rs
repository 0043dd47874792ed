//! A picture at a half, a quarter or an eighth of its size, without ever having it whole.
//!
//! A block of 8 × 8 samples is the sum of 64 cosines. The same block of n × n samples is the sum of the n × n slowest
//! ones, at the positions of n samples (the scaled inverse DCT of libjpeg's `jddctmgr.c` and `jidctred.c`). So the walk
//! keeps only these coefficients, and the others are stepped over. Where chroma has fewer samples than luma, its
//! blocks are reduced less, and all components come out at one size; but where even its reduced samples are more than the
//! resize needs, they are repeated instead.

use ::image::RgbImage;

use super::super::Format;
use super::coefficients::{Block, Kept};
use super::frame::{Component, Frame, MOST_COMPONENTS};
use super::{color, idct};
use crate::error::Error;

/// The reduced picture keeps at least this many pixels for each of those that it will be scaled to, across and down:
/// so nearly nothing of the filter that scales it is lost.
const PIXELS_FOR_ONE: f64 = 2.0;

/// The samples of chroma that are enough for each pixel that the picture will be scaled to, across and down.
const CHROMA_FOR_ONE: f64 = 1.4;

/// The coefficients that are kept of each component.
pub(super) struct Reduced {
    /// 2, 4 or 8: a pixel stands for as many of the picture, across and down.
    factor: u32,
    planes: Vec<Plane>,
}

/// The coefficients that are kept of one component.
struct Plane {
    kept: Kept,
    /// How many pixels of the reduced picture a sample is for, across and down.
    repeat: (usize, usize),
    /// Blocks in a row.
    stride: usize,
    /// What the coefficients are multiples of, in the order of a scan; `None` until a scan brings some.
    steps: Option<[u16; 64]>,
    /// Of each block, as [`Kept`] orders them.
    coefficients: Vec<i16>,
}

impl Reduced {
    /// The largest reduction with which a picture may be scaled to the given size as well as without; `None` if there
    /// is none. `target` is that of the stored picture, not of the upright one.
    pub(super) fn choose(frame: &Frame, target: (u32, u32)) -> Option<Self> {
        let suffices = |side: u32, target: u32, factor: u32| {
            f64::from(side) >= f64::from(target) * PIXELS_FOR_ONE * f64::from(factor)
        };
        let fitting = [8, 4, 2].into_iter().filter(|&factor| {
            suffices(frame.width, target.0, factor) && suffices(frame.height, target.1, factor)
        });
        fitting.into_iter().find_map(|factor| Self::by(frame, factor, target))
    }

    /// `None` where a component has so few samples that even its whole blocks are too small, or their number does not
    /// go into 8.
    fn by(frame: &Frame, factor: u32, target: (u32, u32)) -> Option<Self> {
        let largest = frame.largest_sampling();
        // Samples of a block, and pixels for each.
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
                // Within the limits: fewer coefficients than the picture has samples.
                coefficients: vec![0; component.padded_blocks() as usize * columns * rows],
            })
        };
        let planes = frame.components.iter().map(plane).collect::<Option<_>>()?;
        Some(Self { factor, planes })
    }

    pub(super) fn factor(&self) -> u32 {
        self.factor
    }

    /// Notes the table of a component whose first scan begins.
    pub(super) fn begin(&mut self, position: usize, table: Option<&[u16; 64]>) {
        if let Some(plane) = self.planes.get_mut(position) {
            plane.steps = plane.steps.or(table.copied());
        }
    }

    /// A block of a component.
    #[inline(always)]
    pub(super) fn block(&mut self, position: usize, index: usize) -> Option<Block<'_>> {
        let Plane { kept, coefficients, .. } = self.planes.get_mut(position)?;
        let length = kept.size.0 * kept.size.1;
        let coefficients = coefficients.get_mut(index * length..(index + 1) * length)?;
        Some(Block::new(kept, coefficients))
    }

    /// The reduced picture: its sides are those of the picture, divided and rounded up.
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
    /// All samples, row by row, those of the last blocks included; `None` where no scan came.
    fn samples(&self) -> Option<Vec<u8>> {
        let steps = self.kept.by_rows(&self.steps?);
        let length = self.kept.size.0 * self.kept.size.1;
        Some(idct::plane(self.kept.size, &steps[..length], &self.coefficients, self.stride))
    }

    /// The samples for row `y` of the reduced picture: at least one for each of its pixels. `row` is for their storage.
    fn repeated_row<'a>(&self, samples: &'a [u8], y: usize, row: &'a mut Vec<u8>) -> &'a [u8] {
        let (across, down) = self.repeat;
        let samples = samples.chunks_exact(self.stride * self.kept.size.0).nth(y / down).unwrap_or_default();
        if across == 1 {
            return samples;
        }
        // The rows between are as the first one.
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
