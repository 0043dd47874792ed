//! Converts samples of all components to RGB, as libjpeg and Pillow do.

use super::super::flatten;

/// Converts one row of samples of each component to RGB. `transform` has the values of Adobe's APP14: 0 is no
/// transform (RGB, CMYK), 1 is YCbCr, 2 is YCCK.
pub(super) fn convert(rows: &[&[u8]], transform: Option<u8>, to: &mut [u8]) {
    let to = to.as_chunks_mut::<3>().0;
    match (rows, transform) {
        ([grey], _) => to.iter_mut().zip(*grey).for_each(|(to, &grey)| *to = [grey; 3]),
        ([one, two, three], Some(0)) => {
            for (((to, &one), &two), &three) in to.iter_mut().zip(*one).zip(*two).zip(*three) {
                *to = [one, two, three];
            }
        }
        ([luma, blue, red], _) => ycbcr(luma, blue, red, to),
        ([one, two, three, key], transform) => {
            let inks = one.iter().zip(*two).zip(*three).zip(*key);
            for (to, (((&one, &two), &three), &key)) in to.iter_mut().zip(inks) {
                // CMYK files store the light that the ink lets through. Converting YCCK gives the ink itself.
                let white = if transform == Some(0) {
                    [one, two, three]
                } else {
                    rgb_of(one, two, three).map(|ink| 255 - ink)
                };
                *to = white.map(|white| flatten::scaled(white, key));
            }
        }
        _ => {}
    }
}

/// Number of pixels that are converted together.
const TOGETHER: usize = 16;

fn ycbcr(luma: &[u8], blue: &[u8], red: &[u8], to: &mut [[u8; 3]]) {
    let (chunks, rest) = to.as_chunks_mut::<TOGETHER>();
    let done = chunks.len() * TOGETHER;
    let lumas = luma.as_chunks::<TOGETHER>().0;
    let (blues, reds) = (blue.as_chunks::<TOGETHER>().0, red.as_chunks::<TOGETHER>().0);
    for (((to, luma), blue), red) in chunks.iter_mut().zip(lumas).zip(blues).zip(reds) {
        // First plane by plane, which the compiler vectorises; then pixel by pixel.
        let (mut r, mut g, mut b) = ([0; TOGETHER], [0; TOGETHER], [0; TOGETHER]);
        for at in 0..TOGETHER {
            [r[at], g[at], b[at]] = rgb_of(luma[at], blue[at], red[at]);
        }
        for at in 0..TOGETHER {
            to[at] = [r[at], g[at], b[at]];
        }
    }
    let chroma = blue.iter().zip(red).skip(done);
    for ((to, &luma), (&blue, &red)) in rest.iter_mut().zip(luma.iter().skip(done)).zip(chroma) {
        *to = rgb_of(luma, blue, red);
    }
}

/// YCbCr → RGB (JFIF 1.02, "Conversion to and from RGB") with 16 fractional bits. Each term is rounded as in
/// libjpeg's tables.
///
/// The factors are 1.402, -0.34414, -0.71414 and 1.772, times 65536. Their integer parts are applied
/// separately, so that the rest fits in 16 bits.
#[inline(always)]
fn rgb_of(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let (luma, blue, red) = (i16::from(luma), i16::from(blue) - 128, i16::from(red) - 128);
    let product = |value: i16, factor: i16| i32::from(value) * i32::from(factor);
    let rounded = |sum: i32| ((sum + 0x8000) >> 16) as i16;
    [
        luma + red + rounded(product(red, 26345)),
        luma - red + rounded(product(red, 18734) + product(blue, -22554)),
        luma + 2 * blue + rounded(product(blue, -14942)),
    ]
    .map(|value| value.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_primaries_come_back_from_their_luma_and_chroma() {
        let table =
            [([76, 85, 255], [254, 0, 0]), ([150, 44, 21], [0, 255, 1]), ([29, 255, 107], [0, 0, 254])];
        for ([luma, blue, red], right) in table {
            assert_eq!(rgb_of(luma, blue, red), right);
        }
    }
}
