//! Reads the tags of the first page (TIFF 6.0; tag numbers as in its appendix A).

use super::super::tags::{Tags, Values};
use super::super::{Budget, Format};
use super::part::Part;
use super::samples::{Alpha, Colors};
use crate::error::Error;

/// Tags that must be complete, because without them the page would be decoded differently: all tags that are
/// read here except XMP.
const NEEDED: [u16; 21] =
    [256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 317, 320, 322, 323, 324, 325, 338, 339, 347];

/// Maximum number of pixels in one row of a part. Several rows are held at the same time.
const MAX_WIDTH: u32 = 2_000_000;

/// Tiles may have this many pixels beyond the edges of the image, plus as many as the image itself: one tile
/// of 2048 x 2048.
const MAX_UNUSED: u64 = 2048 * 2048;

/// Maximum number of samples per pixel: four inks, alpha, and one unused sample.
const MAX_SAMPLES: u64 = 6;

/// Maximum number of strips or tiles. An image of 64 million pixels in tiles of 32 x 32 has 62,500.
const MAX_PARTS: u64 = 100_000;

/// Maximum number if each part is a JPEG with its own tables, which take longer to read than a small part.
const MAX_JPEGS: u64 = 20_000;

/// How a part is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    /// CCITT T.4, one-dimensional.
    Group3,
    /// CCITT T.6.
    Group4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
}

/// The first page.
pub(super) struct Page<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) big_endian: bool,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Width and height of a part. Parts at the right and at the bottom may extend beyond the image, or end
    /// at its edge.
    pub(super) part: (u32, u32),
    pub(super) compression: Compression,
    /// Samples are stored as differences from their left neighbours.
    pub(super) predicted: bool,
    /// Bits per sample, 1 to 16.
    pub(super) bits: u32,
    /// Samples per pixel.
    pub(super) samples: usize,
    planar: bool,
    pub(super) colors: Colors,
    pub(super) alpha: Option<Alpha>,
    /// Tables that the JPEGs of all parts share.
    pub(super) jpeg_tables: Option<&'a [u8]>,
    pub(super) xmp: Option<&'a [u8]>,
    offsets: Values<'a>,
    lengths: Option<Values<'a>>,
}

impl<'a> Page<'a> {
    /// Reads the tags of the first page. The parts refer to `bytes`. If the page stores the bits of each byte
    /// in reverse order, they refer to `mirrored`, which this function fills with the bytes of the file in
    /// normal bit order.
    pub(super) fn read(
        bytes: &'a [u8],
        mirrored: &'a mut Vec<u8>,
        budget: &mut Budget,
    ) -> Result<Self, Error> {
        let tags = Tags::find(bytes, 0).ok_or_else(|| Format::Tiff.truncated())?;
        if tags.is_cut(&NEEDED) {
            return Err(Format::Tiff.truncated());
        }
        let number = |tag: u16, default: u64| tags.number(tag).unwrap_or(default);
        let size = |tag: u16| u32::try_from(number(tag, 0)).unwrap_or(u32::MAX);
        let (width, height) = (size(256), size(257));
        budget.take(Format::Tiff, width, height)?;

        let tiles = tags.values(324);
        let part = match (&tiles, size(278)) {
            (Some(_), _) => (size(322), size(323)),
            (None, 0) => (width, height),
            (None, rows) => (width, rows.min(height)),
        };
        if part.0 == 0 || part.1 == 0 {
            return Err(Format::Tiff.corrupt("tiles of no size"));
        }
        if part.0 > MAX_WIDTH {
            let (width, height, max) = (part.0.into(), height.into(), MAX_WIDTH.into());
            return Err(Error::ImageTooLarge { width, height, max, of_kind: " in one row of a TIFF" });
        }
        // The pixels of tiles beyond the edges may be decompressed, too.
        let padded = |side: u32, part: u32| u64::from(side).next_multiple_of(part.into());
        let used = u64::from(width) * u64::from(height);
        if padded(width, part.0).saturating_mul(padded(height, part.1)) > 2 * used + MAX_UNUSED {
            return Err(Format::Tiff.corrupt("tiles that are much larger than the picture"));
        }
        let offsets =
            tiles.clone().or_else(|| tags.values(273)).ok_or_else(|| Format::Tiff.corrupt("no pixels"))?;

        let samples = number(277, 1);
        if samples > MAX_SAMPLES {
            return Err(Format::unsupported_tiff(&format!("{samples} samples a pixel")));
        }
        let bits = tags.values(258).map_or(1, |bits| bits.max().unwrap_or(1));
        if !(1..=16).contains(&bits) || tags.values(258).is_some_and(|mut all| all.any(|one| one != bits)) {
            return Err(Format::unsupported_tiff(&format!("{bits} bits a sample")));
        }
        if number(339, 1) != 1 && number(339, 1) != 4 {
            return Err(Format::unsupported_tiff("samples that are signed or floating-point numbers"));
        }
        let compression = Compression::read(&tags, samples * bits)?;
        let (samples, bits) = (samples as usize, bits as u32);
        let colors = Colors::read(&tags, bits, compression)?;
        let channels = colors.channels();
        if samples < channels {
            return Err(Format::Tiff.corrupt(format!("{samples} samples a pixel for {channels} channels")));
        }
        let predicted = match number(317, 1) {
            _ if !matches!(compression, Compression::Lzw | Compression::Deflate) => false,
            0 | 1 => false,
            2 if bits == 8 || bits == 16 => true,
            other => {
                return Err(Format::unsupported_tiff(&format!("predictor {other} and {bits} bits a sample")));
            }
        };
        // The bits of JPEGs are never reversed.
        let bytes = if number(266, 1) == 2 && compression != Compression::Jpeg {
            mirrored.extend(bytes.iter().map(|byte| byte.reverse_bits()));
            mirrored
        } else {
            bytes
        };
        let page = Self {
            bytes,
            big_endian: tags.big_endian(),
            width,
            height,
            part,
            compression,
            predicted,
            bits,
            samples,
            planar: number(284, 1) == 2 && samples > 1,
            colors,
            alpha: if samples > channels { Alpha::read(&tags) } else { None },
            jpeg_tables: tags.bytes(347),
            xmp: tags.bytes(700),
            lengths: tags.values(if tiles.is_some() { 325 } else { 279 }),
            offsets,
        };
        page.check_parts()?;
        Ok(page)
    }

