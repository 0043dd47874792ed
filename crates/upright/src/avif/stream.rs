//! An AV1 stream of one frame. Sections are those of the AV1 specification, version 1.0.0 with errata 1.
//!
//! The decoder gets only the sequence header and the frame. A panic in the decoder ends the process, because
//! it passes through functions that cannot unwind. So the decoder must not see any data that it does not
//! need. For example, metadata (ITU-T T.35) can make it panic.

use super::super::Format;
use crate::error::Error;

/// The types of OBU that are needed (section 6.2.2).
const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const TILE_GROUP: u8 = 4;
const FRAME: u8 = 6;

/// A stream of one frame, and its sequence header.
pub(super) struct Stream {
    /// The sequence header and the frame.
    pub(super) obus: Vec<u8>,
    pub(super) sequence: Sequence,
}

/// The fields of the sequence header (section 5.5).
#[derive(Clone, Copy)]
pub(super) struct Sequence {
    /// The size of the largest frame, in pixels.
    pub(super) size: (u32, u32),
    /// Bits per sample: 8, 10 or 12.
    pub(super) bits: u32,
    /// Number of samples in all planes per four pixels: 4 without colour, else 6, 8 or 12.
    pub(super) samples_of_four: u64,
    /// Matrix coefficients (ISO/IEC 23091-2).
    pub(super) matrix: u8,
    pub(super) full_range: bool,
    /// The decoder makes a second picture: one with film grain, or a wider one (super-resolution).
    pub(super) has_copy: bool,
}

impl Stream {
    pub(super) fn read(mut data: &[u8]) -> Result<Self, Error> {
        let broken = || Format::Avif.corrupt("a broken AV1 stream");
        let (mut obus, mut sequence, mut frames) = (Vec::new(), None, 0);
        while !data.is_empty() {
            let mut bits = Bits { data, at: 0 };
            let is_forbidden = bits.flag();
            let kind = bits.number(4) as u8;
            let (has_extension, has_size) = (bits.flag(), bits.flag());
            bits.skip(if has_extension { 9 } else { 1 });
            let size = if has_size { bits.leb128().ok_or_else(broken)? } else { u64::MAX };
            let head = bits.at / 8;
            let rest = data.len().checked_sub(head).ok_or_else(broken)?;
            let size = if has_size { usize::try_from(size).unwrap_or(usize::MAX) } else { rest };
            if is_forbidden || size > rest {
                return Err(broken());
            }
            let (obu, after) = data.split_at(head + size);
            data = after;
            match kind {
                SEQUENCE_HEADER if sequence.is_none() => {
                    sequence = Some(Sequence::read(&obu[head..]).ok_or_else(broken)?);
                }
                FRAME_HEADER | FRAME => frames += 1,
                TILE_GROUP => {}
                _ => continue,
            }
            obus.extend_from_slice(obu);
        }
        let sequence = sequence.ok_or_else(broken)?;
        match frames {
            0 => Err(broken()),
            1 => Ok(Self { obus, sequence }),
            _ => Err(Format::unsupported_avif("in layers")),
        }
    }
}

impl Sequence {
    fn read(data: &[u8]) -> Option<Self> {
        let mut bits = Bits { data, at: 0 };
        let profile = bits.number(3);
        bits.skip(1);
        let is_reduced = bits.flag();
        if is_reduced {
            bits.skip(5);
        } else {
            bits.operating_points();
        }
        let sides = [bits.number(4) + 1, bits.number(4) + 1];
        let [width, height] = sides.map(|length| bits.number(length) + 1);
        // The lengths of frame ids.
        if !is_reduced && bits.flag() {
            bits.skip(7);
        }
        bits.skip(3);
        if !is_reduced {
            bits.inter_tools();
        }
        let has_super_resolution = bits.flag();
        bits.skip(2);

        let is_high = bits.flag();
        let sample_bits = match (profile, is_high) {
            (2, true) if bits.flag() => 12,
            (_, true) => 10,
            _ => 8,
        };
        let is_grey = profile != 1 && bits.flag();
        let [primaries, transfer, matrix] =
            if bits.flag() { [(); 3].map(|()| bits.number(8)) } else { [2, 2, 2] };
        let mut full_range = true;
        let samples_of_four = if is_grey {
            full_range = bits.flag();
            4
        } else if (primaries, transfer, matrix) == (1, 13, 0) {
            12
        } else {
            full_range = bits.flag();
            let (is_narrow, is_low) = match (profile, sample_bits) {
                (0, _) => (true, true),
                (1, _) => (false, false),
                (_, 12) => {
                    let is_narrow = bits.flag();
                    (is_narrow, is_narrow && bits.flag())
                }
                _ => (true, false),
            };
            if is_low {
                bits.skip(2);
            }
            if is_low {
                6
            } else if is_narrow {
                8
            } else {
                12
            }
        };
        if !is_grey {
            bits.skip(1);
        }
        let has_grain = bits.flag();
        (bits.at <= data.len() * 8 && profile < 3).then_some(Self {
            size: (width, height),
            bits: sample_bits,
            samples_of_four,
            matrix: matrix as u8,
            full_range,
            has_copy: has_super_resolution || has_grain,
        })
    }
}

/// Reads bits, most significant first. Beyond the end, all bits are 0.
struct Bits<'a> {
    data: &'a [u8],
    /// Number of bits read.
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> bool {
        let byte = self.data.get(self.at / 8).copied().unwrap_or_default();
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        bit == 1
    }

    /// Reads a number of up to 32 bits.
    fn number(&mut self, bits: u32) -> u32 {
        (0..bits).fold(0, |number, _| number << 1 | u32::from(self.flag()))
    }

    fn skip(&mut self, bits: usize) {
        self.at += bits;
    }

    /// Reads a LEB128 number (section 4.10.5).
    fn leb128(&mut self) -> Option<u64> {
        let mut number = 0;
        for byte in 0..8 {
            let more = self.flag();
            number |= u64::from(self.number(7)) << (7 * byte);
            if !more {
                return Some(number);
            }
        }
        None
    }

    /// Skips times and operating points.
    fn operating_points(&mut self) {
        let (mut has_decoder_model, mut delay_bits) = (false, 0);
        if self.flag() {
            self.skip(64);
            if self.flag() {
                // A number whose leading zeros give its length.
                let zeros = (0..32).take_while(|_| !self.flag()).count();
                self.skip(if zeros < 32 { zeros } else { 0 });
            }
            has_decoder_model = self.flag();
            if has_decoder_model {
                delay_bits = self.number(5) as usize + 1;
                self.skip(42);
            }
        }
        let has_display_delay = self.flag();
        for _ in 0..=self.number(5) {
            self.skip(12);
            if self.number(5) > 7 {
                self.skip(1);
            }
            if has_decoder_model && self.flag() {
                self.skip(2 * delay_bits + 1);
            }
            if has_display_delay && self.flag() {
                self.skip(4);
            }
        }
    }

    /// Skips the tools for frames that refer to other frames.
    fn inter_tools(&mut self) {
        self.skip(4);
        let has_order = self.flag();
        if has_order {
            self.skip(2);
        }
        let has_screen_tools = self.flag() || self.flag();
        if has_screen_tools && !self.flag() {
            self.skip(1);
        }
        if has_order {
            self.skip(3);
        }
    }
}
