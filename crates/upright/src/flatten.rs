//! Reduces four channels to three: composites alpha or ink on white.

/// RGBA → RGB in place, each pixel composited on white. A pixel with an alpha of 0 becomes white, whatever
/// its colour.
///
/// `pixels` holds 4 bytes per pixel on entry and 3 on return.
pub(super) fn rgba_in_place(pixels: &mut Vec<u8>) {
    in_place(pixels, on_white);
}

/// RGB with an unused fourth byte → RGB in place.
pub(super) fn rgbx_in_place(pixels: &mut Vec<u8>) {
    in_place(pixels, |channel, _| channel);
}

/// Reduces each 4 bytes to 3: each of the first three, combined with the last.
fn in_place(pixels: &mut Vec<u8>, combine: impl Fn(u8, u8) -> u8) {
    let count = pixels.len() / 4;
    for pixel in 0..count {
        let from = 4 * pixel;
        if let [one, two, three, last] = pixels[from..from + 4] {
            let to = 3 * pixel;
            pixels[to..to + 3].copy_from_slice(&[one, two, three].map(|channel| combine(channel, last)));
        }
    }
    pixels.truncate(3 * count);
    pixels.shrink_to_fit();
}

/// Converts one row of `channels` 8-bit samples per pixel (1 grey, 2 grey and alpha, 3 RGB, 4 RGBA) to RGB.
pub(super) fn row(channels: usize, from: &[u8], to: &mut [u8]) {
    let pixels = from.chunks_exact(channels).zip(to.chunks_exact_mut(3));
    match channels {
        1 => pixels.for_each(|(from, to)| to.fill(from[0])),
        2 => pixels.for_each(|(from, to)| to.fill(on_white(from[0], from[1]))),
        3 => pixels.for_each(|(from, to)| to.copy_from_slice(from)),
        _ => pixels.for_each(|(from, to)| {
            for (to, &channel) in to.iter_mut().zip(from) {
                *to = on_white(channel, from[3]);
            }
        }),
    }
}

pub(super) fn on_white(channel: u8, alpha: u8) -> u8 {
    255 - scaled(255 - channel, alpha)
}

/// `value × part / 255`, rounded.
pub(super) fn scaled(value: u8, part: u8) -> u8 {
    ((u32::from(value) * u32::from(part) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_0_is_white_alpha_255_the_colour_and_in_between_the_mean() {
        let mut pixels = vec![0, 0, 0, 0, 9, 8, 7, 255, 0, 255, 100, 128];
        rgba_in_place(&mut pixels);
        assert_eq!(pixels, [255, 255, 255, 9, 8, 7, 127, 255, 177]);
    }

    #[test]
    fn rows_of_every_number_of_channels_become_rgb() {
        let table: [(usize, &[u8], [u8; 3]); 5] = [
            (1, &[7], [7, 7, 7]),
            (2, &[0, 0], [255, 255, 255]),
            (2, &[50, 255], [50, 50, 50]),
            (3, &[1, 2, 3], [1, 2, 3]),
            (4, &[1, 2, 3, 255], [1, 2, 3]),
        ];
        for (channels, from, expected) in table {
            let mut to = [0; 3];
            row(channels, from, &mut to);
            assert_eq!(to, expected);
        }
    }
}
