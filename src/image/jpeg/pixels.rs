//! The decoders: `zune-jpeg` for what encoders usually write, `jpeg-decoder` for the rest.
//!
//! `zune-jpeg` is twice as fast. Where the components of a sequential file come in several scans, or chroma is
//! sampled in an unusual way, it gives other pixels than libjpeg, fails, or panics; `jpeg-decoder` does not.

use jpeg_decoder::{ColorTransform, PixelFormat};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use super::super::limits::check_memory;
use super::super::{Format, flatten};
use super::file::File;
use super::frame::Frame;
use super::huffman;
use super::scan::MAX_SCANS;
use crate::error::Error;

/// Which decoder is right for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoder {
    /// `zune-jpeg`.
    Fast,
    /// `jpeg-decoder`.
    Thorough,
}

impl Decoder {
    /// Chooses a decoder by the frame and by whether the first scan has all its components, and refuses what
    /// would take too much memory.
    pub(super) fn choose(frame: &Frame, interleaved: bool) -> Result<Self, Error> {
        let full = frame.components.first().map_or((1, 1), |component| component.sampling);
        let usual = frame.components.iter().all(|component| [full, (1, 1)].contains(&component.sampling))
            && (frame.components.len() == 1 || matches!(full, (1, 1) | (2, 1) | (1, 2) | (2, 2) | (4, 1)));
        let decoder = if usual && (interleaved || frame.progressive) { Self::Fast } else { Self::Thorough };

        let samples: u64 = frame.components.iter().map(|component| component.padded_blocks() * 64).sum();
        // Progressive coefficients are kept, 2 bytes each, until the last scan is read. The thorough decoder
        // holds whole planes besides, and has CMYK as its result.
        let coefficients = if frame.progressive { 2 * samples } else { 0 };
        let pixels = u64::from(frame.width) * u64::from(frame.height);
        let (planes, channels) = match decoder {
            Self::Fast => (0, 3),
            Self::Thorough => (samples, frame.components.len().max(3) as u64),
        };
        let of_kind = match (frame.progressive, frame.components.len()) {
            (true, 4) => " for a progressive CMYK JPEG",
            (true, _) => " for a progressive JPEG",
            (false, 4) => " for a CMYK JPEG in several scans",
            (false, _) => " for a JPEG in several scans",
        };
        check_memory(frame.width, frame.height, coefficients + planes + channels * pixels, of_kind)?;
        Ok(decoder)
    }
}

/// The pixels as RGB, row by row.
pub(super) fn decode(file: &File<'_>) -> Result<Vec<u8>, Error> {
    let transform = file.color_transform();
    let adobe = [0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, transform.unwrap_or(0)];
    // The decoders get tables, scans and one APP14 that says how colours are coded, and no other metadata: they
    // would copy it, and fail where it is broken.
    let mut parts =
        vec![&[0xff, 0xd8][..], if transform.is_some() { &adobe } else { &[] }, &huffman::STANDARD];
    parts.extend(&file.found.parts);
    parts.push(&[0xff, 0xd9]);
    // In one piece: reading the parts as they lie would cost the decoders more than this copy does.
    let bytes = parts.concat();
    match file.decoder {
        Decoder::Fast => fast(&bytes, &file.frame),
        Decoder::Thorough => thorough(&bytes, transform),
    }
}

fn fast(bytes: &[u8], frame: &Frame) -> Result<Vec<u8>, Error> {
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(MAX_SCANS + 1)
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        // Strict, so that where the decoder would give up quietly it says so.
        .set_strict_mode(true);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let mut pixels = vec![0; frame.width as usize * frame.height as usize * 3];
    // The text of the error is for the log; its type is not `Send`.
    decoder.decode_into(&mut pixels).map_err(|error| Format::Jpeg.corrupt(error.to_string()))?;
    Ok(pixels)
}

fn thorough(bytes: &[u8], transform: Option<u8>) -> Result<Vec<u8>, Error> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let corrupt = |error: jpeg_decoder::Error| Format::Jpeg.corrupt(error.to_string());
    decoder.read_info().map_err(corrupt)?;
    let format = decoder.info().map(|info| info.pixel_format);
    decoder.set_color_transform(match (format, transform) {
        (Some(PixelFormat::L8), _) => ColorTransform::Grayscale,
        (Some(PixelFormat::CMYK32), Some(0)) => ColorTransform::CMYK,
        (Some(PixelFormat::CMYK32), _) => ColorTransform::YCCK,
        (_, Some(0)) => ColorTransform::RGB,
        _ => ColorTransform::YCbCr,
    });
    let mut pixels = decoder.decode().map_err(corrupt)?;
    match format {
        Some(PixelFormat::RGB24) => {}
        Some(PixelFormat::CMYK32) => flatten::cmyk_in_place(&mut pixels),
        _ => pixels = pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
    }
    Ok(pixels)
}
