//! JPEG: markers, a check that every pixel is there, then the decoder.
//!
//! Decoders of JPEG do not fail on a file that was cut: they fill in grey, and grey gets a confident wrong label.
//! So the entropy-coded data are walked through first, Huffman code by Huffman code, without making pixels of
//! them (`scan`). That walk is exact: a missing last byte is found, a missing EOI is not missed. What is not
//! found is a progressive file that was cut exactly between two scans and closed again with an EOI: nothing
//! tells it from a file that was written so.
//!
//! The walk also bounds what the decoder may be asked to do: dimensions, memory, the number of scans and the
//! blocks that they visit.

mod bits;
mod blocks;
mod file;
mod frame;
mod huffman;
mod markers;
mod scan;

use ::image::RgbImage;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use self::file::File;
use self::scan::MAX_SCANS;
use super::orient::Orientation;
use super::splice::Splice;
use super::{Format, Limits};
use crate::error::Error;

pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<(RgbImage, Orientation), Error> {
    let file = File::read(bytes, limits)?;
    Ok((pixels(&file)?, file.found.metadata.orientation()))
}

fn pixels(file: &File<'_>) -> Result<RgbImage, Error> {
    let (width, height) = (file.frame.width, file.frame.height);
    let transform = file.color_transform();
    let adobe = [0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, transform.unwrap_or(0)];
    // The decoder gets tables, scans and one APP14 that says how colours are coded, and no other metadata: it
    // would copy them, and fail on broken ones.
    let mut parts =
        vec![&[0xff, 0xd8][..], if transform.is_some() { &adobe } else { &[] }, &huffman::STANDARD];
    parts.extend(&file.found.parts);
    parts.push(&[0xff, 0xd9]);

    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(MAX_SCANS + 1)
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        // Strict, so that where the decoder would give up quietly it says so.
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(Splice::new(parts), options);
    let mut pixels = vec![0; width as usize * height as usize * 3];
    decoder.decode_into(&mut pixels).map_err(refuse)?;
    Format::Jpeg.picture(width, height, pixels)
}

fn refuse(error: DecodeErrors) -> Error {
    // The text is for the log only; the type would have to be `Send`.
    Format::Jpeg.corrupt(error.to_string())
}
