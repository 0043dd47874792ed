//! Decodes the blocks of a scan one after the other, and passes on the coefficients that are kept.

use super::bits::{Bits, Stop};
use super::coefficients::Block;
use super::huffman::{Leaps, Table, Tables};
use super::scan::Scan;

/// The procedures of ITU-T T.81 that code the blocks of a scan.
enum Procedure<'a> {
    /// F.2.2: all coefficients at once. A DC and an AC table for each component, and leaps over coefficients
    /// that are not needed.
    Sequential(Vec<(&'a Table, &'a Table, Leaps)>),
    /// G.1.2.1: the DC coefficient; a table for each component.
    DcFirst(Vec<&'a Table>),
    /// G.1.2.1: one more bit of the DC coefficient.
    DcRefine,
    /// G.1.2.2: a band of AC coefficients.
    AcFirst(&'a Table),
    /// G.1.2.3: one more bit of a band of AC coefficients.
    AcRefine(&'a Table),
}

/// Decodes the blocks of one scan.
pub(super) struct Blocks<'a> {
    procedure: Procedure<'a>,
    band: (usize, usize),
    /// The lowest bit that the scan delivers.
    low: u8,
    /// For each component: the DC coefficient of the previous block.
    predictions: Vec<i32>,
    /// Number of following blocks that have no more coefficients in this band.
    end_of_band_run: u32,
}

impl<'a> Blocks<'a> {
    /// Prepares to decode a scan. If the picture `is_reduced`, only the first coefficients of each block are
    /// needed.
    pub(super) fn new(
        scan: &Scan,
        tables: &'a Tables,
        progressive: bool,
        is_reduced: bool,
    ) -> Result<Self, Stop> {
        let components = || scan.components.iter();
        let procedure = match (progressive, scan.band.0, scan.refines) {
            (false, ..) => Procedure::Sequential(
                components()
                    .map(|&(_, dc, ac)| {
                        let ac = tables.get(1, ac)?;
                        let leaps = if is_reduced { ac.leaps() } else { Leaps::default() };
                        Ok((tables.get(0, dc)?, ac, leaps))
                    })
                    .collect::<Result<_, _>>()?,
            ),
            (true, 0, false) => Procedure::DcFirst(
                components().map(|&(_, dc, _)| tables.get(0, dc)).collect::<Result<_, _>>()?,
            ),
            (true, 0, true) => Procedure::DcRefine,
            (true, _, refines) => {
                // `band_is_possible` allows one component only.
                let table = tables.get(1, scan.components.first().map_or(0, |&(_, _, ac)| ac))?;
                if refines { Procedure::AcRefine(table) } else { Procedure::AcFirst(table) }
            }
        };
        let predictions = vec![0; scan.components.len()];
        Ok(Self { procedure, band: scan.band, low: scan.low, predictions, end_of_band_run: 0 })
    }

    /// Resets the state at a restart marker.
    pub(super) fn restart(&mut self) {
        self.end_of_band_run = 0;
        self.predictions.fill(0);
    }

    /// Decodes one block of the component at this position in the scan. `nonzero` is the bit mask of the
    /// block, which AC scans read and write. `kept` receives the coefficients, if they are needed.
    #[inline]
    pub(super) fn walk(
        &mut self,
        component: usize,
        bits: &mut Bits<'_>,
        nonzero: Option<&mut u64>,
        mut kept: Option<Block<'_>>,
    ) -> Result<(), Stop> {
        let low = self.low;
        match &self.procedure {
            Procedure::Sequential(tables) => {
                sequential(&tables[component], bits, &mut self.predictions[component], kept)
            }
            Procedure::DcFirst(tables) => {
                let (_, difference) = tables[component].value(bits)?;
                let prediction = &mut self.predictions[component];
                *prediction = prediction.wrapping_add(difference);
                set(&mut kept, 0, *prediction << low);
                Ok(())
            }
            Procedure::DcRefine => {
                let bit = (bits.take(1)? as i32) << low;
                if let Some(kept) = &mut kept {
                    kept.set_bit(0, bit);
                }
                Ok(())
            }
            Procedure::AcFirst(_) if self.end_of_band_run > 0 => {
                self.end_of_band_run -= 1;
                Ok(())
            }
            Procedure::AcFirst(table) => {
                let run = ac_first((table, self.band, low), bits, nonzero.unwrap_or(&mut 0), kept)?;
                self.end_of_band_run = run;
                Ok(())
            }
            // Nothing to refine, as in most blocks of smooth images.
            Procedure::AcRefine(_) if self.end_of_band_run > 0 && nonzero.as_deref() == Some(&0) => {
                self.end_of_band_run -= 1;
                Ok(())
            }
            Procedure::AcRefine(table) => {
                let run = self.end_of_band_run;
                let run = ac_refine((table, self.band, low), run, bits, nonzero.unwrap_or(&mut 0), kept)?;
                self.end_of_band_run = run;
                Ok(())
            }
        }
    }
}

#[inline(always)]
fn set(kept: &mut Option<Block<'_>>, at: u32, value: i32) {
    if let Some(kept) = kept {
        kept.set(at, value);
    }
}

#[inline]
fn sequential(
    (dc, ac, leaps): &(&Table, &Table, Leaps),
    reader: &mut Bits<'_>,
    prediction: &mut i32,
    kept: Option<Block<'_>>,
) -> Result<(), Stop> {
    let mut copy = *reader;
    let bits = &mut copy;
    let mut at = 1;
    if let Some(mut kept) = kept {
        let (_, difference) = dc.value(bits)?;
        *prediction = prediction.wrapping_add(difference);
        kept.set(0, *prediction);
        while at < kept.end() {
            let (symbol, value) = ac.value(bits)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            if size == 0 && zeros < 15 {
                *reader = copy;
                return Ok(());
            }
            // For a run of 16 zeros, `value` is the last of these zeros.
            kept.set(at + zeros, value);
            at += zeros + 1;
        }
    } else {
        dc.coefficient(bits)?;
    }
    while at < 64 {
        let leap = leaps.next(bits);
        let after = at + u32::from(leap.coefficients);
        // The 64th coefficient also ends the block. An end-of-block code after it belongs to the next block.
        if leap.bits > 0 && after + u32::from(leap.ends) <= 64 {
            bits.skip(leap.bits.into())?;
            if leap.ends {
                break;
            }
            at = after;
            continue;
        }
        let symbol = ac.coefficient(bits)?;
        let (zeros, size) = (symbol >> 4, symbol & 15);
        if size == 0 && zeros < 15 {
            break;
        }
        at += zeros + 1;
    }
    *reader = copy;
    Ok(())
}

/// The number of blocks that an end-of-band symbol covers, including the current one.
fn end_of_band_run(zeros: u32, bits: &mut Bits<'_>) -> Result<u32, Stop> {
    Ok((1 << zeros) + bits.take(zeros)?)
}

/// Returns the number of following blocks that have no coefficients in the band.
fn ac_first(
    (table, (first, last), low): (&Table, (usize, usize), u8),
    bits: &mut Bits<'_>,
    nonzero: &mut u64,
    mut kept: Option<Block<'_>>,
) -> Result<u32, Stop> {
    let mut at = first;
    while at <= last {
        let (symbol, value) = table.value(bits)?;
        let (zeros, size) = (symbol >> 4, symbol & 15);
        at += zeros as usize;
        if size > 0 {
            // As in other decoders, a position beyond the end of the block means the last coefficient.
            *nonzero |= 1 << at.min(63);
            set(&mut kept, at as u32, value << low);
        } else if zeros < 15 {
            return Ok(end_of_band_run(zeros, bits)? - 1);
        }
        at += 1;
    }
    Ok(0)
}

/// As [`ac_first`]. `run` blocks, including this one, have no new coefficients.
fn ac_refine(
    (table, (first, last), low): (&Table, (usize, usize), u8),
    mut run: u32,
    bits: &mut Bits<'_>,
    nonzero: &mut u64,
    mut kept: Option<Block<'_>>,
) -> Result<u32, Stop> {
    let mut at = first;
    let refine = |at: usize, bits: &mut Bits<'_>, kept: &mut Option<Block<'_>>| {
        let bit = bits.take(1)?;
        if let Some(kept) = kept.as_mut().filter(|_| bit == 1) {
            kept.enlarge(at as u32, 1 << low);
        }
        Ok(())
    };
    while run == 0 && at <= last {
        let symbol = table.symbol(bits)?;
        let (mut zeros, size) = (symbol >> 4, symbol & 15);
        let mut value = 0;
        if size > 0 {
            // The sign of the new coefficient, which comes after `zeros` other coefficients that stay zero.
            value = if bits.take(1)? == 1 { 1 << low } else { -1 << low };
        } else if zeros < 15 {
            run = end_of_band_run(zeros, bits)?;
            break;
        }
        while at <= last {
            if *nonzero >> at & 1 == 1 {
                refine(at, bits, &mut kept)?;
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            at += 1;
        }
        if size > 0 {
            *nonzero |= 1 << at.min(63);
            set(&mut kept, at as u32, value);
        }
        at += 1;
    }
    if run == 0 {
        return Ok(0);
    }
    // One bit for each coefficient that is already nonzero.
    let end = kept.as_ref().map_or(0, |kept| kept.end() as usize);
    while at <= last && at < end {
        if *nonzero >> at & 1 == 1 {
            refine(at, bits, &mut kept)?;
        }
        at += 1;
    }
    let rest = if at <= last { *nonzero & (u64::MAX << at) & (u64::MAX >> (63 - last)) } else { 0 };
    let mut left = rest.count_ones();
    while left > 0 {
        let step = left.min(32);
        bits.skip(step)?;
        left -= step;
    }
    Ok(run - 1)
}
