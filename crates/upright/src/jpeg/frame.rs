//! The frame header: dimensions, components and the layout of their blocks (ITU-T T.81, B.2.2 and A.1).

use memchr::memmem;

use super::super::{Budget, Format};
use crate::error::Error;

/// Maximum number of components in a frame.
pub(super) const MOST_COMPONENTS: usize = 4;

/// A frame of 8-bit samples, sequential or progressive, Huffman-coded.
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    /// 1 (grey), 3 (YCbCr or RGB) or 4 (CMYK or YCCK).
    pub(super) components: Vec<Component>,
    /// Number of minimum coded units (MCUs) per row and per column of an interleaved scan.
    pub(super) mcus: (u32, u32),
}

/// One plane of samples, in blocks of 8 × 8.
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, horizontal and vertical: 1…4.
    pub(super) sampling: (u32, u32),
    /// Number of its quantization table.
    pub(super) table: u8,
    /// Blocks per row and per column that contain samples of the image.
    pub(super) blocks: (u32, u32),
    /// Blocks per row, rounded up to whole MCUs.
    pub(super) stride: u32,
    /// Blocks per column, rounded up to whole MCUs.
    pub(super) rows: u32,
}

impl Component {
    pub(super) fn padded_blocks(&self) -> u64 {
        u64::from(self.stride) * u64::from(self.rows)
    }
}

impl Frame {
    /// Whether a marker starts a frame of any kind.
    pub(super) fn is_start(marker: u8) -> bool {
        matches!(marker, 0xc0..=0xc2) || unsupported(marker).is_some()
    }

    /// Reads the segment of a start-of-frame marker. `segment` begins after its length field, and `rest`
    /// follows it. If the height is 0, a DNL segment after the first scan gives it (B.2.5).
    pub(super) fn read(marker: u8, segment: &[u8], rest: &[u8], budget: &mut Budget) -> Result<Self, Error> {
        if let Some(found) = unsupported(marker) {
            return Err(Error::UnsupportedFormat { found: found.into() });
        }
        let &[precision, h0, h1, w0, w1, count, ref specs @ ..] = segment else {
            return Err(Format::Jpeg.corrupt("a frame header that is too short"));
        };
        if precision != 8 {
            return Err(Error::UnsupportedFormat { found: format!("A {precision}-bit JPEG") });
        }
        let height = match u16::from_be_bytes([h0, h1]) {
            0 => number_of_lines(rest).unwrap_or(0),
            height => height,
        };
        let (width, height) = (u16::from_be_bytes([w0, w1]).into(), height.into());
        budget.take(Format::Jpeg, width, height)?;
        if !matches!(count, 1 | 3 | 4) || specs.len() != usize::from(count) * 3 {
            return Err(Format::Jpeg.corrupt(format!("{count} components in {} bytes", specs.len())));
        }

        let sampling =
            || specs.chunks_exact(3).map(|spec| (u32::from(spec[1] >> 4), u32::from(spec[1] & 15)));
        let h_max = sampling().map(|(h, _)| h).max().unwrap_or(1);
        let v_max = sampling().map(|(_, v)| v).max().unwrap_or(1);
        // Ratios that are not integers are legal, but libjpeg refuses them as well.
        if sampling().any(|(h, v)| h == 0 || v == 0 || h > 4 || v > 4 || h_max % h != 0 || v_max % v != 0) {
            return Err(Format::Jpeg.corrupt("sampling factors that no decoder supports"));
        }
        let mcus = (width.div_ceil(8 * h_max), height.div_ceil(8 * v_max));
        let components = specs
            .chunks_exact(3)
            .zip(sampling())
            .map(|(spec, (h, v))| Component {
                id: spec[0],
                sampling: (h, v),
                table: spec[2],
                blocks: ((width * h).div_ceil(8 * h_max), (height * v).div_ceil(8 * v_max)),
                stride: mcus.0 * h,
                rows: mcus.1 * v,
            })
            .collect();
        Ok(Self { progressive: marker == 0xc2, width, height, components, mcus })
    }

    /// The largest sampling factors of all components, horizontal and vertical.
    pub(super) fn largest_sampling(&self) -> (u32, u32) {
        let largest = |side: fn(&Component) -> u32| self.components.iter().map(side).max().unwrap_or(1);
        (largest(|component| component.sampling.0), largest(|component| component.sampling.1))
    }
}

/// The height in the first DNL segment. No other data of a scan looks like its marker and length.
fn number_of_lines(rest: &[u8]) -> Option<u16> {
    let at = memmem::find(rest, b"\xff\xdc\0\x04")? + 4;
    rest.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

/// Describes a file with this start-of-frame marker, if its kind is not supported.
fn unsupported(marker: u8) -> Option<&'static str> {
    match marker {
        0xc3 => Some("A lossless JPEG"),
        0xc5..=0xc7 | 0xde => Some("A hierarchical JPEG"),
        0xc9 | 0xca => Some("An arithmetic-coded JPEG"),
        0xcb => Some("A lossless arithmetic-coded JPEG"),
        0xcd..=0xcf => Some("A hierarchical arithmetic-coded JPEG"),
        0xf7 => Some("A JPEG-LS image"),
        _ => None,
    }
}
