//! Decodes an image at full size, from all coefficients.
//!
//! A sequential scan contains whole blocks, which are converted to samples at once. The scans of a
//! progressive file add to coefficients, which are kept until the last scan is read.

use super::super::Format;
use super::super::limits::check_memory;
use super::bits::Stop;
use super::coefficients::{Block, Kept};
use super::frame::{Frame, MOST_COMPONENTS};
use super::upsample::Plane;
use super::{color, islow};
use crate::error::Error;

/// The components of a picture.
pub(super) struct Full {
    kept: Kept,
    components: Vec<Component>,
}

struct Component {
    plane: Plane,
    /// Blocks per row.
    stride: usize,
    /// The quantization steps, in row order; `None` until a scan of the component begins.
    steps: Option<[i16; 64]>,
    /// The coefficients of each block of a progressive frame, in row order.
    coefficients: Vec<[i16; 64]>,
}

impl Full {
    /// Fails if the image would take too much memory.
    pub(super) fn of(frame: &Frame) -> Result<Self, Error> {
        check(frame)?;
        let (largest, padded) = (frame.largest_sampling(), |blocks: u64| blocks as usize);
        let components = frame
            .components
            .iter()
            .map(|component| {
                let (h, v) = component.sampling;
                let blocks = padded(component.padded_blocks());
                let size = ((frame.width * h).div_ceil(largest.0), (frame.height * v).div_ceil(largest.1));
                let plane = Plane {
                    samples: if frame.progressive { Vec::new() } else { vec![0; 64 * blocks] },
                    stride: 8 * component.stride as usize,
                    size: (size.0 as usize, size.1 as usize),
                    ratio: ((largest.0 / h) as usize, (largest.1 / v) as usize),
                };
                let coefficients = vec![[0; 64]; if frame.progressive { blocks } else { 0 }];
                Component { plane, stride: component.stride as usize, steps: None, coefficients }
            })
            .collect();
        Ok(Self { kept: Kept::new((8, 8)), components })
    }

    /// Records the quantization table of a component when its first scan begins.
    pub(super) fn begin(&mut self, position: usize, table: Option<&[u16; 64]>) {
        if let (Some(component), Some(table)) = (self.components.get_mut(position), table) {
            // Steps of more than 15 bits do not occur with 8-bit samples.
            component.steps.get_or_insert_with(|| self.kept.by_rows(table).map(|step| step as i16));
        }
    }

    /// Calls `walk` to read the block with this index of a component.
    #[inline(always)]
    pub(super) fn block(
        &mut self,
        position: usize,
        index: usize,
        walk: impl FnOnce(Option<Block<'_>>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let Some(component) = self.components.get_mut(position) else { return Ok(()) };
        if let Some(block) = component.coefficients.get_mut(index) {
            return walk(Some(Block::new(&self.kept, block)));
        }
        let Some(steps) = &component.steps else {
            return Err(Stop::Corrupt("a scan without its quantization table"));
        };
        let mut block = [0; 64];
        walk(Some(Block::new(&self.kept, &mut block)))?;
        let start = index / component.stride * component.stride * 64 + index % component.stride * 8;
        let samples = component.plane.samples.get_mut(start..).unwrap_or_default();
        islow::block(&block, steps, samples, component.plane.stride);
        Ok(())
    }

    /// The pixels as RGB, row by row.
    pub(super) fn pixels(mut self, frame: &Frame, transform: Option<u8>) -> Result<Vec<u8>, Error> {
        for component in &mut self.components {
            component.finish()?;
        }
        let row_length = 3 * frame.width as usize;
        let mut pixels = vec![0; row_length * frame.height as usize];
        let mut storage = vec![Vec::new(); self.components.len()];
        let mut sums = Vec::new();
        for (y, to) in pixels.chunks_exact_mut(row_length).enumerate() {
            let mut rows: [&[u8]; MOST_COMPONENTS] = Default::default();
            for (to, (component, row)) in rows.iter_mut().zip(self.components.iter().zip(&mut storage)) {
                *to = component.plane.upsampled(y, row, &mut sums);
            }
            color::convert(&rows[..self.components.len()], transform, to);
        }
        Ok(pixels)
    }
}

impl Component {
    /// Converts the coefficients to samples, and frees the coefficients.
    fn finish(&mut self) -> Result<(), Error> {
        let coefficients = std::mem::take(&mut self.coefficients);
        if coefficients.is_empty() {
            return Ok(());
        }
        let Some(steps) = &self.steps else {
            return Err(Format::Jpeg.corrupt("a scan without its quantization table"));
        };
        self.plane.samples = vec![0; 64 * coefficients.len()];
        let rows = self.plane.samples.chunks_exact_mut(64 * self.stride);
        for (samples, blocks) in rows.zip(coefficients.chunks_exact(self.stride)) {
            for (column, block) in blocks.iter().enumerate() {
                let samples = samples.get_mut(8 * column..).unwrap_or_default();
                islow::block(block, steps, samples, self.plane.stride);
            }
        }
        Ok(())
    }
}

/// Fails if the image would take too much memory. This is the larger of two amounts: the samples of all
/// components and RGB; or, while a progressive image is read, its coefficients, one bit for each, and the
/// samples of one component.
fn check(frame: &Frame) -> Result<(), Error> {
    let samples = frame.components.iter().map(|component| component.padded_blocks() * 64);
    let (all, most): (u64, u64) = (samples.clone().sum(), samples.max().unwrap_or(0));
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    let (coefficients, of_kind) = match (frame.progressive, frame.components.len()) {
        (true, 4) => (2 * all + all / 8 + most, " for a progressive CMYK JPEG"),
        (true, _) => (2 * all + all / 8 + most, " for a progressive JPEG"),
        (false, 4) => (0, " for a CMYK JPEG"),
        (false, _) => (0, " for a JPEG"),
    };
    check_memory(frame.width, frame.height, coefficients.max(all + 3 * pixels), of_kind)
}
