//! PNG: parses the chunks, then decodes row by row into RGB.
//!
//! The parser checks the CRC of the chunks that affect the pixels. It passes only `IHDR`, `PLTE`, `tRNS` and
//! `IDAT` to the decoder. The profile in `iCCP` is never inflated. Text is read only if it may hold the
//! orientation, and then only its beginning. For an APNG, the result is the default image, which is its first
//! frame. Rows are converted one at a time, so 16-bit RGBA takes no more memory than 8-bit RGB.

mod text;

use std::io;

use ::image::RgbImage;
use png::{ColorType, Decoder, DecodingError, InterlaceInfo, Reader, Transformations};

use self::text::Text;
use super::metadata::Metadata;
use super::orient::Orientation;
use super::splice::Splice;
use super::{Budget, Format, flatten};
use crate::error::Error;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Size of `IHDR` in bytes. Anything after these bytes is ignored.
const IHDR_BYTES: usize = 13;

/// Keywords of text chunks that hold EXIF or XMP.
const RAW_PROFILES: [&[u8]; 3] =
    [b"Raw profile type exif", b"Raw profile type APP1", b"Raw profile type xmp"];

/// Maximum number of these texts that are read; each can take a megabyte.
const MAX_RAW_PROFILES: usize = 4;

/// Maximum number of pixels per row. The decoder holds several rows, at up to 8 bytes per pixel.
const MAX_WIDTH: u32 = 2_000_000;

pub(super) fn decode(bytes: &[u8], budget: &mut Budget) -> Result<(RgbImage, Orientation), Error> {
    let file = File::walk(bytes, budget)?;
    let head = file.head()?;
    let mut decoder = Decoder::new(file.splice(&head));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // The parser has already checked the CRCs that matter.
    decoder.ignore_checksums(true);
    let mut reader = decoder.read_info().map_err(|error| file.refuse(error))?;
    let (width, height) = (reader.info().width, reader.info().height);
    let pixels = read_rows(&mut reader).map_err(|error| file.refuse(error))?;
    Ok((Format::Png.picture(width, height, pixels)?, file.orientation()))
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
    // Rows of an interlacing pass are shorter than the image, and are spread over it afterwards.
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

/// Number of rows in all seven Adam7 passes. Asking for one more row would make the decoder look for the end
/// of the file.
fn rows_of_passes(width: usize, height: usize) -> usize {
    // First column, first row, and row step of each pass.
    const PASSES: [(usize, usize, usize); 7] =
        [(0, 0, 8), (4, 0, 8), (0, 4, 8), (2, 0, 4), (0, 2, 4), (1, 0, 2), (0, 1, 2)];
    PASSES
        .iter()
        .filter(|&&(column, row, _)| column < width && row < height)
        .map(|&(_, row, step)| (height - row).div_ceil(step))
        .sum()
}

/// The result of parsing the chunks.
#[derive(Default)]
struct File<'a> {
    /// Contents of `IHDR`, `PLTE` and `tRNS`; empty if the chunk is missing.
    header: &'a [u8],
    palette: &'a [u8],
    transparency: &'a [u8],
    /// Contents of the `IDAT` chunks.
    data: Vec<&'a [u8]>,
    exif: Option<&'a [u8]>,
    xmp: Option<Text<'a>>,
    /// EXIF and XMP in text chunks, as ImageMagick and ExifTool write them.
    raw_profiles: Vec<Text<'a>>,
    /// The file ends before its `IEND`.
    is_cut: bool,
}

