//! The inverse DCT of 8 × 8 blocks, with the same result, bit for bit, as libjpeg's default (`jidctint.c`,
//! "islow").
//!
//! The algorithm is by Loeffler, Ligtenberg and Moschytz (ICASSP 1989), with constants of 13 bits. Every
//! product has two 16-bit factors, and eight columns are computed in the same way, so that the compiler uses
//! vectors of 16-bit numbers.

/// Fractional bits of the constants.
const CONST_BITS: i32 = 13;
/// Fractional bits that the first pass keeps for the second.
const PASS1_BITS: i32 = 2;

const FIX_0_298: i16 = 2446;
const FIX_0_390: i16 = 3196;
const FIX_0_541: i16 = 4433;
const FIX_0_765: i16 = 6270;
const FIX_0_899: i16 = 7373;
const FIX_1_175: i16 = 9633;
const FIX_1_501: i16 = 12299;
const FIX_1_847: i16 = 15137;
const FIX_1_961: i16 = 16069;
const FIX_2_053: i16 = 16819;
const FIX_2_562: i16 = 20995;
const FIX_3_072: i16 = 25172;

/// Converts a block of coefficients to samples, both in row order. `steps` are the quantization steps, in row
/// order. `samples` begins at the first sample of the block; `stride` is the distance between the starts of
/// two rows.
#[inline]
pub(super) fn block(coefficients: &[i16; 64], steps: &[i16; 64], samples: &mut [u8], stride: usize) {
    let rows = samples.chunks_mut(stride).take(8).filter_map(<[u8]>::first_chunk_mut::<8>);
    if coefficients[1..].iter().fold(0, |any, &coefficient| any | coefficient) == 0 {
        let mean = ((i32::from(coefficients[0].wrapping_mul(steps[0])) + 4) >> 3).clamp(-128, 127) + 128;
        rows.for_each(|row| *row = [mean as u8; 8]);
        return;
    }
    let mut values = [[0i16; 8]; 8];
    let eights = coefficients.as_chunks::<8>().0.iter().zip(steps.as_chunks::<8>().0);
    for (values, (coefficients, steps)) in values.iter_mut().zip(eights) {
        for ((value, &coefficient), &step) in values.iter_mut().zip(coefficients).zip(steps) {
            *value = coefficient.wrapping_mul(step);
        }
    }
    let columns = pass::<{ CONST_BITS - PASS1_BITS }>(&values);
    let across = pass::<{ CONST_BITS + PASS1_BITS + 3 }>(&transposed(&columns));
    for (row, values) in rows.zip(transposed(&across)) {
        for (sample, value) in row.iter_mut().zip(values) {
            *sample = (value.clamp(-128, 127) + 128) as u8;
        }
    }
}

#[inline(always)]
fn transposed(values: &[[i16; 8]; 8]) -> [[i16; 8]; 8] {
    let mut to = [[0; 8]; 8];
    for (row, values) in values.iter().enumerate() {
        for (column, &value) in values.iter().enumerate() {
            to[column][row] = value;
        }
    }
    to
}

/// The one-dimensional transform of eight columns, scaled by 2^(13 - `SHIFT`).
#[inline(always)]
fn pass<const SHIFT: i32>(rows: &[[i16; 8]; 8]) -> [[i16; 8]; 8] {
    let mut to = [[0i16; 8]; 8];
    let product = |value: i16, constant: i16| i32::from(value) * i32::from(constant);
    let narrowed = |value: i32| (value >> SHIFT).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
    for lane in 0..8 {
        let [in0, in1, in2, in3, in4, in5, in6, in7] = std::array::from_fn(|row| rows[row][lane]);

        // Even part. The rounding term, half a unit of the result, is added here so that it reaches every
        // output.
        let half = 1 << (SHIFT - 1);
        let tmp2 = product(in2, FIX_0_541) + product(in6, FIX_0_541 - FIX_1_847);
        let tmp3 = product(in2, FIX_0_541 + FIX_0_765) + product(in6, FIX_0_541);
        let tmp0 = (i32::from(in0.wrapping_add(in4)) << CONST_BITS) + half;
        let tmp1 = (i32::from(in0.wrapping_sub(in4)) << CONST_BITS) + half;
        let (even0, even3, even1, even2) = (tmp0 + tmp3, tmp0 - tmp3, tmp1 + tmp2, tmp1 - tmp2);

        // Odd part.
        let (z3, z4) = (in7.wrapping_add(in3), in5.wrapping_add(in1));
        let z3_turned = product(z3, FIX_1_175 - FIX_1_961) + product(z4, FIX_1_175);
        let z4_turned = product(z3, FIX_1_175) + product(z4, FIX_1_175 - FIX_0_390);
        let odd0 = product(in7, FIX_0_298 - FIX_0_899) + product(in1, -FIX_0_899) + z3_turned;
        let odd1 = product(in5, FIX_2_053 - FIX_2_562) + product(in3, -FIX_2_562) + z4_turned;
        let odd2 = product(in5, -FIX_2_562) + product(in3, FIX_3_072 - FIX_2_562) + z3_turned;
        let odd3 = product(in7, -FIX_0_899) + product(in1, FIX_1_501 - FIX_0_899) + z4_turned;

        to[0][lane] = narrowed(even0.wrapping_add(odd3));
        to[7][lane] = narrowed(even0.wrapping_sub(odd3));
        to[1][lane] = narrowed(even1.wrapping_add(odd2));
        to[6][lane] = narrowed(even1.wrapping_sub(odd2));
        to[2][lane] = narrowed(even2.wrapping_add(odd1));
        to[5][lane] = narrowed(even2.wrapping_sub(odd1));
        to[3][lane] = narrowed(even3.wrapping_add(odd0));
        to[4][lane] = narrowed(even3.wrapping_sub(odd0));
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_those_of_the_cosines_within_one() {
        let mut coefficients = [0; 64];
        (coefficients[0], coefficients[1], coefficients[8], coefficients[63]) = (5, -20, 13, 7);
        let mut samples = [0; 64];
        block(&coefficients, &[4; 64], &mut samples, 8);
        let scale = |at: usize| if at == 0 { 0.5f64.sqrt() / 2.0 } else { 0.5 };
        let cosine = |at: usize, u: usize| scale(u) * ((2 * at + 1) as f64 * u as f64 * 0.19634954).cos();
        for (at, &sample) in samples.iter().enumerate() {
            let sum: f64 = (0..64)
                .map(|k| f64::from(4 * coefficients[k]) * cosine(at % 8, k % 8) * cosine(at / 8, k / 8))
                .sum();
            assert!((f64::from(sample) - 128.0 - sum).abs() < 1.0, "{at}: {sample}, {sum}");
        }
    }

    #[test]
    fn a_block_of_the_mean_alone_and_the_largest_coefficients_stay_in_range() {
        let mut samples = [0; 64];
        let mut coefficients = [0; 64];
        coefficients[0] = 3;
        block(&coefficients, &[5; 64], &mut samples, 8);
        assert_eq!(samples, [130; 64]);
        block(&[i16::MAX; 64], &[i16::MAX; 64], &mut samples, 8);
        block(&[i16::MIN; 64], &[1; 64], &mut samples, 8);
    }
}