    fn check_parts(&self) -> Result<(), Error> {
        let (across, down) = self.grid();
        let parts = u64::from(across) * u64::from(down) * self.planes() as u64;
        let most = if self.compression == Compression::Jpeg { MAX_JPEGS } else { MAX_PARTS };
        if parts > most {
            return Err(Format::unsupported_tiff(&format!("{parts} strips or tiles")));
        }
        if (self.offsets.clone().count() as u64) < parts {
            return Err(Format::Tiff.truncated());
        }
        if self.compression == Compression::Jpeg && self.planar {
            return Err(Format::unsupported_tiff("JPEGs of one channel each"));
        }
        Ok(())
    }

    /// Number of planes: one, or one for each sample of a pixel.
    pub(super) fn planes(&self) -> usize {
        if self.planar { self.samples } else { 1 }
    }

    /// Number of parts per row and per column.
    fn grid(&self) -> (u32, u32) {
        (self.width.div_ceil(self.part.0), self.height.div_ceil(self.part.1))
    }

    /// All parts: row by row, plane after plane.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'a>> {
        let (width, height) = self.part;
        let ((across, down), planes) = (self.grid(), self.planes());
        let (page_width, page_height, bytes) = (self.width, self.height, self.bytes);
        let places = (0..planes).flat_map(move |plane| {
            (0..down)
                .flat_map(move |row| (0..across).map(move |column| (plane, column * width, row * height)))
        });
        // Some writers omit the lengths or write zeros. Such a part ends with the file.
        let lengths = self.lengths.clone().into_iter().flatten().map(Some).chain(std::iter::repeat(None));
        let bounds = self.offsets.clone().zip(lengths);
        places.zip(bounds).map(move |((plane, left, top), (offset, length))| Part {
            plane,
            left,
            top,
            right: left.saturating_add(width).min(page_width),
            bottom: top.saturating_add(height).min(page_height),
            data: Part::data(bytes, offset, length),
        })
    }
}

impl Compression {
    fn read(tags: &Tags<'_>, bits_per_pixel: u64) -> Result<Self, Error> {
        let compression = match tags.number(259).unwrap_or(1) {
            0 | 1 => Self::None,
            3 if tags.number(292).unwrap_or(0) & 1 == 0 => Self::Group3,
            4 => Self::Group4,
            5 => Self::Lzw,
            7 => Self::Jpeg,
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            2 => return Err(Format::unsupported_tiff("CCITT Modified Huffman compression")),
            3 => return Err(Format::unsupported_tiff("two-dimensional CCITT Group 3 compression")),
            6 => return Err(Format::unsupported_tiff("old-style JPEG compression")),
            34712 | 33003..=33005 => return Err(Format::unsupported_tiff("JPEG 2000 compression")),
            34925 => return Err(Format::unsupported_tiff("LZMA compression")),
            50000 => return Err(Format::unsupported_tiff("Zstandard compression")),
            50001 => return Err(Format::unsupported_tiff("WebP compression")),
            other => return Err(Format::unsupported_tiff(&format!("compression {other}"))),
        };
        if matches!(compression, Self::Group3 | Self::Group4) && bits_per_pixel != 1 {
            return Err(Format::Tiff.corrupt(format!("a fax of {bits_per_pixel} bits a pixel")));
        }
        Ok(compression)
    }
}
