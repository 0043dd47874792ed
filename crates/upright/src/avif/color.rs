//! Converts planes of luma and chroma to 8-bit RGB.

use re_rav1d::dav1d::{Picture, PixelLayout, PlanarImageComponent as Component, Plane};

use super::super::{Format, flatten};
use super::stream::Sequence;
use crate::error::Error;

/// Fractional bits of the fixed-point coefficients.
const SHIFT: u32 = 16;

/// How the samples are coded (ISO/IEC 23091-2).
#[derive(Clone, Copy)]
pub(super) struct Coding {
    /// Matrix coefficients.
    pub(super) matrix: u8,
    pub(super) full_range: bool,
}

/// A decoded frame, read row by row.
pub(super) struct Frame {
    planes: Vec<Plane>,
    strides: [usize; 2],
    layout: PixelLayout,
    width: usize,
    height: usize,
    bits: u32,
}

impl Frame {
    /// Takes a frame from the decoder. Fails unless the frame matches the sequence header.
    pub(super) fn new(picture: &Picture, sequence: &Sequence) -> Result<Self, Error> {
        let layout = picture.pixel_layout();
        let samples_of_four = match layout {
            PixelLayout::I400 => 4,
            PixelLayout::I420 => 6,
            PixelLayout::I422 => 8,
            PixelLayout::I444 => 12,
        };
        let bits = picture.bit_depth() as u32;
        let announced = (sequence.size, sequence.bits, sequence.samples_of_four);
        if ((picture.width(), picture.height()), bits, samples_of_four) != announced {
            return Err(Format::Avif.corrupt("a frame of another size than its header says"));
        }
        let components: &[Component] = match layout {
            PixelLayout::I400 => &[Component::Y],
            _ => &[Component::Y, Component::U, Component::V],
        };
        Ok(Self {
            planes: components.iter().map(|&component| picture.plane(component)).collect(),
            strides: [Component::Y, Component::U].map(|component| picture.stride(component) as usize),
            layout,
            width: picture.width() as usize,
            height: picture.height() as usize,
            bits,
        })
    }

    /// The samples of one row of a plane.
    fn row(&self, plane: usize, y: usize) -> impl Iterator<Item = i32> {
        let narrow = plane > 0 && matches!(self.layout, PixelLayout::I420 | PixelLayout::I422);
        let width = if narrow { self.width.div_ceil(2) } else { self.width };
        let bytes = if self.bits > 8 { 2 } else { 1 };
        let row = &self.planes[plane][y * self.strides[plane.min(1)]..][..width * bytes];
        row.chunks_exact(bytes).map(|sample| match sample {
            &[low, high] => u16::from_ne_bytes([low, high]).into(),
            sample => sample[0].into(),
        })
    }

