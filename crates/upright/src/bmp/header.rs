//! The headers of a bitmap: BITMAPCOREHEADER (12 bytes), OS/2 2.x (16 and 64), BITMAPINFOHEADER (40) and its
//! successors (52, 56, 108, 124), whose first 40 bytes are the same.

use super::super::{Budget, Format};
use crate::error::Error;

const FILE_HEADER: usize = 14;
const CORE_HEADER: usize = 12;
const INFO_HEADER: usize = 40;
/// The shortest header that contains all four masks.
const V3_HEADER: usize = 56;
const OS2_HEADERS: [usize; 2] = [16, 64];

/// The longest side that the decoder accepts, in pixels.
const MAX_SIDE: u32 = 0xffff;

/// How the pixels are stored.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Coding {
    /// Row by row, each row padded to a multiple of four bytes.
    Rows,
    /// As `Rows`, with bit masks for the channels of a pixel: red, green, blue, alpha.
    Masked([u32; 4]),
    /// RLE8 or RLE4, depending on the bits per pixel.
    Runs,
}

pub(super) struct Header<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    top_down: bool,
    /// Bits per pixel, 1 to 32.
    pub(super) bits: u16,
    pub(super) coding: Coding,
    /// Palette entries: blue, green, red and, except in the oldest header, one more byte.
    palette: &'a [u8],
    color_bytes: usize,
    /// From the first pixel to the end of the file.
    pub(super) data: &'a [u8],
}

impl<'a> Header<'a> {
    /// # Errors
    ///
    /// Fails if the headers are invalid or the image exceeds `budget`.
    pub(super) fn read(bytes: &'a [u8], budget: &mut Budget) -> Result<Self, Error> {
        let file = Fields { bytes, end: bytes.len() };
        let size = file.u32(FILE_HEADER)? as usize;
        let fields = Fields { bytes, end: FILE_HEADER + size };
        let is_core = size == CORE_HEADER;
        let (width, height, top_down, bits) = if is_core {
            (fields.u16(18)?.into(), fields.u16(20)?.into(), false, fields.u16(24)?)
        } else {
            // A negative height means that rows are stored from top to bottom.
            let [width, height] = [fields.u32(18)?.cast_signed(), fields.u32(22)?.cast_signed()];
            let width = u32::try_from(width).map_err(|_| Format::Bmp.corrupt("a negative width"))?;
            (width, height.unsigned_abs(), height < 0, fields.u16(28)?)
        };
        budget.take(Format::Bmp, width, height)?;
        if width.max(height) > MAX_SIDE {
            let (width, height, max) = (width.into(), height.into(), MAX_SIDE.into());
            return Err(Error::ImageTooLarge { width, height, max, of_kind: " on a side of a BMP" });
        }

        // The short OS/2 2.x header ends before this field.
        let compression = if size < INFO_HEADER { 0 } else { fields.u32(30)? };
        let mask_bytes = match (size, compression) {
            (INFO_HEADER, 3) => 12,
            (INFO_HEADER, 6) => 16,
            _ => 0,
        };
        let masks = Fields { bytes, end: fields.end + mask_bytes };
        let coding = match (compression, bits) {
            (0, 1 | 2 | 4 | 8 | 16 | 24 | 32) => Coding::Rows,
            (1, 8) | (2, 4) => Coding::Runs,
            (3 | 6, 16 | 24 | 32) => {
                let alpha = if masks.end >= FILE_HEADER + V3_HEADER { masks.u32(66)? } else { 0 };
                match ([masks.u32(54)?, masks.u32(58)?, masks.u32(62)?, alpha], bits) {
                    // 24-bit pixels have no room for alpha, so its mask is ignored.
                    ([0xff_0000, 0xff00, 0xff, _], 24) => Coding::Rows,
                    // No masks are given: read 32 bits as Pillow does, and 16 bits as without masks.
                    ([0, 0, 0, _], 16) => Coding::Rows,
                    ([0, 0, 0, 0], 32) => Coding::Masked([0xff_0000, 0xff00, 0xff, 0xff00_0000]),
                    (_, 24) => return Err(Format::Bmp.corrupt("24 bits a pixel in an unusual order")),
                    (masks, _) => Coding::Masked(masks),
                }
            }
            (4 | 5, _) if !OS2_HEADERS.contains(&size) => {
                let found = if compression == 4 { "A JPEG inside a BMP" } else { "A PNG inside a BMP" };
                return Err(Error::UnsupportedFormat { found: found.into() });
            }
            _ => {
                return Err(
                    Format::Bmp.corrupt(format!("{bits} bits a pixel with compression {compression}"))
                );
            }
        };

        let color_bytes = if is_core { 3 } else { 4 };
        let colors = if bits > 8 {
            0
        } else {
            let used = if size < INFO_HEADER { 0 } else { fields.u32(46)? as usize };
            if used == 0 { 1 << bits } else { used.min(1 << bits) }
        };
        let (palette, data) =
            split(bytes, masks.end, colors * color_bytes).ok_or_else(|| Format::Bmp.truncated())?;
        Ok(Self { width, height, top_down, bits, coding, palette, color_bytes, data })
    }