impl<'a> File<'a> {
    fn walk(bytes: &'a [u8], budget: &mut Budget) -> Result<Self, Error> {
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
                check_header(&chunk, budget)?;
            }
            match &chunk.kind {
                b"IHDR" | b"PLTE" | b"IDAT" if chunk.crc_is_wrong() => {
                    return Err(Format::Png.corrupt("wrong CRC of a chunk that makes the pixels"));
                }
                b"IHDR" if file.header.is_empty() && chunk.crc.is_some() => file.header = chunk.data,
                // These two chunks count only if they are complete and come before the pixels.
                b"PLTE" if file.may_have(file.palette, &chunk) => file.palette = chunk.data,
                b"tRNS" if file.may_have(file.transparency, &chunk) && !chunk.crc_is_wrong() => {
                    file.transparency = chunk.data;
                }
                b"IDAT" => file.data.push(chunk.data),
                b"eXIf" => file.exif = file.exif.or(Some(chunk.data)),
                b"tEXt" | b"zTXt" | b"iTXt" => file.keep_text(&chunk),
                b"IEND" => {
                    file.is_cut = false;
                    break;
                }
                _ => {}
            }
        }
        if file.header.is_empty() { Err(Format::Png.truncated()) } else { Ok(file) }
    }

    fn may_have(&self, had: &[u8], chunk: &Chunk<'_>) -> bool {
        had.is_empty() && self.data.is_empty() && chunk.crc.is_some()
    }

    fn keep_text(&mut self, chunk: &Chunk<'a>) {
        let Some((keyword, text)) = Text::split(chunk.kind, chunk.data) else { return };
        if keyword == b"XML:com.adobe.xmp" {
            self.xmp.get_or_insert(text);
        } else if RAW_PROFILES.iter().any(|name| name.eq_ignore_ascii_case(keyword))
            && self.raw_profiles.len() < MAX_RAW_PROFILES
        {
            self.raw_profiles.push(text);
        }
    }

    fn orientation(&self) -> Orientation {
        let raw_profiles: Vec<_> = self.raw_profiles.iter().filter_map(Text::raw_profile).collect();
        let xmp = self.xmp.as_ref().map(Text::read);
        let mut metadata = Metadata::default();
        // The PNG chunks for EXIF and XMP take precedence over the text chunks.
        self.exif.iter().for_each(|exif| metadata.add(exif));
        xmp.iter().for_each(|packet| metadata.add_xmp(packet));
        raw_profiles.iter().for_each(|profile| metadata.add(profile));
        metadata.orientation()
    }

    /// The chunks before the pixel data, and the header of one `IDAT` that holds the data of all `IDAT`
    /// chunks.
    fn head(&self) -> Result<Vec<u8>, Error> {
        // The palette comes first regardless of the order in the file; excess entries are dropped.
        const COLORS: usize = 256;
        const PALETTE: u8 = 3;
        let palette = &self.palette[..self.palette.len().min(3 * COLORS) / 3 * 3];
        let opacities = if self.header.get(9) == Some(&PALETTE) { palette.len() / 3 } else { COLORS };
        let transparency = &self.transparency[..self.transparency.len().min(opacities)];
        let data: usize = self.data.iter().map(|data| data.len()).sum();

        let mut head = SIGNATURE.to_vec();
        for (kind, content) in [
            (b"IHDR", &self.header[..self.header.len().min(IHDR_BYTES)]),
            (b"PLTE", palette),
            (b"tRNS", transparency),
        ] {
            if !content.is_empty() {
                chunk_head(&mut head, kind, content.len())?;
                head.extend_from_slice(content);
                head.extend_from_slice(&[0; 4]);
            }
        }
        chunk_head(&mut head, b"IDAT", data)?;
        Ok(head)
    }

    /// The file as the decoder sees it. It always has an end, because the decoder returns the last rows only
    /// when it knows that no more data follows.
    fn splice<'b>(&self, head: &'b [u8]) -> Splice<'b>
    where
        'a: 'b,
    {
        const END: &[u8] = b"\0\0\0\0\0\0\0\0IEND\0\0\0\0";
        let mut parts = vec![head];
        parts.extend(&self.data);
        // The CRC of the data, which is not checked, and the last chunk.
        parts.push(END);
        Splice::new(parts)
    }

    fn refuse(&self, error: DecodingError) -> Error {
        if self.is_cut { Format::Png.truncated() } else { Format::Png.corrupt(error) }
    }
}

fn check_header(chunk: &Chunk<'_>, budget: &mut Budget) -> Result<(), Error> {
    if &chunk.kind == b"CgBI" {
        return Err(Error::UnsupportedFormat { found: "A PNG in Apple's own variant (CgBI)".into() });
    }
    if &chunk.kind != b"IHDR" {
        return Err(Format::Png.corrupt("the first chunk is not IHDR"));
    }
    let (Some(width), Some(height)) = (be_u32(chunk.data, 0), be_u32(chunk.data, 4)) else {
        return Err(Format::Png.truncated());
    };
    budget.take(Format::Png, width, height)?;
    if width > MAX_WIDTH {
        let (width, height) = (width.into(), height.into());
        return Err(Error::ImageTooLarge {
            width,
            height,
            max: MAX_WIDTH.into(),
            of_kind: " in one row of a PNG",
        });
    }
    if chunk.data.len() < IHDR_BYTES {
        return Err(Format::Png.truncated());
    }
    Ok(())
}

/// Appends the length and type of a chunk. A CRC must follow the data, but it is not checked.
fn chunk_head(head: &mut Vec<u8>, kind: &[u8; 4], length: usize) -> Result<(), Error> {
    let length = u32::try_from(length).map_err(|_| Format::Png.corrupt("more data than a PNG can have"))?;
    head.extend_from_slice(&length.to_be_bytes());
    head.extend_from_slice(kind);
    Ok(())
}

struct Chunk<'a> {
    kind: [u8; 4],
    /// The data, as far as the file contains it.
    data: &'a [u8],
    /// `None` if the file ends before the CRC does.
    crc: Option<u32>,
}

impl<'a> Chunk<'a> {
    /// Takes a chunk off the front; the last chunk may be truncated. `None` if no chunk begins here.
    fn split_from(rest: &mut &'a [u8]) -> Option<Self> {
        let length = be_u32(rest, 0)? as usize;
        let kind: [u8; 4] = rest.get(4..8)?.try_into().ok()?;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let after = &rest[8..];
        let data = &after[..length.min(after.len())];
        let crc = be_u32(after, length);
        *rest = &rest[rest.len().min(length.saturating_add(12))..];
        Some(Self { kind, data, crc })
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
