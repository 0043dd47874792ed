//! Maps the pixels of the tensor to the picture.

/// How a picture is scaled before the crop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resize {
    /// Not at all.
    None,
    /// The short side to this many pixels. The long side keeps the aspect ratio, rounded down.
    ShortestEdge(u32),
    /// To exactly this size; the aspect ratio changes.
    Exact {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// To the smallest size that covers this one and keeps the aspect ratio. Both sides are rounded, halves
    /// to even. timm does this for an input that is not square, and PP-LCNet for every input.
    Cover {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
}

/// The largest supported side of the input, in pixels.
const MAX_SIDE: u32 = 4096;

/// Refuses sizes that would take too much memory. Returns the minimum width and height of the resized
/// picture.
///
/// # Errors
///
/// The side that is not supported.
pub(super) fn check_sides(resize: Resize, output: (u32, u32)) -> Result<[u32; 2], String> {
    let sides = match resize {
        Resize::None => [1; 2],
        Resize::ShortestEdge(side) => [side; 2],
        Resize::Exact { width, height } | Resize::Cover { width, height } => [width, height],
    };
    match sides.into_iter().chain([output.0, output.1]).find(|side| !(1..=MAX_SIDE).contains(side)) {
        Some(side) => Err(format!("{side} pixels a side are not supported; 1 to {MAX_SIDE} are")),
        None => Ok(sides),
    }
}

/// Where a crop starts if its margins are not a whole number of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Rounds half a pixel to the even number: torchvision.
    HalfToEven,
    /// Drops half a pixel: Hugging Face.
    Down,
}

/// How a picture is scaled and cropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) resize: Resize,
    /// Width and height of the crop, and of the tensor, in pixels. Where the crop is larger than the scaled
    /// picture, it is filled with zeros.
    pub(super) output: (u32, u32),
    pub(super) anchor: Anchor,
}

/// The part of one side of the source that the tensor shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    /// In source pixels.
    pub(super) start: f64,
    /// In source pixels.
    pub(super) length: f64,
    /// In pixels of the tensor: the size that the part is scaled to, and the number of zeros before it.
    pub(super) pixels: u32,
    pub(super) before: u32,
}

impl Geometry {
    /// The parts of the source that the tensor shows, across and down: whole pixels of the scaled picture,
    /// mapped back.
    pub(super) fn parts(&self, width: u32, height: u32) -> (Part, Part) {
        let (scaled_width, scaled_height) = scaled_size(self.resize, width, height);
        let part = |source: u32, scaled: u64, output: u32| {
            let factor = f64::from(source) / scaled as f64;
            let Some(margin) = scaled.checked_sub(u64::from(output)) else {
                // Smaller than `output`, which is a u32.
                let pixels = scaled as u32;
                let before = match self.anchor {
                    Anchor::HalfToEven => (output - pixels) / 2,
                    Anchor::Down => (output - pixels).div_ceil(2),
                };
                return Part { start: 0.0, length: f64::from(source), pixels, before };
            };
            let offset = match self.anchor {
                Anchor::HalfToEven => half_to_even(margin),
                Anchor::Down => margin / 2,
            };
            let length = f64::from(output) * factor;
            let start = (offset as f64 * factor).min(f64::from(source) - length);
            Part { start: start.max(0.0), length: length.min(f64::from(source)), pixels: output, before: 0 }
        };
        let (output_width, output_height) = self.output;
        (part(width, scaled_width, output_width), part(height, scaled_height, output_height))
    }

    /// Width and height to which a picture of this width and height is scaled before the crop, in pixels.
    pub(super) fn scaled_size(&self, width: u32, height: u32) -> (u64, u64) {
        scaled_size(self.resize, width, height)
    }
}

impl Part {
    /// Where in the source this side of the tensor begins, and its length. Both include the zeros around the
    /// picture, and are in source pixels.
    pub(super) fn extent(self, output: u32) -> (f64, f64) {
        let pixel = self.length / f64::from(self.pixels.max(1));
        (self.start - f64::from(self.before) * pixel, f64::from(output) * pixel)
    }

    /// The same part in a copy of the source. This side of the copy has `pixels` pixels, each of which covers
    /// `factor` source pixels, and the source begins at `corner`.
    pub(super) fn of_copy(self, pixels: u32, factor: f64, corner: f64) -> Self {
        let start = (self.start / factor + corner).min(f64::from(pixels));
        Self { start, length: (self.length / factor).min(f64::from(pixels) - start), ..self }
    }

    /// The first source pixel that a filter of `support` target pixels reaches, and the number of pixels that
    /// it reaches: the part itself and a margin on both sides. `source` is the length of the whole side.
    pub(super) fn in_reach(self, support: f64, source: u32) -> (u32, u32) {
        let support = support * (self.length / f64::from(self.pixels)).max(1.0) + 1.0;
        let end_of_source = f64::from(source);
        let first = (self.start - support).floor().max(0.0);
        let end = (self.start + self.length + support).ceil().min(end_of_source);
        // Both are within the side of the source, which is a u32.
        (first as u32, (end - first) as u32)
    }
}

/// Half of `number`, rounded half to even: where torchvision's `center_crop` starts.
fn half_to_even(number: u64) -> u64 {
    let half = number / 2;
    if number % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

/// Width and height after the resize, in pixels. They exceed 32 bits if a thin picture is scaled up.
fn scaled_size(resize: Resize, width: u32, height: u32) -> (u64, u64) {
    match resize {
        Resize::None => (u64::from(width), u64::from(height)),
        Resize::Exact { width, height } => (u64::from(width), u64::from(height)),
        Resize::ShortestEdge(edge) => {
            let (edge, width, height) = (u64::from(edge), u64::from(width), u64::from(height));
            if width <= height { (edge, edge * height / width) } else { (edge * width / height, edge) }
        }
        Resize::Cover { width: least_width, height: least_height } => {
            let ratio = |side: u32, least: u32| f64::from(side) / f64::from(least);
            let ratio = ratio(width, least_width).min(ratio(height, least_height));
            // At most a u32 divided by 1 / 4096.
            let scaled = |side: u32| (f64::from(side) / ratio).round_ties_even() as u64;
            (scaled(width), scaled(height))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_side_keeps_the_aspect_rounded_down() {
        assert_eq!(scaled_size(Resize::ShortestEdge(256), 500, 333), (384, 256));
        assert_eq!(scaled_size(Resize::ShortestEdge(256), 333, 500), (256, 384));
        assert_eq!(scaled_size(Resize::ShortestEdge(256), 1, 5000), (256, 1_280_000));
    }

    #[test]
    fn both_sides_are_rounded_where_a_size_is_covered() {
        let cover = |width, height| Resize::Cover { width, height };
        assert_eq!(scaled_size(cover(32, 32), 97, 61), (51, 32));
        assert_eq!(scaled_size(cover(32, 32), 97, 64), (48, 32));
        assert_eq!(scaled_size(cover(40, 20), 97, 61), (40, 25));
        assert_eq!(scaled_size(cover(256, 256), 1, 5000), (256, 1_280_000));
    }

    #[test]
    fn half_a_pixel_is_rounded_to_the_even_side() {
        assert_eq!([35, 36, 37, 39].map(half_to_even), [18, 18, 18, 20]);
    }
}
