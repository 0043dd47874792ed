//! PNG: a walk over the chunks, then row by row into RGB.
//!
//! The walk checks the CRC of what the pixels depend on and passes on nothing but `IHDR`, `PLTE`, `tRNS` and
//! `IDAT`: the profile in `iCCP` and the text in `zTXt` and `iTXt` are never inflated. Of an APNG that leaves
//! the default image, which is its first frame. Rows are converted one at a time, so 16-bit RGBA takes no more
//! memory than 8-bit RGB.

use std::io;

use ::image::RgbImage;
use png::{ColorType, Decoder, DecodingError, InterlaceInfo, Reader, Transformations};

use super::orient::{Metadata, Orientation};
use super::splice::Splice;
use super::{Format, Limits, flatten};
use crate::error::Error;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Pixels in one row: the decoder holds several rows, at up to 8 bytes a pixel.
const MAX_WIDTH: u32 = 2_000_000;

pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<(RgbImage, Orientation), Error> {
    let file = File::walk(bytes, limits)?;
    let data_head = file.data_head()?;
    let mut decoder = Decoder::new(file.splice(&data_head));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // The walk has checked those that matter.
    decoder.ignore_checksums(true);
    let mut reader = decoder.read_info().map_err(|error| file.refuse(error))?;
    let (width, height) = (reader.info().width, reader.info().height);
    let pixels = read_rows(&mut reader).map_err(|error| file.refuse(error))?;
    Ok((Format::Png.picture(width, height, pixels)?, file.metadata.orientation()))
}

fn read_rows<R: io::BufRead + io::Seek>(reader: &mut Reader<R>) -> Result<Vec<u8>, DecodingError> {
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let interlaced = reader.info().interlaced;
    let (color, _) = reader.output_color_type();
    let channels = color.samples();
    let mut pixels = vec![0; width * height * 3];

    if color == ColorType::Rgb && !interlaced {
        for row in pixels.chunks_exact_mut(width * 3) {
            reader.read_row(row)?;
        }
        return Ok(pixels);
    }
    // Rows of a pass are shorter than the picture is wide, and are spread over it afterwards.
    let mut row = vec![0; width * channels];
    let mut rgb = vec![0; if interlaced { width * 3 } else { 0 }];
    let rows = if interlaced { rows_of_passes(width, height) } else { height };
    for y in 0..rows {
        match reader.read_row(&mut row)? {
            Some(InterlaceInfo::Adam7(pass)) => {
                flatten::row(channels, &row, &mut rgb);
                png::expand_interlaced_row(&mut pixels, width * 3, &rgb, &pass, 24);
            }
            _ => flatten::row(channels, &row, &mut pixels[y * width * 3..(y + 1) * width * 3]),
        }
    }
    Ok(pixels)
}

/// Rows of all seven passes of Adam7. To ask for one more would make the decoder look for the end of the file.
fn rows_of_passes(width: usize, height: usize) -> usize {
    // First column, first row, and every how many rows there is one.
    const PASSES: [(usize, usize, usize); 7] =
        [(0, 0, 8), (4, 0, 8), (0, 4, 8), (2, 0, 4), (0, 2, 4), (1, 0, 2), (0, 1, 2)];
    PASSES
        .iter()
        .filter(|&&(column, row, _)| column < width && row < height)
        .map(|&(_, row, step)| (height - row).div_ceil(step))
        .sum()
}

/// What the walk found.
#[derive(Default)]
struct File<'a> {
    /// The chunks that say how to read the pixels.
    header: Vec<&'a [u8]>,
    /// What is in the `IDAT` chunks.
    data: Vec<&'a [u8]>,
    metadata: Metadata<'a>,
    /// The file ends before its `IEND`.
    is_cut: bool,
}

