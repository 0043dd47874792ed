//! Upsamples chroma to full size, as libjpeg-turbo does by default (`jdsample.c`, "fancy" upsampling).
//!
//! If chroma has half the samples across, down, or both, each sample is interpolated from its neighbours with
//! the weights 3/4 and 1/4. For any other ratio, and across if a component has at most 2 columns, samples are
//! repeated.

/// One component's samples.
pub(super) struct Plane {
    /// In rows of `stride` samples.
    pub(super) samples: Vec<u8>,
    pub(super) stride: usize,
    /// Columns and rows that belong to the image. Samples beyond them are never read.
    pub(super) size: (usize, usize),
    /// Number of pixels per sample, across and down.
    pub(super) ratio: (usize, usize),
}

impl Plane {
    fn row(&self, row: usize) -> &[u8] {
        let start = row.min(self.size.1.saturating_sub(1)) * self.stride;
        self.samples.get(start..start + self.size.0).unwrap_or_default()
    }

    /// The samples for row `y` of the image: at least one per pixel. `row` and `sums` are buffers.
    pub(super) fn upsampled<'a>(&'a self, y: usize, row: &'a mut Vec<u8>, sums: &mut Vec<u16>) -> &'a [u8] {
        let (across, down) = self.ratio;
        let near = self.row(y / down);
        // Beyond the edges, the outermost rows are repeated.
        let far = || self.row(if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 });
        let is_wide = self.size.0 > 2;
        row.clear();
        match (across, down) {
            (1, 1) => return near,
            (1, 2) => {
                let bias = 1 + (y % 2) as u16;
                row.extend(
                    near.iter()
                        .zip(far())
                        .map(|(&near, &far)| ((3 * u16::from(near) + u16::from(far) + bias) >> 2) as u8),
                );
            }
            (2, 1) if is_wide => {
                sums.clear();
                sums.extend(near.iter().map(|&sample| u16::from(sample)));
                twice::<2>(sums, (1, 2), row);
            }
            (2, 2) if is_wide => {
                sums.clear();
                sums.extend(near.iter().zip(far()).map(|(&near, &far)| 3 * u16::from(near) + u16::from(far)));
                twice::<4>(sums, (8, 7), row);
            }
            (2, _) => row.extend(near.iter().flat_map(|&sample| [sample; 2])),
            (across, _) => row.extend(near.iter().flat_map(|&sample| std::iter::repeat_n(sample, across))),
        }
        row
    }
}

/// Doubles the row `from`. Each value becomes two: 3/4 of it plus 1/4 of its left neighbour, and 3/4 of it
/// plus 1/4 of its right neighbour. `biases` are the rounding terms of these two. Each result is shifted
/// right by `SHIFT` bits. `from` has at least two values.
fn twice<const SHIFT: u32>(from: &[u16], biases: (u16, u16), to: &mut Vec<u8>) {
    let (left, right) = biases;
    let pair = |before: u16, center: u16, after: u16| {
        [((3 * center + before + left) >> SHIFT) as u8, ((3 * center + after + right) >> SHIFT) as u8]
    };
    to.resize(2 * from.len(), 0);
    let pairs = to.as_chunks_mut::<2>().0;
    // At both ends, the outermost value replaces the missing neighbour.
    if let ([first_pair, inner @ .., last_pair], [first, second, ..], [.., before, last]) =
        (pairs, from, from)
    {
        *first_pair = pair(*first, *first, *second);
        *last_pair = pair(*before, *last, *last);
        for (to, window) in inner.iter_mut().zip(from.windows(3)) {
            *to = pair(window[0], window[1], window[2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(size: (usize, usize), ratio: (usize, usize), samples: &[u8]) -> Vec<Vec<u8>> {
        let plane = Plane { samples: samples.to_vec(), stride: size.0, size, ratio };
        let (mut row, mut sums) = (Vec::new(), Vec::new());
        (0..size.1 * ratio.1).map(|y| plane.upsampled(y, &mut row, &mut sums).to_vec()).collect()
    }

    #[test]
    fn half_as_many_samples_are_interpolated_and_others_repeated() {
        assert_eq!(rows((3, 1), (2, 1), &[0, 100, 200]), [[0, 25, 75, 125, 175, 200]]);
        assert_eq!(rows((2, 1), (2, 1), &[0, 100]), [[0, 0, 100, 100]]);
        assert_eq!(rows((1, 2), (1, 2), &[0, 100]), [[0], [25], [75], [100]]);
        assert_eq!(rows((3, 1), (4, 1), &[1, 2, 3]), [[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]]);
        let right = [
            [0, 4, 12, 16, 16, 16],
            [4, 8, 16, 20, 20, 20],
            [12, 16, 24, 28, 28, 28],
            [16, 20, 28, 32, 32, 32],
        ];
        assert_eq!(rows((3, 2), (2, 2), &[0, 16, 16, 16, 32, 32]), right);
    }
}
