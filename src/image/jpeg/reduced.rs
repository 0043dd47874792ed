//! A picture at a half, a quarter or an eighth of its size, without ever having it whole.
//!
//! A block of 8 × 8 samples is the sum of 64 cosines. The same block of n × n samples is the sum of the n × n slowest
//! ones, at the positions of n samples (the scaled inverse DCT of libjpeg's `jddctmgr.c` and `jidctred.c`). So the walk
//! keeps only these coefficients, and the others are stepped over. Where chroma has fewer samples than luma, its
//! blocks are reduced less, and all components come out at one size; but where even its reduced samples are more than the
//! resize needs, they are repeated instead.

use ::image::RgbImage;

use super::super::Format;
use super::frame::{Component, Frame};
use super::{color, idct};
use crate::error::Error;

/// The reduced picture keeps at least this many pixels for each of those that it will be scaled to, across and down:
/// so nearly nothing of the filter that scales it is lost.
const PIXELS_FOR_ONE: f64 = 2.0;

/// The samples of chroma that are enough for each pixel that the picture will be scaled to, across and down.
const CHROMA_FOR_ONE: f64 = 1.4;

/// Where in a block, by rows, the coefficients lie in the order in which a scan brings them (ITU-T T.81, A.3.6).
#[rustfmt::skip]
const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

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

/// Which coefficients of a block are kept: those of a rectangle, by rows.
pub(super) struct Kept {
    /// Columns and rows of the rectangle, and samples of the reduced block: 1, 2, 4 or 8.
    size: (usize, usize),
    /// For each coefficient in the order of a scan: its place in the rectangle, or [`Kept::NONE`].
    places: [u8; 64],
    /// The first coefficient in the order of a scan after which none is kept.
    end: u32,
}

/// One block's coefficients.
pub(super) struct Block<'a> {
    kept: &'a Kept,
    coefficients: &'a mut [i16],
}

impl Kept {
    const NONE: u8 = u8::MAX;

    pub(super) fn new((columns, rows): (usize, usize)) -> Self {
        let mut kept = Self { size: (columns, rows), places: [Self::NONE; 64], end: 0 };
        for (at, (place, &natural)) in (1..).zip(kept.places.iter_mut().zip(&ZIGZAG)) {
            let (row, column) = (usize::from(natural / 8), usize::from(natural % 8));
            if row < rows && column < columns {
                // At most 63.
                *place = (row * columns + column) as u8;
                kept.end = at;
            }
        }
        kept
    }
}

impl Kept {
    /// The steps of a quantization table in the order of a whole block's rows.
    pub(super) fn by_rows(&self, table: &[u16; 64]) -> [u16; 64] {
        let mut steps = [0; 64];
        for (&place, &step) in self.places.iter().zip(table) {
            if let Some(slot) = steps.get_mut(usize::from(place)) {
                *slot = step;
            }
        }
        steps
    }
}

impl<'a> Block<'a> {
    pub(super) fn new(kept: &'a Kept, coefficients: &'a mut [i16]) -> Self {
        Self { kept, coefficients }
    }

    /// The first coefficient, in the order of a scan, after which none is kept.
    #[inline(always)]
    pub(super) fn end(&self) -> u32 {
        self.kept.end
    }

    /// Sets a coefficient, given by its position in the order of a scan; nothing happens where it is not kept. One behind
    /// the end of the block is put onto its last place, as decoders do.
    #[inline(always)]
    pub(super) fn set(&mut self, at: u32, value: i32) {
        if let Some(coefficient) = self.at(at) {
            // Only a broken file exceeds 16 bits.
            *coefficient = value as i16;
        }
    }

    /// Sets one more bit of a coefficient in two's complement.
    #[inline(always)]
    pub(super) fn set_bit(&mut self, at: u32, bit: i32) {
        if let Some(coefficient) = self.at(at) {
            *coefficient |= bit as i16;
        }
    }

    /// Adds one more bit to a coefficient's distance from zero, unless it is there.
    #[inline(always)]
    pub(super) fn enlarge(&mut self, at: u32, bit: i32) {
        if let Some(coefficient) = self.at(at).filter(|coefficient| **coefficient & bit as i16 == 0) {
            let more = if *coefficient < 0 { -bit } else { bit };
            *coefficient = coefficient.wrapping_add(more as i16);
        }
    }

    #[inline(always)]
    fn at(&mut self, at: u32) -> Option<&mut i16> {
        self.coefficients.get_mut(usize::from(self.kept.places[at.min(63) as usize]))
    }
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
        Some(Block { kept, coefficients })
    }

    /// The reduced picture: its sides are those of the picture, divided and rounded up.
    pub(super) fn picture(self, frame: &Frame, transform: Option<u8>) -> Result<RgbImage, Error> {
        let (width, height) = (frame.width.div_ceil(self.factor), frame.height.div_ceil(self.factor));
        let planes = self.planes.iter().map(Plane::samples).collect::<Option<Vec<_>>>();
        let planes = planes.ok_or_else(|| Format::Jpeg.corrupt("a scan without its quantization table"))?;
        let mut picture = RgbImage::new(width, height);
        let mut repeated = vec![Vec::new(); planes.len()];
        for (y, to) in picture.chunks_exact_mut(3 * width as usize).enumerate() {
            for ((plane, samples), row) in self.planes.iter().zip(&planes).zip(&mut repeated) {
                plane.repeat_row(samples, y, row);
            }
            let rows: Vec<&[u8]> = repeated.iter().map(Vec::as_slice).collect();
            color::convert(&rows, transform, to);
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

    /// The samples for one row of the reduced picture, one for each of its pixels.
    fn repeat_row(&self, samples: &[u8], y: usize, row: &mut Vec<u8>) {
        let (across, down) = self.repeat;
        if !y.is_multiple_of(down) {
            // As the row before.
            return;
        }
        row.clear();
        let samples = samples.chunks_exact(self.stride * self.kept.size.0).nth(y / down).unwrap_or_default();
        match across {
            1 => row.extend_from_slice(samples),
            2 => row.extend(samples.iter().flat_map(|&sample| [sample; 2])),
            _ => row.extend(samples.iter().flat_map(|&sample| [sample; 4])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coefficients_of_a_rectangle_are_kept_by_rows() {
        let kept = Kept::new((4, 2));
        assert_eq!(kept.places[..9], [0, 1, 4, Kept::NONE, 5, 2, 3, 6, Kept::NONE]);
        assert_eq!((kept.places[13], kept.end), (7, 14));
        assert_eq!((Kept::new((1, 1)).end, Kept::new((8, 8)).end), (1, 64));
    }
}