    /// A row of chroma at the full width of the image. Subsampled chroma is interpolated linearly with
    /// weights of 3/4 and 1/4, as in libavif.
    fn chroma(&self, plane: usize, y: usize, mixed: &mut Vec<i32>, row: &mut Vec<i32>) {
        row.clear();
        if self.layout == PixelLayout::I444 {
            row.extend(self.row(plane, y));
            return;
        }
        let (near, far) = match self.layout {
            PixelLayout::I420 => {
                let far = if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 };
                (y / 2, far.min(self.height.div_ceil(2) - 1))
            }
            _ => (y, y),
        };
        mixed.clear();
        mixed.extend(self.row(plane, near).zip(self.row(plane, far)).map(|(near, far)| 3 * near + far));
        row.extend((0..self.width).map(|x| {
            let far = if x.is_multiple_of(2) {
                (x / 2).saturating_sub(1)
            } else {
                (x / 2 + 1).min(mixed.len() - 1)
            };
            (3 * mixed[x / 2] + mixed[far] + 8) >> 4
        }));
    }

    /// Writes the pixels as RGB. `rows` are parts of the rows of a picture; they may be fewer and shorter
    /// than those of the frame.
    pub(super) fn to_rgb<'a>(
        &self,
        coding: Coding,
        rows: impl Iterator<Item = &'a mut [u8]>,
    ) -> Result<(), Error> {
        let matrix = Matrix::new(coding, self.bits)?;
        if matrix.chroma.is_none() && matches!(self.layout, PixelLayout::I420 | PixelLayout::I422) {
            return Err(Format::Avif.corrupt("RGB with fewer samples than pixels"));
        }
        let (mut mixed, mut u, mut v) = (Vec::new(), Vec::new(), Vec::new());
        for (y, row) in rows.take(self.height).enumerate() {
            let pixels = row.as_chunks_mut::<3>().0.iter_mut().zip(self.row(0, y));
            if self.layout == PixelLayout::I400 {
                pixels.for_each(|(pixel, luma)| *pixel = [matrix.luma(luma); 3]);
                continue;
            }
            self.chroma(1, y, &mut mixed, &mut u);
            self.chroma(2, y, &mut mixed, &mut v);
            for ((pixel, luma), (&u, &v)) in pixels.zip(u.iter().zip(&v)) {
                *pixel = matrix.rgb(luma, u, v);
            }
        }
        Ok(())
    }

    /// Composites the pixels of `rows` on white, with this frame as their alpha. `premultiplied` means that
    /// the colours are already multiplied by alpha.
    pub(super) fn blend<'a>(
        &self,
        full_range: bool,
        premultiplied: bool,
        rows: impl Iterator<Item = &'a mut [u8]>,
    ) -> Result<(), Error> {
        let matrix = Matrix::new(Coding { matrix: 2, full_range }, self.bits)?;
        for (y, row) in rows.take(self.height).enumerate() {
            for (pixel, alpha) in row.as_chunks_mut::<3>().0.iter_mut().zip(self.row(0, y)) {
                let alpha = matrix.luma(alpha);
                *pixel = pixel.map(|channel| {
                    if premultiplied {
                        channel.saturating_add(255 - alpha)
                    } else {
                        flatten::on_white(channel, alpha)
                    }
                });
            }
        }
        Ok(())
    }
}

/// Fixed-point factors with [`SHIFT`] fractional bits.
struct Matrix {
    black: i32,
    scale: i32,
    /// The midpoint of chroma, and the factors of V in red, U in green, V in green, and U in blue. `None` if
    /// the planes hold green, blue and red.
    chroma: Option<(i32, [i32; 4])>,
}

impl Matrix {
    fn new(coding: Coding, bits: u32) -> Result<Self, Error> {
        // The weights of red and blue in luma.
        let parts: Option<(f64, f64)> = match coding.matrix {
            0 => None,
            1 => Some((0.2126, 0.0722)),
            // 2 means unspecified; libavif treats it as BT.601.
            2 | 5 | 6 => Some((0.299, 0.114)),
            4 => Some((0.3, 0.11)),
            7 => Some((0.212, 0.087)),
            9 => Some((0.2627, 0.0593)),
            other => return Err(Format::unsupported_avif(&format!("with matrix coefficients {other}"))),
        };
        let unit = 1 << (bits - 8);
        let (black, luma, chroma) = if coding.full_range {
            (0, 256 * unit - 1, 256 * unit - 1)
        } else {
            (16 * unit, 219 * unit, 224 * unit)
        };
        let fixed = |factor: f64, range: i32| {
            (factor * 255.0 * f64::from(1 << SHIFT) / f64::from(range)).round() as i32
        };
        let chroma = parts.map(|(red, blue)| {
            let green = 1.0 - red - blue;
            let factors = [
                2.0 * (1.0 - red),
                -2.0 * blue * (1.0 - blue) / green,
                -2.0 * red * (1.0 - red) / green,
                2.0 * (1.0 - blue),
            ];
            (128 * unit, factors.map(|factor| fixed(factor, chroma)))
        });
        Ok(Self { black, scale: fixed(1.0, luma), chroma })
    }

    fn luma(&self, luma: i32) -> u8 {
        to_byte(self.scaled(luma))
    }

    fn scaled(&self, luma: i32) -> i32 {
        (luma - self.black) * self.scale
    }

    fn rgb(&self, luma: i32, u: i32, v: i32) -> [u8; 3] {
        let Some((middle, [red_v, green_u, green_v, blue_u])) = self.chroma else {
            return [v, luma, u].map(|channel| self.luma(channel));
        };
        let (luma, u, v) = (self.scaled(luma), u - middle, v - middle);
        [luma + red_v * v, luma + green_u * u + green_v * v, luma + blue_u * u].map(to_byte)
    }
}

fn to_byte(fixed: i32) -> u8 {
    ((fixed + (1 << (SHIFT - 1))) >> SHIFT).clamp(0, 255) as u8
}
