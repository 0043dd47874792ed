//! Decodes the entropy-coded data of the scans, and checks that every block is present.
//!
//! The coefficients go to an [`Output`]. For a progressive frame, a bit mask also records which coefficients
//! are nonzero, because the length of a refinement depends on it (ITU-T T.81, G.1.2.3).

use super::super::Format;
use super::bits::{Bits, Stop};
use super::blocks::Blocks;
use super::frame::Frame;
use super::huffman::Tables;
use super::output::Output;
use super::quantization::Quantization;
use crate::error::Error;

/// Maximum number of scans in a file. Encoders write about ten.
const MAX_SCANS: usize = 100;

/// Maximum number of blocks that all scans together may visit. Fourteen scans of 64 million pixels, each of
/// all three components at full size, visit 42 million. A file of a few kilobytes can ask for a hundred times
/// as many.
const MAX_VISITS: u64 = 60_000_000;

/// Marks a coefficient that no scan has delivered yet.
const ABSENT: u8 = u8::MAX;

/// A scan header (B.2.3).
pub(super) struct Scan {
    /// For each component: its position in the frame, and the numbers of its DC and AC tables.
    pub(super) components: Vec<(usize, usize, usize)>,
    /// First and last coefficient, in zigzag order.
    pub(super) band: (usize, usize),
    /// Whether earlier scans have delivered the higher bits of these coefficients.
    pub(super) refines: bool,
    /// The lowest bit that this scan delivers.
    pub(super) low: u8,
}

/// The frame, and what its scans have delivered so far.
pub(super) struct Scans {
    frame: Frame,
    /// For each component and coefficient: the lowest bit delivered so far, or `ABSENT`.
    bits: Vec<[u8; 64]>,
    /// For each component and block of a progressive frame: a bit mask of the nonzero coefficients.
    nonzero: Vec<Vec<u64>>,
    /// Receives the coefficients; `None` until the first scan begins.
    output: Option<Output>,
    count: usize,
    visits: u64,
}

impl Scans {
    pub(super) fn of(frame: Frame) -> Self {
        let components = frame.components.len();
        Self {
            frame,
            bits: vec![[ABSENT; 64]; components],
            nonzero: vec![Vec::new(); components],
            output: None,
            count: 0,
            visits: 0,
        }
    }

    pub(super) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Sends the coefficients of the following scans to `output`.
    pub(super) fn write_to(&mut self, output: Output) {
        self.output = Some(output);
    }

    pub(super) fn into_parts(self) -> (Frame, Option<Output>) {
        (self.frame, self.output)
    }

    /// Whether every bit of every coefficient of every component is present.
    pub(super) fn are_complete(&self) -> bool {
        self.bits.iter().flatten().all(|&bit| bit == 0)
    }

    /// Whether every component is present, at least coarsely.
    pub(super) fn all_have_begun(&self) -> bool {
        self.bits.iter().all(|bits| bits[0] != ABSENT)
    }

    /// Reads a scan header; `segment` begins after its length field.
    pub(super) fn begin(&self, segment: &[u8]) -> Result<Scan, Error> {
        let corrupt = |cause: &'static str| Format::Jpeg.corrupt(cause);
        if self.count == MAX_SCANS {
            return Err(corrupt("more scans than any encoder writes"));
        }
        let (&count, rest) = segment.split_first().ok_or_else(|| corrupt("an empty scan header"))?;
        let count = usize::from(count);
        let (Some(pairs), Some(&[first, last, approximation, ..])) =
            (rest.get(..2 * count), rest.get(2 * count..))
        else {
            return Err(corrupt("a scan header that is too short"));
        };
        let mut components: Vec<(usize, usize, usize)> = Vec::with_capacity(count);
        for pair in pairs.chunks_exact(2) {
            let is_taken = |position| components.iter().any(|&(other, ..)| other == position);
            let position =
                self.position(pair[0], is_taken).ok_or_else(|| corrupt("a scan of no component"))?;
            components.push((position, usize::from(pair[1] >> 4), usize::from(pair[1] & 15)));
        }
        if components.is_empty() {
            return Err(corrupt("a scan of no component"));
        }
        if !self.frame.progressive {
            // The other fields have no meaning in a sequential frame, and some encoders leave them at zero.
            return Ok(Scan { components, band: (0, 63), refines: false, low: 0 });
        }
        let (first, last, high, low) = (first.into(), last.into(), approximation >> 4, approximation & 15);
        let band_is_possible = if first == 0 { last == 0 } else { first <= last && last < 64 && count == 1 };
        if !band_is_possible || low > 13 || (high != 0 && high != low + 1) {
            return Err(corrupt("an impossible progressive scan"));
        }
        Ok(Scan { components, band: (first, last), refines: high != 0, low })
    }

