//! Huffman tables (ITU-T T.81, C.2 and F.2.2.3).

use std::sync::LazyLock;

use super::bits::{Bits, Stop};

/// Codes up to this length are found with one table lookup.
const FAST: u32 = 10;

/// Several AC coefficients that are decoded in one step from a few bits.
#[derive(Clone, Copy, Default)]
// Aligned so that one load reads all three fields.
#[repr(align(4))]
pub(super) struct Leap {
    /// Number of bits that they take; 0 if there is not even one coefficient.
    pub(super) bits: u8,
    /// Number of coefficients, including zeros: at most 63.
    pub(super) coefficients: u8,
    /// Whether the block ends after them.
    pub(super) ends: bool,
}

/// The leaps of a table. The default has none, so each coefficient is skipped by itself.
#[derive(Default)]
pub(super) struct Leaps(Vec<Leap>);

impl Leaps {
    /// Looks up the next AC coefficients without skipping them.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Leap {
        self.0.get(bits.peek_16() >> (16 - FAST)).copied().unwrap_or_default()
    }
}

/// A code for the symbols 0…255 with lengths of 1…16 bits.
pub(super) struct Table {
    /// For each prefix of `FAST` bits: length and symbol of the code at its start, or 0.
    fast: [u16; 1 << FAST],
    /// For each length: one more than its last code, left-aligned to 16 bits; 0 if there is no code.
    limit: [u32; 17],
    /// For each length: the number to add to a code to get the index of its symbol.
    offset: [i32; 17],
    symbols: [u8; 256],
}

impl Table {
    /// Builds a table from the number of codes of each length and their symbols. `None` if a length has more
    /// codes than its bits allow, or if the numbers of codes and symbols differ.
    pub(super) fn new(counts: &[u8; 16], codes: &[u8]) -> Option<Self> {
        let mut table = Self { fast: [0; 1 << FAST], limit: [0; 17], offset: [0; 17], symbols: [0; 256] };
        table.symbols.get_mut(..codes.len())?.copy_from_slice(codes);
        let (mut code, mut index) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            let slot = length as usize;
            table.offset[slot] = index as i32 - code as i32;
            for _ in 0..count {
                let symbol = *codes.get(index)?;
                if length <= FAST {
                    let first = (code << (FAST - length)) as usize;
                    let entries = table.fast.get_mut(first..first + (1 << (FAST - length)))?;
                    entries.fill((length as u16) << 8 | u16::from(symbol));
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length {
                return None;
            }
            if count > 0 {
                table.limit[slot] = code << (16 - length);
            }
            code <<= 1;
        }
        (index == codes.len()).then_some(table)
    }

    /// For each prefix of `FAST` bits: as many complete AC coefficients as it contains.
    pub(super) fn leaps(&self) -> Leaps {
        Leaps((0..1 << FAST).map(|prefix| self.leap_from(prefix)).collect())
    }

    fn leap_from(&self, prefix: usize) -> Leap {
        let mut leap = Leap::default();
        while !leap.ends {
            let entry = u32::from(self.fast[prefix << leap.bits & ((1 << FAST) - 1)]);
            let (length, zeros, size) = (entry >> 8, entry >> 4 & 15, entry & 15);
            let bits = u32::from(leap.bits) + length + size;
            let ends = size == 0 && zeros < 15;
            let coefficients = u32::from(leap.coefficients) + if ends { 0 } else { zeros + 1 };
            if length == 0 || bits > FAST || coefficients > 63 {
                break;
            }
            leap = Leap { bits: bits as u8, coefficients: coefficients as u8, ends };
        }
        leap
    }

    /// Reads one symbol.
    #[inline]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Result<u32, Stop> {
        let next = bits.peek_16();
        let entry = u32::from(self.fast[next >> (16 - FAST)]);
        if entry != 0 {
            bits.skip(entry >> 8)?;
            return Ok(entry & 0xff);
        }
        let (length, symbol) = self.long_symbol(next, bits.is_near_end())?;
        bits.skip(length)?;
        Ok(symbol)
    }

    /// Reads one symbol and skips the bits that it announces. Their number is in the lower half of the
    /// symbol, for both DC and AC coefficients.
    #[inline(always)]
    pub(super) fn coefficient(&self, bits: &mut Bits<'_>) -> Result<u32, Stop> {
        let next = bits.peek_16();
        let entry = u32::from(self.fast[next >> (16 - FAST)]);
        if entry != 0 {
            bits.skip((entry >> 8) + (entry & 15))?;
            return Ok(entry & 0xff);
        }
        let (length, symbol) = self.long_symbol(next, bits.is_near_end())?;
        bits.skip(length + (symbol & 15))?;
        Ok(symbol)
    }

    /// Reads one symbol and the number that follows it. The lower half of the symbol is the length of the
    /// number in bits (F.2.2.1).
    #[inline(always)]
    pub(super) fn value(&self, bits: &mut Bits<'_>) -> Result<(u32, i32), Stop> {
        let next = bits.peek_16();
        let entry = u32::from(self.fast[next >> (16 - FAST)]);
        let (length, symbol) =
            if entry != 0 { (entry >> 8, entry & 0xff) } else { self.long_symbol(next, bits.is_near_end())? };
        let size = symbol & 15;
        let number = bits.peek_after(length, size) as i32;
        bits.skip(length + size)?;
        // EXTEND: a number that begins with a zero bit is negative.
        let half = 1 << size >> 1;
        Ok((symbol, if number < half { number + 1 - (1 << size) } else { number }))
    }

