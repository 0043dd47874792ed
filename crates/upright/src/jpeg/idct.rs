//! The inverse DCT: converts coefficients to samples, in blocks of any size up to 8 × 8.
//!
//! For n samples x and n coefficients u in a row (ITU-T T.81, A.3.3, with n for 8 in the cosine):
//!
//! `sample(x) = Σ c(u) / 2 · coefficient(u) · cos((2x + 1) · u · π / 2n)`, c(0) = 1/√2, else 1
//!
//! The scale factor stays that of n = 8, so that a block without detail has the same samples at every size.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

/// Computes all samples of a component.
///
/// `size` is the size of a block, columns and rows, each 1, 2, 4 or 8. `steps` and each block of
/// `coefficients` hold one value per sample of a block, in row order. `stride` is the number of blocks per
/// row.
pub(super) fn plane(size: (usize, usize), steps: &[u16], coefficients: &[i16], stride: usize) -> Vec<u8> {
    match size.0 {
        1 => with_columns::<1>(size.1, steps, coefficients, stride),
        2 if size.1 == 2 => halves(steps, coefficients, stride),
        2 => with_columns::<2>(size.1, steps, coefficients, stride),
        4 => with_columns::<4>(size.1, steps, coefficients, stride),
        _ => with_columns::<8>(size.1, steps, coefficients, stride),
    }
}

/// The limit of a dequantized coefficient: far above the maximum for 8-bit samples, about 1,024, but small
/// enough to add four without overflow.
const LARGEST: i32 = 1 << 20;

/// Blocks of 2 × 2: all cosines are ±1/√8, so sums are enough.
fn halves(steps: &[u16], coefficients: &[i16], stride: usize) -> Vec<u8> {
    let mut samples = vec![0; coefficients.len()];
    let block_rows = coefficients.chunks_exact(4 * stride).zip(samples.chunks_exact_mut(4 * stride));
    let step = |at: usize| i32::from(steps[at]);
    let steps = [step(0), step(1), step(2), step(3)];
    for (coefficients, samples) in block_rows {
        let (top, bottom) = samples.split_at_mut(2 * stride);
        let pairs = top.as_chunks_mut::<2>().0.iter_mut().zip(bottom.as_chunks_mut::<2>().0);
        for (block, (top, bottom)) in coefficients.as_chunks::<4>().0.iter().zip(pairs) {
            // Only a broken file has larger values.
            let value = |at: usize| (i32::from(block[at]) * steps[at]).clamp(-LARGEST, LARGEST);
            let (mean, across, down, both) = (value(0) + 8 * 128 + 4, value(1), value(2), value(3));
            let sample = |sum: i32| (sum >> 3).clamp(0, 255) as u8;
            *top = [sample(mean + across + down + both), sample(mean - across + down - both)];
            *bottom = [sample(mean + across - down - both), sample(mean - across - down + both)];
        }
    }
    samples
}

fn with_columns<const C: usize>(rows: usize, steps: &[u16], coefficients: &[i16], stride: usize) -> Vec<u8> {
    match rows {
        1 => inverse::<C, 1>(steps, coefficients, stride),
        2 => inverse::<C, 2>(steps, coefficients, stride),
        4 => inverse::<C, 4>(steps, coefficients, stride),
        _ => inverse::<C, 8>(steps, coefficients, stride),
    }
}

fn inverse<const C: usize, const R: usize>(steps: &[u16], coefficients: &[i16], stride: usize) -> Vec<u8> {
    let (across, down) = (cosines::<C>(), cosines::<R>());
    let steps: Vec<f32> = steps.iter().copied().map(f32::from).collect();
    let row_length = stride * C;
    let mut samples = vec![0; coefficients.len()];
    let block_rows = coefficients.chunks_exact(row_length * R).zip(samples.chunks_exact_mut(row_length * R));
    for (coefficients, samples) in block_rows {
        for (column, block) in coefficients.chunks_exact(C * R).enumerate() {
            let sample = block_of::<C, R>(block, &steps, &across, &down);
            for (row, from) in samples.chunks_exact_mut(row_length).zip(sample) {
                row[column * C..(column + 1) * C].copy_from_slice(&from);
            }
        }
    }
    samples
}

