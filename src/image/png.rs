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
    let file = walk(bytes, limits)?;
    let mut decoder = Decoder::new(Splice::new(file.parts));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // The walk has checked those that matter.
    decoder.ignore_checksums(true);
    let mut reader = decoder.read_info().map_err(refuse)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let pixels = read_rows(&mut reader)?;
    Ok((Format::Png.picture(width, height, pixels)?, file.metadata.orientation()))
}

fn read_rows<R: io::BufRead + io::Seek>(reader: &mut Reader<R>) -> Result<Vec<u8>, Error> {
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let interlaced = reader.info().interlaced;
    let (color, _) = reader.output_color_type();
    let channels = color.samples();
    let mut pixels = vec![0; width * height * 3];

    if color == ColorType::Rgb && !interlaced {
        for row in pixels.chunks_exact_mut(width * 3) {
            reader.read_row(row).map_err(refuse)?;
        }
        return Ok(pixels);
    }
    // Rows of a pass are shorter than the picture is wide, and are spread over it afterwards.
    let mut row = vec![0; width * channels];
    let mut rgb = vec![0; if interlaced { width * 3 } else { 0 }];
    let rows = if interlaced { usize::MAX } else { height };
    for y in 0..rows {
        match reader.read_row(&mut row) {
            Ok(Some(InterlaceInfo::Null(_))) => {
                flatten::row(channels, &row, &mut pixels[y * width * 3..(y + 1) * width * 3]);
            }
            Ok(Some(InterlaceInfo::Adam7(pass))) => {
                flatten::row(channels, &row, &mut rgb);
                png::expand_interlaced_row(&mut pixels, width * 3, &rgb, &pass, 24);
            }
            Ok(None) => break,
            Err(error) => return Err(refuse(error)),
        }
    }
    Ok(pixels)
}

fn refuse(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Format::Png.truncated()
        }
        error => Format::Png.corrupt(error),
    }
}

/// What the walk found.
struct File<'a> {
    /// The signature and the chunks that make the pixels.
    parts: Vec<&'a [u8]>,
    metadata: Metadata<'a>,
}

fn walk(bytes: &[u8], limits: Limits) -> Result<File<'_>, Error> {
    let Some(mut rest) = bytes.strip_prefix(SIGNATURE) else {
        return Err(if SIGNATURE.starts_with(bytes) {
            Format::Png.truncated()
        } else {
            Format::Png.corrupt("the signature is damaged, as by a conversion of line breaks")
        });
    };
    let mut file = File { parts: vec![SIGNATURE], metadata: Metadata::default() };
    let mut seen_header = false;
    while let Some(chunk) = Chunk::split_from(&mut rest) {
        if !seen_header {
            check_header(&chunk, limits)?;
        }
        match &chunk.kind {
            b"IHDR" if seen_header => {}
            b"IHDR" | b"PLTE" | b"IDAT" => {
                if chunk.crc_is_wrong() {
                    return Err(Format::Png.corrupt("wrong CRC of a chunk that makes the pixels"));
                }
                seen_header = true;
                file.parts.push(chunk.whole);
            }
            // What follows would be a chunk without a start, if this one were not passed on.
            b"tRNS" if !chunk.crc_is_wrong() => file.parts.push(chunk.whole),
            b"eXIf" => file.metadata.exif = file.metadata.exif.or(Some(chunk.data)),
            b"iTXt" => file.metadata.xmp = file.metadata.xmp.or_else(|| xmp(chunk.data)),
            b"IEND" => break,
            _ => {}
        }
    }
    if seen_header { Ok(file) } else { Err(Format::Png.truncated()) }
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
