//! Which coefficients of a block are kept, and where they are stored.

/// The zigzag order (ITU-T T.81, A.3.6): the position in row order of each coefficient in scan order.
#[rustfmt::skip]
const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Which coefficients of a block are kept: those of a rectangle, in row order.
pub(super) struct Kept {
    /// Columns and rows of the rectangle, and of the reduced block in samples: 1, 2, 4 or 8.
    pub(super) size: (usize, usize),
    /// For each coefficient in scan order: its index in the rectangle, or [`Kept::NONE`].
    places: [u8; 64],
    /// From this position in scan order on, no coefficient is kept.
    end: u32,
}

/// The coefficients of one block.
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

    /// Reorders the steps of a quantization table from scan order to the row order of the kept rectangle.
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

    /// From this position in scan order on, no coefficient is kept.
    #[inline(always)]
    pub(super) fn end(&self) -> u32 {
        self.kept.end
    }

    /// Sets the coefficient at this position in scan order. Does nothing if it is not kept. A position beyond
    /// the end of the block means the last coefficient, as in other decoders.
    #[inline(always)]
    pub(super) fn set(&mut self, at: u32, value: i32) {
        if let Some(coefficient) = self.at(at) {
            // Only a broken file exceeds 16 bits.
            *coefficient = value as i16;
        }
    }

    /// Adds one more bit to a coefficient in two's complement.
    #[inline(always)]
    pub(super) fn set_bit(&mut self, at: u32, bit: i32) {
        if let Some(coefficient) = self.at(at) {
            *coefficient |= bit as i16;
        }
    }

    /// Adds one more bit to the magnitude of a coefficient, unless the bit is already set.
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