#[inline(always)]
fn block_of<const C: usize, const R: usize>(
    block: &[i16],
    steps: &[f32],
    across: &[[f32; C]; C],
    down: &[[f32; R]; R],
) -> [[u8; C]; R] {
    // The cast saturates.
    let sample = |value: f32| (value + 128.5) as u8;
    let value = |at: usize| f32::from(block[at]) * steps[at];
    if block[1..].iter().all(|&coefficient| coefficient == 0) {
        return [[sample(value(0) / 8.0); C]; R];
    }
    let mut rows = [[0.0; C]; R];
    for (v, row) in rows.iter_mut().enumerate() {
        for (u, cosines) in across.iter().enumerate() {
            let value = value(v * C + u);
            row.iter_mut().zip(cosines).for_each(|(sum, cosine)| *sum += value * cosine);
        }
    }
    let mut sums = [[0.0; C]; R];
    for (row, cosines) in rows.iter().zip(down) {
        for (sums, cosine) in sums.iter_mut().zip(cosines) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * cosine);
        }
    }
    sums.map(|row| row.map(sample))
}

/// `c(u) / 2 · cos((2x + 1) · u · π / 2n)`: for each u, a row of x.
fn cosines<const N: usize>() -> [[f32; N]; N] {
    std::array::from_fn(|u| {
        let scale = if u == 0 { FRAC_1_SQRT_2 / 2.0 } else { 0.5 };
        std::array::from_fn(|x| scale * ((2 * x + 1) as f32 * u as f32 * PI / (2 * N) as f32).cos())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_without_detail_has_the_same_samples_at_every_size() {
        for columns in [1, 2, 4, 8] {
            for rows in [1, 2, 4, 8] {
                let mut coefficients = vec![0; 2 * columns * rows];
                coefficients[0] = 10;
                coefficients[columns * rows] = -4;
                let samples = plane((columns, rows), &vec![16; columns * rows], &coefficients, 2);
                for row in samples.chunks_exact(2 * columns) {
                    assert!(row[..columns].iter().all(|&sample| sample == 148), "{columns} x {rows}");
                    assert!(row[columns..].iter().all(|&sample| sample == 120), "{columns} x {rows}");
                }
            }
        }
    }

    #[test]
    fn each_of_four_coefficients_has_its_own_pattern() {
        // The signs of the four samples, row by row.
        for (at, signs) in [(1, [1, -1, 1, -1]), (2, [1, 1, -1, -1]), (3, [1, -1, -1, 1])] {
            let mut coefficients = vec![0; 4];
            coefficients[at] = 10;
            let samples = plane((2, 2), &[8; 4], &coefficients, 1);
            assert_eq!(samples, signs.map(|sign| (128 + 10 * sign) as u8), "{at}");
        }
        assert_eq!(plane((2, 2), &[u16::MAX; 4], &[i16::MAX; 4], 1), [255, 128, 128, 128]);
    }

    #[test]
    fn a_slow_cosine_is_the_same_slope_at_every_size() {
        // The amplitude of the cosine is 480 / 2 · c(0) / 2 = 84.9, around a mean of 129.
        let cosines = [(2, f64::from(FRAC_1_SQRT_2)), (4, 0.6533), (8, 0.6407)];
        for (size, right) in cosines.map(|(size, mean)| (size, 129.0 + 84.9 * mean)) {
            let mut coefficients = vec![0; size * size];
            (coefficients[0], coefficients[1]) = (1, 60);
            let samples = plane((size, size), &vec![8; size * size], &coefficients, 1);
            let left: u32 = samples[..size / 2].iter().map(|&sample| u32::from(sample)).sum();
            let mean = f64::from(left) / (size / 2) as f64;
            assert!((mean - right).abs() <= 1.0, "{size}: {mean}");
            assert!(samples.chunks_exact(size).all(|row| row == &samples[..size]), "{size}");
        }
    }
}