    /// The length and the symbol of the code at the start of `next`.
    #[inline(never)]
    fn long_symbol(&self, next: usize, is_near_end: bool) -> Result<(u32, u32), Stop> {
        for length in FAST + 1..=16 {
            if (next as u32) < self.limit[length as usize] {
                let index = (next >> (16 - length)) as i32 + self.offset[length as usize];
                return Ok((length, self.symbols.get(index as usize).copied().unwrap_or(0).into()));
            }
        }
        Err(if is_near_end { Stop::Missing } else { Stop::Corrupt("no such Huffman code") })
    }
}

/// Maximum number of tables that a file may define, including redefinitions. Each has to be built; an encoder
/// writes at most two per scan.
const MAX_TABLES: usize = 1000;

/// The tables for a file that defines none.
static STANDARD_TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables::default();
    // The tables are valid: a test checks this.
    let _ = tables.define(&STANDARD[4..]);
    tables
});

/// The current tables, by class (0: DC, 1: AC) and number. The standard table replaces one that the file does
/// not define.
#[derive(Default)]
pub(super) struct Tables {
    slots: [[Option<Box<Table>>; 4]; 2],
    count: usize,
}

impl Tables {
    /// Reads a DHT segment, without marker and length (B.2.4.2). `None` if it is not valid.
    pub(super) fn define(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = segment.split_first() {
            let (class, number) = (usize::from(head >> 4), usize::from(head & 15));
            let counts = rest.first_chunk::<16>()?;
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest.get(16..16 + total)?;
            // The symbol of a DC table is a number of bits, at most 15.
            if class == 0 && symbols.iter().any(|&symbol| symbol > 15) || self.count == MAX_TABLES {
                return None;
            }
            *self.slots.get_mut(class)?.get_mut(number)? = Some(Box::new(Table::new(counts, symbols)?));
            self.count += 1;
            segment = &rest[16 + total..];
        }
        Some(())
    }

    fn defined(&self, class: usize, number: usize) -> Option<&Table> {
        self.slots.get(class)?.get(number)?.as_deref()
    }

    pub(super) fn get(&self, class: usize, number: usize) -> Result<&Table, Stop> {
        let table = self.defined(class, number).or_else(|| STANDARD_TABLES.defined(class, number));
        table.ok_or(Stop::Corrupt("a scan without its Huffman table"))
    }
}

/// The tables of ITU-T T.81, K.3, as a DHT segment with its marker. Motion JPEG frames contain no tables and
/// rely on these.
#[rustfmt::skip]
pub(super) const STANDARD: [u8; 420] = [
    0xff, 0xc4, 0x01, 0xa2, 0x00, 0x00, 0x01, 0x05, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x00, 0x02,
    0x01, 0x03, 0x03, 0x02, 0x04, 0x03, 0x05, 0x05, 0x04, 0x04, 0x00, 0x00, 0x01, 0x7d, 0x01, 0x02, 0x03, 0x00,
    0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91,
    0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16,
    0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43,
    0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65,
    0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7,
    0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6,
    0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0x01, 0x00, 0x03, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04,
    0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x11, 0x00, 0x02, 0x01, 0x02, 0x04, 0x04, 0x03, 0x04, 0x07, 0x05,
    0x04, 0x04, 0x00, 0x01, 0x02, 0x77, 0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41,
    0x51, 0x07, 0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33,
    0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
    0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a,
    0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74,
    0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94,
    0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4,
    0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4,
    0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4,
    0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_tables_are_four_and_valid() {
        let tables = Tables::default();
        for (class, number) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            assert!(tables.get(class, number).is_ok());
        }
        assert!(tables.get(0, 2).is_err());
    }

    #[test]
    fn codes_of_every_length_are_read() {
        // One code of each length, 0, 10, 110, …; sixteen ones are not a code.
        let symbols: Vec<u8> = (0..16).collect();
        let table = Table::new(&[1; 16], &symbols).unwrap();
        for symbol in 0..16u32 {
            let code = (0xffff_0000u32 >> symbol) as u16;
            let bytes: Vec<u8> = code
                .to_be_bytes()
                .iter()
                .flat_map(|&byte| if byte == 0xff { vec![255, 0] } else { vec![byte] })
                .collect();
            assert_eq!(table.symbol(&mut Bits::new(&bytes)), Ok(symbol));
        }
        assert_eq!(table.symbol(&mut Bits::new(b"\xff\0\xff\0")), Err(Stop::Corrupt("no such Huffman code")));
        assert_eq!(table.symbol(&mut Bits::new(b"\xff\0")), Err(Stop::Missing));
    }

    #[test]
    fn tables_that_cannot_be_are_refused() {
        let mut three_of_one_bit = [0; 16];
        three_of_one_bit[0] = 3;
        assert!(Table::new(&three_of_one_bit, &[1, 2, 3]).is_none());
        let mut missing_symbol = [0; 16];
        missing_symbol[3] = 2;
        assert!(Table::new(&missing_symbol, &[1]).is_none());
        let mut tables = Tables::default();
        for segment in [&[0x20; 20][..], &[0x04; 17], &[0x00, 1]] {
            assert!(tables.define(segment).is_none());
        }
    }
}
