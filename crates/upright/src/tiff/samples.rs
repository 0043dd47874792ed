//! Converts samples to 8-bit RGB.

use super::super::tags::Tags;
use super::super::{Format, flatten};
use super::page::{Compression, Page};
use crate::error::Error;

/// The meaning of a pixel's samples.
pub(super) enum Colors {
    Grey {
        white_is_zero: bool,
    },
    Rgb,
    /// Indices into this palette.
    Palette(Vec<[u8; 3]>),
    Cmyk,
    YCbCr,
}

/// The kind of alpha in the first sample after the colours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpha {
    /// The colours are premultiplied with alpha.
    Associated,
    Unassociated,
}

impl Colors {
    pub(super) fn read(tags: &Tags<'_>, bits: u32, compression: Compression) -> Result<Self, Error> {
        Ok(match tags.number(262) {
            Some(0) => Self::Grey { white_is_zero: true },
            // Pillow treats a page without the tag in the same way.
            Some(1) | None => Self::Grey { white_is_zero: false },
            Some(2) => Self::Rgb,
            Some(3) => Self::Palette(palette(tags, bits)?),
            Some(5) if compression != Compression::Jpeg => Self::Cmyk,
            Some(6)
                if compression == Compression::Jpeg
                    || tags.values(530).is_some_and(|mut all| all.all(|one| one == 1)) =>
            {
                Self::YCbCr
            }
            Some(5) => return Err(Format::unsupported_tiff("a CMYK JPEG inside")),
            Some(6) => return Err(Format::unsupported_tiff("subsampled YCbCr colours")),
            Some(8..=10) => return Err(Format::unsupported_tiff("CIELAB colours")),
            Some(other) => return Err(Format::unsupported_tiff(&format!("colours of kind {other}"))),
        })
    }

    /// Number of samples that make the colour of a pixel.
    pub(super) fn channels(&self) -> usize {
        match self {
            Self::Grey { .. } | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }

    fn rgb(&self, samples: &[u8]) -> [u8; 3] {
        match (self, samples) {
            (Self::Grey { white_is_zero: false }, &[grey, ..]) => [grey; 3],
            (Self::Grey { white_is_zero: true }, &[grey, ..]) => [255 - grey; 3],
            (Self::Rgb, &[r, g, b, ..]) => [r, g, b],
            (Self::Palette(colors), &[index, ..]) => {
                colors.get(usize::from(index)).copied().unwrap_or_default()
            }
            (Self::Cmyk, &[c, m, y, k, ..]) => [c, m, y].map(|ink| flatten::scaled(255 - ink, 255 - k)),
            (Self::YCbCr, &[luma, cb, cr, ..]) => from_ycbcr(luma, cb, cr),
            _ => [0; 3],
        }
    }
}

/// The colours of a palette: all red values, then all green ones, then all blue ones, 16 bits each.
fn palette(tags: &Tags<'_>, bits: u32) -> Result<Vec<[u8; 3]>, Error> {
    let colors = 1_usize << bits;
    let values: Vec<u64> = tags.values(320).into_iter().flatten().take(3 * colors).collect();
    if bits > 8 || values.len() < 3 * colors {
        return Err(Format::Tiff.corrupt("no palette for its indices"));
    }
    // Some writers use only 8 of the 16 bits.
    let shift = if values.iter().any(|&value| value > 255) { 8 } else { 0 };
    Ok((0..colors)
        .map(|color| [0, 1, 2].map(|channel| (values[channel * colors + color] >> shift) as u8))
        .collect())
}

/// ITU-R BT.601 with full range, as in JFIF.
fn from_ycbcr(luma: u8, cb: u8, cr: u8) -> [u8; 3] {
    let [luma, cb, cr] = [f32::from(luma), f32::from(cb) - 128.0, f32::from(cr) - 128.0];
    [luma + 1.402 * cr, luma - 0.344_136 * cb - 0.714_136 * cr, luma + 1.772 * cb]
        .map(|channel| channel.round() as u8)
}

impl Alpha {
    pub(super) fn read(tags: &Tags<'_>) -> Option<Self> {
        match tags.number(338)? {
            1 => Some(Self::Associated),
            // CorelDRAW writes 999.
            2 | 999 => Some(Self::Unassociated),
            _ => None,
        }
    }
}

impl Page<'_> {
    /// Converts pixels of `self.samples` 8-bit samples (or indices of a palette) to RGB, with transparency
    /// composited on white.
    pub(super) fn to_rgb(&self, samples: &[u8], rgb: &mut [u8]) {
        let channels = self.colors.channels();
        for (samples, rgb) in samples.chunks_exact(self.samples).zip(rgb.chunks_exact_mut(3)) {
            let color = self.colors.rgb(samples);
            let alpha = self.alpha.and_then(|kind| Some((kind, *samples.get(channels)?)));
            rgb.copy_from_slice(&match alpha {
                None => color,
                Some((Alpha::Unassociated, alpha)) => color.map(|channel| flatten::on_white(channel, alpha)),
                Some((Alpha::Associated, alpha)) => color.map(|channel| channel.saturating_add(255 - alpha)),
            });
        }
    }

    /// Converts a row of stored samples to 8 bits each; indices of a palette stay as they are.
    pub(super) fn unpack(&self, row: &[u8], samples_a_pixel: usize, samples: &mut Vec<u8>) {
        samples.clear();
        match self.bits {
            8 => {
                samples.extend_from_slice(row);
                if self.predicted {
                    for at in samples_a_pixel..samples.len() {
                        samples[at] = samples[at].wrapping_add(samples[at - samples_a_pixel]);
                    }
                }
            }
            16 => {
                let mut left = vec![0_u16; samples_a_pixel];
                for pixel in row.chunks_exact(2 * samples_a_pixel) {
                    for (left, pair) in left.iter_mut().zip(pixel.as_chunks().0) {
                        let value = if self.big_endian {
                            u16::from_be_bytes(*pair)
                        } else {
                            u16::from_le_bytes(*pair)
                        };
                        *left = if self.predicted { left.wrapping_add(value) } else { value };
                        samples.push((*left >> 8) as u8);
                    }
                }
            }
            bits => {
                let max = (1_u32 << bits) - 1;
                let (mut buffer, mut waiting) = (0_u32, 0);
                for &byte in row {
                    buffer = buffer << 8 | u32::from(byte);
                    waiting += 8;
                    while waiting >= bits {
                        waiting -= bits;
                        let value = buffer >> waiting & max;
                        let is_index = matches!(self.colors, Colors::Palette(_));
                        samples.push(if is_index { value } else { (value * 255 + max / 2) / max } as u8);
                    }
                }
            }
        }
    }
}
