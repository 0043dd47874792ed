//! Counts the Huffman codes that a lossless WebP stream needs (WebP Lossless Bitstream, sections 4–6).
//!
//! An image of any size may declare 65,536 groups of five codes. The decoder builds all of them, at several
//! kilobytes each, from about 12 bytes of file each. An upload of a few megabytes could therefore take a
//! gigabyte of memory. To prevent this, the stream is parsed up to the point where the number of groups is
//! known. Of the images before that point, only the largest value is needed. Back-references and cached
//! colours repeat earlier values, so no pixels have to be kept.

/// Returns the number of groups of codes. `header_bits` precede the stream: 40 in an image, 0 in an alpha
/// plane. Returns `None` if the stream ends or is invalid before the number is known; the decoder then
/// reports the error.
pub(super) fn groups(data: &[u8], header_bits: usize, width: u32, height: u32) -> Option<u32> {
    let mut bits = Bits { data, at: header_bits };
    let mut width = width;
    let mut seen = [false; 4];
    while bits.take(1)? == 1 {
        let transform = bits.take(2)?;
        if std::mem::replace(seen.get_mut(transform as usize)?, true) {
            return None;
        }
        match transform {
            // Predictor and colour transforms: an image with one pixel per block.
            0 | 1 => {
                let size = 1 << (bits.take(3)? + 2);
                largest_code(&mut bits, width.div_ceil(size), height.div_ceil(size))?;
            }
            // Subtract green has no data.
            2 => {}
            // Colour indexing: a palette. If it is small, several pixels are packed into one.
            _ => {
                let colors = bits.take(8)? + 1;
                largest_code(&mut bits, colors, 1)?;
                let pixels_in_one = match colors {
                    0..=2 => 8,
                    3..=4 => 4,
                    5..=16 => 2,
                    _ => 1,
                };
                width = width.div_ceil(pixels_in_one);
            }
        }
    }
    if bits.take(1)? == 1 {
        bits.take(4)?;
    }
    if bits.take(1)? == 0 {
        return Some(1);
    }
    let size = 1 << (bits.take(3)? + 2);
    Some(largest_code(&mut bits, width.div_ceil(size), height.div_ceil(size))? + 1)
}

/// Parses an entropy-coded image that has one group of codes. Returns the largest combined value of red and
/// green, which in the entropy image is the number of a group.
fn largest_code(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<u32> {
    const LENGTHS: u32 = 24;
    let cache = if bits.take(1)? == 1 { 1 << bits.take(4)? } else { 0 };
    let green = Code::read(bits, 256 + LENGTHS + cache)?;
    let [red, blue, alpha] = [Code::read(bits, 256)?, Code::read(bits, 256)?, Code::read(bits, 256)?];
    let distance = Code::read(bits, DISTANCES)?;
    let mut left = u64::from(width) * u64::from(height);
    let mut largest = 0;
    while left > 0 {
        let symbol = green.symbol(bits)?;
        let mut pixels = 1;
        if symbol < 256 {
            largest = largest.max(red.symbol(bits)? << 8 | symbol);
            blue.symbol(bits)?;
            alpha.symbol(bits)?;
        } else if symbol < 256 + LENGTHS {
            pixels = bits.prefixed(symbol - 256)?;
            let symbol = distance.symbol(bits)?;
            bits.prefixed(symbol)?;
        }
        left = left.saturating_sub(pixels.into());
    }
    Some(largest)
}

/// Reads bits, least significant first.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// Reads the next `count` bits, at most 24.
    fn take(&mut self, count: u32) -> Option<u32> {
        let bytes = self.data.get(self.at / 8..)?;
        let word = match bytes.first_chunk::<4>() {
            Some(four) => u32::from_le_bytes(*four),
            None => bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)),
        };
        self.at += count as usize;
        (self.at <= self.data.len() * 8)
            .then_some(word >> ((self.at - count as usize) % 8) & ((1 << count) - 1))
    }

    /// Reads a length or a distance: a prefix and the extra bits that it announces.
    fn prefixed(&mut self, prefix: u32) -> Option<u32> {
        if prefix < 4 {
            return Some(prefix + 1);
        }
        // A simple code can name symbols outside its alphabet.
        if prefix >= DISTANCES {
            return None;
        }
        let extra = (prefix - 2) >> 1;
        Some(((2 + (prefix & 1)) << extra) + self.take(extra)? + 1)
    }
}

/// Number of distance prefixes; there are fewer length prefixes.
const DISTANCES: u32 = 40;

