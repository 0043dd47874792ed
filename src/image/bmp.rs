//! BMP: Windows and OS/2 bitmaps, through the `image` crate.

use std::io::ErrorKind;

use ::image::codecs::bmp::BmpDecoder;
use ::image::{ColorType, ImageDecoder, ImageError, RgbImage};

use super::splice::Splice;
use super::{Format, Limits, flatten};
use crate::error::Error;

/// The header of OS/2 2.x: the first 40 bytes are those of a Windows header, the rest is about printing.
const OS2_HEADER: usize = 64;
const WINDOWS_HEADER: u8 = 40;

pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<RgbImage, Error> {
    let (width, height) = dimensions(bytes)?;
    limits.check(Format::Bmp, width, height)?;

    let mut head = [0; 18];
    let parts = match os2_as_windows(bytes, &mut head) {
        Some(rest) => {
            let mut parts = vec![&head[..]];
            parts.extend(rest);
            parts
        }
        None if usize::from(head[14]) == OS2_HEADER => return Err(Format::Bmp.truncated()),
        None => vec![bytes],
    };
    let decoder = BmpDecoder::new(Splice::new(parts)).map_err(refuse)?;
    let alpha = decoder.color_type() == ColorType::Rgba8;
    let bytes_per_pixel = if alpha { 4 } else { 3 };
    let mut pixels = vec![0; width as usize * height as usize * bytes_per_pixel];
    if decoder.total_bytes() != pixels.len() as u64 {
        return Err(Error::internal("two readers of one BMP header disagree"));
    }
    decoder.read_image(&mut pixels).map_err(refuse)?;
    if alpha {
        flatten::rgba_in_place(&mut pixels);
    }
    Format::Bmp.picture(width, height, pixels)
}

/// Width and height in pixels; a negative height only says that rows go from top to bottom.
fn dimensions(bytes: &[u8]) -> Result<(u32, u32), Error> {
    let header = bytes.get(14..).unwrap_or_default();
    match *header {
        [12, 0, 0, 0, w0, w1, h0, h1, ..] => {
            Ok((u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into()))
        }
        [_, 0, 0, 0, w0, w1, w2, w3, h0, h1, h2, h3, ..] => {
            let width = i32::from_le_bytes([w0, w1, w2, w3]);
            let height = i32::from_le_bytes([h0, h1, h2, h3]);
            let width = u32::try_from(width).map_err(|_| Format::Bmp.corrupt("a negative width"))?;
            Ok((width, height.unsigned_abs()))
        }
        [_, _, _, _, ..] if header.len() >= 12 => Err(Format::Bmp.corrupt("unknown header size")),
        _ => Err(Format::Bmp.truncated()),
    }
}

/// An OS/2 2.x bitmap as a Windows bitmap: a file header and header size that fit (in `head`), and the rest of
/// the file without what Windows does not know. `None` for all others.
fn os2_as_windows<'a>(bytes: &'a [u8], head: &mut [u8; 18]) -> Option<[&'a [u8]; 2]> {
    head.copy_from_slice(bytes.get(..18)?);
    if usize::from(head[14]) != OS2_HEADER {
        return None;
    }
    let dropped = (OS2_HEADER - usize::from(WINDOWS_HEADER)) as u32;
    let offset = u32::from_le_bytes([head[10], head[11], head[12], head[13]]);
    head[10..14].copy_from_slice(&offset.saturating_sub(dropped).to_le_bytes());
    head[14] = WINDOWS_HEADER;
    Some([bytes.get(18..14 + usize::from(WINDOWS_HEADER))?, bytes.get(14 + OS2_HEADER..)?])
}

fn refuse(error: ImageError) -> Error {
    match error {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => Format::Bmp.truncated(),
        error => Format::Bmp.corrupt(error),
    }
}
