//! Reads bits of entropy-coded data. Removes byte stuffing, and stops at the next marker.

/// Why decoding stopped before the end of the entropy-coded data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The data ends, or a marker follows, before the last block.
    Missing,
    /// The data is present but invalid.
    Corrupt(&'static str),
}

/// Number of bits that [`Bits::peek_16`] makes available, unless the data ends.
pub(super) const MOST: u32 = 32;

/// A reader of bits, most significant first.
///
/// The reader is small and `Copy`, and rare operations work on a copy of it. The compiler can then keep it in
/// registers in hot loops.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, left-aligned.
    buffer: u64,
    count: u32,
    ended: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, buffer: 0, count: 0, ended: false }
    }

    /// The next 16 bits, with zeros after the end of the data.
    #[inline(always)]
    pub(super) fn peek_16(&mut self) -> usize {
        if self.count < MOST {
            self.refill();
        }
        (self.buffer >> 48) as usize
    }

    /// Skips `count` bits, at most [`MOST`].
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) -> Result<(), Stop> {
        if self.count < count {
            self.refill();
            if self.count < count {
                return Err(Stop::Missing);
            }
        }
        self.buffer <<= count;
        self.count -= count;
        Ok(())
    }

    /// Reads the next `count` bits, at most 16.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Stop> {
        let bits = self.peek_16() as u32 >> (16 - count);
        self.skip(count)?;
        Ok(bits)
    }

    /// Returns the `count` bits, at most 15, after the next `from` bits. Call [`Bits::peek_16`] first. The
    /// sum of both numbers is at most [`MOST`].
    #[inline(always)]
    pub(super) fn peek_after(&self, from: u32, count: u32) -> u32 {
        // Shift in two steps: with a `count` of 0, a single shift would be by 64 and overflow.
        (self.buffer << from >> 1 >> (63 - count)) as u32
    }

    /// Whether fewer than 16 bits are left, so that some of the bits from [`Bits::peek_16`] are padding.
    pub(super) fn is_near_end(&self) -> bool {
        self.ended && self.count < 16
    }

    #[inline(always)]
    fn refill(&mut self) {
        // Fast path: eight bytes at a time, if none of them is 0xff.
        if let Some(eight) = self.data.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_be_bytes(*eight);
            if !has_0xff(word) {
                // A byte that fits only in part is written again by the next refill.
                self.buffer |= word >> self.count;
                let bytes = (64 - self.count) / 8;
                self.at += bytes as usize;
                self.count += 8 * bytes;
                return;
            }
        }
        *self = self.refilled_by_bytes();
    }

    #[inline(never)]
    fn refilled_by_bytes(mut self) -> Self {
        while self.count <= 56 && !self.ended {
            let byte = match self.data.get(self.at) {
                Some(0xff) => {
                    // Fill bytes may come before a marker, and before a stuffed zero as well.
                    let after = self.data[self.at..].iter().position(|&byte| byte != 0xff);
                    match after {
                        Some(distance) if self.data[self.at + distance] == 0 => {
                            self.at += distance + 1;
                            0xff
                        }
                        _ => {
                            self.ended = true;
                            return self;
                        }
                    }
                }
                Some(&byte) => {
                    self.at += 1;
                    byte
                }
                None => {
                    self.ended = true;
                    return self;
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
        self
    }

    /// Discards the bits before the next marker. Returns the code of the marker, or `None` at the end of the
    /// data.
    pub(super) fn marker(&mut self) -> Option<u8> {
        (self.buffer, self.count, self.ended) = (0, 0, false);
        loop {
            self.at += self.data.get(self.at..)?.iter().position(|&byte| byte == 0xff)?;
            let distance = self.data[self.at..].iter().position(|&byte| byte != 0xff)?;
            match self.data[self.at + distance] {
                0 => self.at += distance + 1,
                marker => return Some(marker),
            }
        }
    }

    /// Skips the marker that [`Bits::marker`] returned.
    pub(super) fn step_over_marker(&mut self) {
        self.at +=
            self.data[self.at..].iter().position(|&byte| byte != 0xff).map_or(1, |distance| distance + 1);
    }

    /// The position in the data; after [`Bits::marker`], the position of the marker or the end.
    pub(super) fn position(&self) -> usize {
        self.at
    }
}

/// Whether one of the eight bytes is 0xff: its inverse is zero, so the subtraction borrows.
fn has_0xff(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    (!word).wrapping_sub(ONES) & word & (ONES << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_zeros_are_undone_and_markers_end_the_data() {
        let mut bits = Bits::new(b"\x12\xff\x00\x34\xff\xd0\x56\xff\xff\x00\xff\xff\xd9");
        assert_eq!(bits.take(16), Ok(0x12ff));
        assert_eq!(bits.take(8), Ok(0x34));
        assert_eq!(bits.take(1), Err(Stop::Missing));
        assert_eq!(bits.marker(), Some(0xd0));
        bits.step_over_marker();
        assert_eq!(bits.take(16), Ok(0x56ff));
        assert_eq!(bits.marker(), Some(0xd9));
        assert_eq!(bits.position(), 10);
    }

    #[test]
    fn eight_bytes_at_a_time_give_the_same_bits_as_one() {
        // A stuffed byte moves through the data; the steps have all lengths.
        for stuffed in 0..40 {
            let mut data: Vec<u8> = (0..40u32).map(|byte| (byte * 37 % 251) as u8).collect();
            let plain: Vec<u8> =
                data.iter().enumerate().map(|(at, &byte)| if at == stuffed { 0xff } else { byte }).collect();
            data[stuffed] = 0xff;
            data.insert(stuffed + 1, 0);
            let mut bits = Bits::new(&data);
            let (mut at, mut step) = (0, 1);
            while at + step <= 320 {
                let right = (at..at + step)
                    .fold(0, |value, bit| value << 1 | u32::from(plain[bit / 8] >> (7 - bit % 8) & 1));
                assert_eq!(bits.take(step as u32), Ok(right));
                (at, step) = (at + step, step % 16 + 1);
            }
            assert_eq!(bits.skip((320 - at) as u32), Ok(()));
            assert_eq!(bits.skip(1), Err(Stop::Missing));
        }
        assert!(has_0xff(0x00ff_0000_0000_0000) && has_0xff(0xff) && !has_0xff(0xfe01_7f80_0000_00fe));
    }

    #[test]
    fn the_end_of_the_data_is_not_a_marker() {
        for data in [&b"\x12"[..], b"\x12\xff", b"\x12\xff\xff", b"\x12\xff\x00"] {
            let mut bits = Bits::new(data);
            assert_eq!(bits.take(8), Ok(0x12));
            assert_eq!(bits.marker(), None, "{data:?}");
        }
    }
}