const MAX_LENGTH: usize = 15;

/// A canonical prefix code.
struct Code {
    /// Number of symbols of each code length.
    counts: [u32; MAX_LENGTH + 1],
    /// The symbols, ordered by code length and value.
    symbols: Vec<u32>,
}

impl Code {
    fn read(bits: &mut Bits<'_>, alphabet: u32) -> Option<Self> {
        if bits.take(1)? == 1 {
            return Self::read_simple(bits);
        }
        const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let mut lengths_of_lengths = [0; 19];
        for &symbol in ORDER.iter().take(bits.take(4)? as usize + 4) {
            lengths_of_lengths[symbol] = bits.take(3)? as u8;
        }
        let code = Self::new(&lengths_of_lengths);
        let mut tokens = alphabet;
        if bits.take(1)? == 1 {
            let count = 2 + 2 * bits.take(3)?;
            tokens = 2 + bits.take(count)?;
        }
        let mut lengths: Vec<u8> = Vec::with_capacity(alphabet as usize);
        let mut previous = 8;
        while lengths.len() < alphabet as usize && tokens > 0 {
            tokens -= 1;
            let (length, times) = match code.symbol(bits)? {
                16 => (previous, 3 + bits.take(2)?),
                17 => (0, 3 + bits.take(3)?),
                18 => (0, 11 + bits.take(7)?),
                length => (length as u8, 1),
            };
            if length != 0 {
                previous = length;
            }
            lengths.extend((0..times).map(|_| length));
        }
        (lengths.len() <= alphabet as usize).then(|| Self::new(&lengths))
    }

    /// Reads a simple code: one or two symbols, stored directly.
    fn read_simple(bits: &mut Bits<'_>) -> Option<Self> {
        let count = bits.take(1)? + 1;
        let width = 1 + 7 * bits.take(1)?;
        let mut lengths = [0; 256];
        lengths[bits.take(width)? as usize] = 1;
        if count == 2 {
            lengths[bits.take(8)? as usize] = 1;
        }
        Some(Self::new(&lengths))
    }

    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; MAX_LENGTH + 1];
        let mut symbols = Vec::new();
        for (length, count) in (0u8..).zip(&mut counts).skip(1) {
            let before = symbols.len();
            symbols
                .extend((0u32..).zip(lengths).filter(|&(_, &own)| own == length).map(|(symbol, _)| symbol));
            *count = (symbols.len() - before) as u32;
        }
        Self { counts, symbols }
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Option<u32> {
        // A code with a single symbol takes no bits.
        if let [symbol] = self.symbols[..] {
            return Some(symbol);
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return self.symbols.get((index + code - first) as usize).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs fields of `(value, count)` into a stream, least significant bit first.
    fn stream(fields: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes = vec![];
        let mut at = 0;
        for &(value, count) in fields {
            for bit in 0..count {
                if at % 8 == 0 {
                    bytes.push(0);
                }
                *bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (at % 8);
                at += 1;
            }
        }
        bytes
    }

    /// A code of one symbol.
    fn only(symbol: u32) -> [(u32, u32); 4] {
        [(1, 1), (0, 1), (1, 1), (symbol, 8)]
    }

    #[test]
    fn groups_are_counted_from_the_entropy_image() {
        // No transform, no colour cache, an entropy image of 4 × 4 blocks without a cache of its own.
        let mut fields = vec![(0, 1), (0, 1), (1, 1), (0, 3), (0, 1)];
        for symbol in [7, 2, 0, 0, 0] {
            fields.extend(only(symbol));
        }
        assert_eq!(groups(&stream(&fields), 0, 9, 9), Some(2 * 256 + 7 + 1));
        assert_eq!(groups(&stream(&[(0, 1), (0, 1), (0, 1)]), 0, 9, 9), Some(1));
        for cut in 0..stream(&fields).len() - 1 {
            assert_eq!(groups(&stream(&fields)[..cut], 0, 9, 9), None);
        }
    }

    #[test]
    fn canonical_codes_are_read_bit_by_bit() {
        let code = Code::new(&[2, 1, 3, 3]);
        let bytes = stream(&[(0, 1), (1, 1), (0, 1), (1, 1), (1, 1), (0, 1), (1, 1), (1, 1), (1, 1)]);
        let mut bits = Bits { data: &bytes, at: 0 };
        assert_eq!([(); 4].map(|()| code.symbol(&mut bits)), [Some(1), Some(0), Some(2), Some(3)]);
    }
}