impl<'a> File<'a> {
    fn walk(bytes: &'a [u8], limits: Limits) -> Result<Self, Error> {
        let Some(mut rest) = bytes.strip_prefix(SIGNATURE) else {
            return Err(if SIGNATURE.starts_with(bytes) {
                Format::Png.truncated()
            } else {
                Format::Png.corrupt("the signature is damaged, as by a conversion of line breaks")
            });
        };
        let mut file = Self { is_cut: true, ..Self::default() };
        while let Some(chunk) = Chunk::split_from(&mut rest) {
            if file.header.is_empty() {
                check_header(&chunk, limits)?;
            }
            match &chunk.kind {
                b"IHDR" | b"PLTE" | b"IDAT" if chunk.crc_is_wrong() => {
                    return Err(Format::Png.corrupt("wrong CRC of a chunk that makes the pixels"));
                }
                b"IHDR" if !file.header.is_empty() => {}
                // These two are of use only before the pixels, and only whole.
                b"IHDR" | b"PLTE" if file.data.is_empty() && chunk.crc.is_some() => {
                    file.header.push(chunk.whole)
                }
                b"tRNS" if file.data.is_empty() && chunk.crc.is_some() && !chunk.crc_is_wrong() => {
                    file.header.push(chunk.whole);
                }
                b"IDAT" => file.data.push(chunk.data),
                b"eXIf" => file.metadata.exif = file.metadata.exif.or(Some(chunk.data)),
                b"iTXt" => file.metadata.xmp = file.metadata.xmp.or_else(|| xmp(chunk.data)),
                b"IEND" => {
                    file.is_cut = false;
                    break;
                }
                _ => {}
            }
        }
        if file.header.is_empty() { Err(Format::Png.truncated()) } else { Ok(file) }
    }

    /// Length and kind of one `IDAT` chunk that holds the data of all.
    fn data_head(&self) -> Result<[u8; 8], Error> {
        let length: usize = self.data.iter().map(|data| data.len()).sum();
        let length =
            u32::try_from(length).map_err(|_| Format::Png.corrupt("more data than a PNG can have"))?;
        let [a, b, c, d] = length.to_be_bytes();
        Ok([a, b, c, d, b'I', b'D', b'A', b'T'])
    }

    /// The file as the decoder sees it. It has an end even if the file has none: the decoder gives out the last
    /// rows only when it is told that no data follow.
    fn splice<'b>(&self, data_head: &'b [u8]) -> Splice<'b>
    where
        'a: 'b,
    {
        const END: &[u8] = b"\0\0\0\0\0\0\0\0IEND\0\0\0\0";
        let mut parts = vec![SIGNATURE];
        parts.extend(&self.header);
        parts.push(data_head);
        parts.extend(&self.data);
        // The CRC of the data, which is not looked at, and the last chunk.
        parts.push(END);
        Splice::new(parts)
    }

    fn refuse(&self, error: DecodingError) -> Error {
        if self.is_cut { Format::Png.truncated() } else { Format::Png.corrupt(error) }
    }
}

fn check_header(chunk: &Chunk<'_>, limits: Limits) -> Result<(), Error> {
    if &chunk.kind == b"CgBI" {
        return Err(Error::UnsupportedFormat { found: "A PNG in Apple's own variant (CgBI)".into() });
    }
    if &chunk.kind != b"IHDR" {
        return Err(Format::Png.corrupt("the first chunk is not IHDR"));
    }
    let (Some(width), Some(height)) = (be_u32(chunk.data, 0), be_u32(chunk.data, 4)) else {
        return Err(Format::Png.truncated());
    };
    limits.check(Format::Png, width, height)?;
    if width > MAX_WIDTH {
        let (width, height) = (width.into(), height.into());
        return Err(Error::ImageTooLarge {
            width,
            height,
            max: MAX_WIDTH.into(),
            of_kind: " in one row of a PNG",
        });
    }
    if chunk.data.len() < 13 {
        return Err(Format::Png.truncated());
    }
    Ok(())
}

/// XMP in an `iTXt` chunk that is not compressed: keyword, 0, two flags, language, 0, keyword, 0, text.
fn xmp(data: &[u8]) -> Option<&[u8]> {
    let rest = data.strip_prefix(b"XML:com.adobe.xmp\0\0")?;
    rest.splitn(3, |&byte| byte == 0).nth(2)
}

struct Chunk<'a> {
    kind: [u8; 4],
    /// What there is of the data.
    data: &'a [u8],
    /// `None` if the file ends before it.
    crc: Option<u32>,
    /// Length, kind, data and CRC, as far as they are there.
    whole: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// Takes a chunk off the front; the last one may be cut. `None` where no chunk begins.
    fn split_from(rest: &mut &'a [u8]) -> Option<Self> {
        let length = be_u32(rest, 0)? as usize;
        let kind: [u8; 4] = rest.get(4..8)?.try_into().ok()?;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let after = &rest[8..];
        let data = &after[..length.min(after.len())];
        let crc = be_u32(after, length);
        let (whole, remaining) = rest.split_at(rest.len().min(length.saturating_add(12)));
        *rest = remaining;
        Some(Self { kind, data, crc, whole })
    }

    fn crc_is_wrong(&self) -> bool {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.kind);
        hasher.update(self.data);
        self.crc.is_some_and(|crc| crc != hasher.finalize())
    }
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| u32::from_be_bytes(*four))
}
