//! Quantization tables (ITU-T T.81, B.2.4.1).

/// The current tables, by number.
#[derive(Default)]
pub(super) struct Quantization {
    tables: [Option<[u16; 64]>; 4],
}

impl Quantization {
    /// Reads a DQT segment, without marker and length. Stops at invalid data without an error: a missing
    /// table is reported later, if a scan needs it.
    pub(super) fn define(&mut self, mut segment: &[u8]) {
        while let Some((&head, rest)) = segment.split_first() {
            let mut table = [0; 64];
            let width = if head >> 4 == 0 { 1 } else { 2 };
            let (Some(values), Some(slot)) =
                (rest.get(..64 * width), self.tables.get_mut(usize::from(head & 15)))
            else {
                return;
            };
            for (step, value) in table.iter_mut().zip(values.chunks_exact(width)) {
                *step = value.iter().fold(0, |step, &byte| step << 8 | u16::from(byte));
            }
            *slot = Some(table);
            segment = &rest[64 * width..];
        }
    }

    /// The quantization steps of the 64 coefficients, in scan order.
    pub(super) fn get(&self, number: u8) -> Option<&[u16; 64]> {
        self.tables.get(usize::from(number))?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_bytes_and_of_words_stand_one_after_the_other() {
        let segment = [&[0x01][..], &[7; 64], &[0x13], &[1, 2].repeat(64), &[0x00, 9]].concat();
        let mut tables = Quantization::default();
        tables.define(&segment);
        assert_eq!(tables.get(1), Some(&[7; 64]));
        assert_eq!(tables.get(3), Some(&[0x0102; 64]));
        assert_eq!([0, 2, 4, 255].map(|number| tables.get(number)), [None; 4]);
    }
}