    /// Bytes per row without padding.
    pub(super) fn pixel_bytes(&self) -> usize {
        (self.width as usize * usize::from(self.bits)).div_ceil(8)
    }

    /// Bytes per row.
    pub(super) fn row_bytes(&self) -> usize {
        self.pixel_bytes().next_multiple_of(4)
    }

    /// Bytes of all rows.
    pub(super) fn data_bytes(&self) -> usize {
        self.row_bytes() * self.height as usize
    }

    /// The headers and the palette in one common form: masks inside the header, four bytes per colour, and
    /// the pixels directly after the palette.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let colors = self.palette.chunks_exact(self.color_bytes);
        let offset = (FILE_HEADER + V3_HEADER + 4 * colors.len()) as u32;
        let height = if self.top_down { self.height.wrapping_neg() } else { self.height };
        let (compression, masks) = match self.coding {
            Coding::Masked(masks) => (3, masks),
            Coding::Rows | Coding::Runs => (0, [0; 4]),
        };
        // One plane. The decoder ignores sizes and resolution.
        let planes_and_bits = 1 | u32::from(self.bits) << 16;
        let info = [V3_HEADER as u32, self.width, height, planes_and_bits, compression];
        let info = info.into_iter().chain([0, 0, 0, colors.len() as u32, 0]).chain(masks);
        let mut head = b"BM".to_vec();
        head.extend([0, 0, offset].into_iter().chain(info).flat_map(u32::to_le_bytes));
        head.extend(colors.flat_map(|color| [color[0], color[1], color[2], 0]));
        head
    }
}

/// Splits off the palette and the pixels. The pixel offset in the header is used unless it leaves no room for
/// a palette; it then counts as missing. The palette may have fewer colours than announced.
fn split(bytes: &[u8], headers: usize, palette: usize) -> Option<(&[u8], &[u8])> {
    let offset = u32::from_le_bytes(*bytes.get(10..)?.first_chunk()?) as usize;
    let offset = if offset <= headers { headers + palette } else { offset };
    let before = bytes.get(headers..offset)?;
    Some((&before[..palette.min(before.len())], &bytes[offset..]))
}

/// Reads numbers at given offsets in the file.
struct Fields<'a> {
    bytes: &'a [u8],
    /// Where the header ends; the file may end earlier.
    end: usize,
}

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Error> {
        if at + N > self.end {
            return Err(Format::Bmp.corrupt("unknown header size"));
        }
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.first_chunk().copied().ok_or_else(|| Format::Bmp.truncated())
    }

    fn u16(&self, at: usize) -> Result<u16, Error> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Result<u32, Error> {
        self.array(at).map(u32::from_le_bytes)
    }
}