    /// The component that a scan selects by its id. Some cameras give several components the same id. A scan
    /// of a sequential frame takes the first one that no scan has delivered yet.
    fn position(&self, id: u8, is_taken: impl Fn(usize) -> bool) -> Option<usize> {
        let mut positions = (0..self.frame.components.len())
            .filter(|&position| self.frame.components[position].id == id && !is_taken(position));
        let first = positions.clone().next();
        positions.find(|&position| !self.frame.progressive && self.bits[position][0] == ABSENT).or(first)
    }

    /// Decodes the data of a scan. Returns the length of the data, up to the next marker.
    pub(super) fn walk(
        &mut self,
        scan: &Scan,
        tables: &Tables,
        quantization: &Quantization,
        restart_interval: u16,
        data: &[u8],
    ) -> Result<usize, Stop> {
        self.count += 1;
        let mut restarts = Restarts::new(restart_interval);
        let mut bits = Bits::new(data);
        let output = self.output.as_mut().ok_or(Stop::Corrupt("a scan before the frame"))?;
        let mut blocks = Blocks::new(scan, tables, self.frame.progressive, output.is_reduced())?;
        for &(position, ..) in &scan.components {
            output.begin(position, quantization.get(self.frame.components[position].table));
        }
        if scan.band.0 > 0 {
            let (position, ..) = scan.components[0];
            // The vector stays empty until its component has AC coefficients.
            let length = self.frame.components[position].padded_blocks() as usize;
            self.nonzero[position].resize(length, 0);
        }

        let visits = if let [(position, ..)] = scan.components[..] {
            let (columns, rows) = self.frame.components[position].blocks;
            u64::from(columns) * u64::from(rows)
        } else {
            scan.components
                .iter()
                .map(|&(position, ..)| self.frame.components[position].padded_blocks())
                .sum()
        };
        self.visits += visits;
        if self.visits > MAX_VISITS {
            return Err(Stop::Corrupt("more work than any encoder asks for"));
        }

        if let [(position, ..)] = scan.components[..] {
            // Not interleaved: only the blocks that contain samples, row by row.
            let component = &self.frame.components[position];
            let (columns, rows) = component.blocks;
            let nonzero = &mut self.nonzero[position];
            for row in 0..rows {
                let start = (row * component.stride) as usize;
                for at in start..start + columns as usize {
                    restarts.before_unit(&mut bits, &mut blocks)?;
                    output
                        .block(position, at, |kept| blocks.walk(0, &mut bits, nonzero.get_mut(at), kept))?;
                }
            }
        } else {
            // Interleaved: each MCU holds a rectangle of blocks of each component.
            for (unit_row, unit) in
                (0..self.frame.mcus.1).flat_map(|row| (0..self.frame.mcus.0).map(move |unit| (row, unit)))
            {
                restarts.before_unit(&mut bits, &mut blocks)?;
                for (number, &(position, ..)) in scan.components.iter().enumerate() {
                    let component = &self.frame.components[position];
                    let (across, down) = component.sampling;
                    for row in unit_row * down..(unit_row + 1) * down {
                        let start = (row * component.stride + unit * across) as usize;
                        for at in start..start + across as usize {
                            output.block(position, at, |kept| blocks.walk(number, &mut bits, None, kept))?;
                        }
                    }
                }
            }
        }
        self.note(scan);
        bits.marker();
        Ok(bits.position())
    }

    fn note(&mut self, scan: &Scan) {
        for &(position, ..) in &scan.components {
            self.bits[position][scan.band.0..=scan.band.1].fill(scan.low);
        }
    }
}

/// Restart markers (E.1.4), which separate units at a fixed interval.
struct Restarts {
    /// Units between two markers; `None` if there are no markers.
    interval: Option<u16>,
    left: u16,
}

impl Restarts {
    fn new(interval: u16) -> Self {
        Self { interval: (interval > 0).then_some(interval), left: interval }
    }

    #[inline]
    fn before_unit(&mut self, bits: &mut Bits<'_>, blocks: &mut Blocks<'_>) -> Result<(), Stop> {
        let Some(interval) = self.interval else { return Ok(()) };
        if self.left == 0 {
            // Only the presence of the marker matters. Like other decoders, this one ignores its number.
            if !matches!(bits.marker(), Some(0xd0..=0xd7)) {
                return Err(Stop::Missing);
            }
            bits.step_over_marker();
            blocks.restart();
            self.left = interval;
        }
        self.left -= 1;
        Ok(())
    }
}
