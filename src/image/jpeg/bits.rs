//! Bits of entropy-coded data: byte stuffing undone, an end at the next marker.

/// Why a walk over entropy-coded data stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The data end, or a marker comes, before the last block.
    Missing,
    /// The data are there and make no sense.
    Corrupt(&'static str),
}

/// A reader of bits, most significant first.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, left-aligned; zero after the last one.
    buffer: u64,
    count: u32,
    ended: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, buffer: 0, count: 0, ended: false }
    }

    /// The next 16 bits, with zeros behind the end of the data.
    #[inline]
    pub(super) fn peek_16(&mut self) -> usize {
        if self.count < 16 {
            self.refill();
        }
        (self.buffer >> 48) as usize
    }

    /// Steps over `count` bits, at most 32.
    #[inline]
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

    /// The next `count` bits, at most 16.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Stop> {
        let bits = self.peek_16() as u32 >> (16 - count);
        self.skip(count)?;
        Ok(bits)
    }

    /// Whether less than 16 bits are left, so that zeros stand for some of those that [`Bits::peek_16`] gave.
    pub(super) fn is_near_end(&self) -> bool {
        self.ended && self.count < 16
    }

    fn refill(&mut self) {
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
                            return;
                        }
                    }
                }
                Some(&byte) => {
                    self.at += 1;
                    byte
                }
                None => {
                    self.ended = true;
                    return;
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Drops what is left before the next marker and gives the marker's code, or `None` at the end of the data.
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

    /// Steps over the marker that [`Bits::marker`] gave.
    pub(super) fn step_over_marker(&mut self) {
        self.at +=
            self.data[self.at..].iter().position(|&byte| byte != 0xff).map_or(1, |distance| distance + 1);
    }

    /// Where in the data the reader is; after [`Bits::marker`], at the marker or at the end.
    pub(super) fn position(&self) -> usize {
        self.at
    }
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
    fn the_end_of_the_data_is_not_a_marker() {
        for data in [&b"\x12"[..], b"\x12\xff", b"\x12\xff\xff", b"\x12\xff\x00"] {
            let mut bits = Bits::new(data);
            assert_eq!(bits.take(8), Ok(0x12));
            assert_eq!(bits.marker(), None, "{data:?}");
        }
    }
}
