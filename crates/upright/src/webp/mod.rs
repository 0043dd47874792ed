//! WebP: finds the first frame, decodes it as a still image, and draws it on the canvas.

mod chunk;
mod codes;

use std::io;

use ::image::RgbImage;
use image_webp::{DecodingError, WebPDecoder};

use self::chunk::{Chunk, le_u32};
use super::limits::check_memory;
use super::metadata::Metadata;
use super::orient::Orientation;
use super::splice::Splice;
use super::{Budget, Format, flatten};
use crate::error::Error;

/// Maximum number of groups of five Huffman codes in a lossless stream. Encoders write at most 2,600; each
/// can take 60 kB.
const MAX_GROUPS: u32 = 4000;

pub(super) fn decode(bytes: &[u8], budget: &mut Budget) -> Result<(RgbImage, Orientation), Error> {
    let file = File::walk(bytes, budget)?;
    let still = file.frame.decode()?;
    let picture = if still.dimensions() == file.canvas { still } else { file.compose(&still)? };
    Ok((picture, file.metadata.orientation()))
}

/// The result of parsing the chunks.
struct File<'a> {
    canvas: (u32, u32),
    frame: Frame<'a>,
    metadata: Metadata<'a>,
}

/// The image of a still file, or the first frame of an animation.
#[derive(Default)]
struct Frame<'a> {
    at: (u32, u32),
    size: (u32, u32),
    alpha: Option<Chunk<'a>>,
    image: Option<Chunk<'a>>,
}

impl<'a> File<'a> {
    fn walk(bytes: &'a [u8], budget: &mut Budget) -> Result<Self, Error> {
        let riff_size = le_u32(bytes, 4).unwrap_or(0) as usize;
        let is_cut = bytes.len() < riff_size.saturating_add(8);
        let mut rest = bytes.get(12..bytes.len().min(riff_size.saturating_add(8))).unwrap_or_default();
        let mut canvas = None;
        let mut exif_is_missing = false;
        let mut frame = Frame::default();
        let mut metadata = Metadata::default();
        while let Some(chunk) = Chunk::split_from(&mut rest) {
            match chunk.kind {
                b"VP8X" if canvas.is_none() => {
                    exif_is_missing = chunk.data.first().is_some_and(|flags| flags & 0x08 != 0);
                    let size = chunk.u24(4).zip(chunk.u24(7)).ok_or_else(|| Format::WebP.truncated())?;
                    budget.take(Format::WebP, size.0 + 1, size.1 + 1)?;
                    canvas = Some((size.0 + 1, size.1 + 1));
                }
                b"ANMF" if frame.image.is_none() => frame = Frame::of_animation(&chunk)?,
                b"EXIF" if !chunk.is_cut => {
                    exif_is_missing = false;
                    metadata.add(chunk.data);
                }
                b"XMP " => metadata.add_xmp(chunk.data),
                _ => frame.add(chunk),
            }
        }
        let Some(image) = &frame.image else {
            let format = Format::WebP;
            return Err(if is_cut { format.truncated() } else { format.corrupt("no image chunk") });
        };
        // The pixels may be complete, but the orientation is missing.
        if is_cut && exif_is_missing {
            return Err(Format::WebP.truncated());
        }
        let size = image.dimensions()?;
        budget.take(Format::WebP, size.0, size.1)?;
        let canvas = canvas.unwrap_or(size);
        let is_still = frame.size == (0, 0);
        if is_still {
            frame.size = canvas;
        }
        if frame.size != size || frame.at.0 + size.0 > canvas.0 || frame.at.1 + size.1 > canvas.1 {
            return Err(Format::WebP.corrupt("the frame does not fit the canvas"));
        }
        Ok(Self { canvas, frame, metadata })
    }

    /// Draws the frame on its canvas. The canvas is transparent outside the frame, hence white.
    fn compose(&self, still: &RgbImage) -> Result<RgbImage, Error> {
        let mut pixels = vec![255; self.canvas.0 as usize * self.canvas.1 as usize * 3];
        let (left, top) = (self.frame.at.0 as usize * 3, self.frame.at.1 as usize);
        let length = still.width() as usize * 3;
        let rows = pixels.chunks_exact_mut(self.canvas.0 as usize * 3).skip(top);
        for (row, frame_row) in rows.zip(still.as_raw().chunks_exact(length)) {
            row[left..left + length].copy_from_slice(frame_row);
        }
        Format::WebP.picture(self.canvas.0, self.canvas.1, pixels)
    }
}

impl<'a> Frame<'a> {
    /// Reads the frame in an `ANMF` chunk: position in units of two pixels, size, timing, then nested chunks.
    fn of_animation(chunk: &Chunk<'a>) -> Result<Self, Error> {
        let field = |at| chunk.u24(at).ok_or_else(|| Format::WebP.truncated());
        let at = (field(0)? * 2, field(3)? * 2);
        let size = (field(6)? + 1, field(9)? + 1);
        let mut frame = Self { at, size, ..Self::default() };
        let mut rest = chunk.data.get(16..).unwrap_or_default();
        while let Some(chunk) = Chunk::split_from(&mut rest) {
            frame.add(chunk);
        }
        if frame.image.is_none() && chunk.is_cut {
            return Err(Format::WebP.truncated());
        }
        Ok(frame)
    }

    fn add(&mut self, chunk: Chunk<'a>) {
        match chunk.kind {
            b"ALPH" if self.alpha.is_none() && self.image.is_none() => self.alpha = Some(chunk),
            b"VP8 " | b"VP8L" if self.image.is_none() => self.image = Some(chunk),
            _ => {}
        }
    }

    /// Decodes the frame from a still file that is assembled from its chunks. An animation then needs no
    /// second canvas, and the decoder sees no other part of the file.
    fn decode(&self) -> Result<RgbImage, Error> {
        let Some(image) = &self.image else { return Err(Format::WebP.corrupt("no image chunk")) };
        if image.is_cut || self.alpha.as_ref().is_some_and(|alpha| alpha.is_cut) {
            return Err(Format::WebP.truncated());
        }
        match (image.kind, &self.alpha) {
            (b"VP8L", _) => self.decode_lossless(image),
            (_, Some(alpha)) => self.decode_lossy_with(alpha, image),
            _ => self.decode_chunks(vec![b"RIFF\xff\xff\xff\x7fWEBP"], image, true),
        }
    }

    fn decode_lossless(&self, image: &Chunk<'a>) -> Result<RgbImage, Error> {
        self.check_groups(image.data, 40)?;
        let Some((&[signature, b0, b1, b2, b3], stream)) = image.data.split_first_chunk() else {
            return Err(Format::WebP.truncated());
        };
        // Always decode with an alpha channel. The decoder works in RGBA internally; without the flag it
        // would also make an RGB copy.
        let has_alpha = b3 & 0x10 != 0;
        let mut head = b"RIFF\xff\xff\xff\x7fWEBP".to_vec();
        head.extend(image.head);
        head.extend([signature, b0, b1, b2, b3 | 0x10]);
        let chunk = Chunk { kind: image.kind, head: &[], data: stream, is_cut: false };
        self.decode_chunks(vec![&head], &chunk, has_alpha)
    }

    fn decode_lossy_with(&self, alpha: &Chunk<'a>, image: &Chunk<'a>) -> Result<RgbImage, Error> {
        let (width, height) = self.size;
        // Luma and chroma, RGBA, and the alpha plane twice: once as RGBA and once alone.
        let bytes = u64::from(width) * u64::from(height) * 21 / 2;
        check_memory(width, height, bytes, " for a lossy WebP with transparency")?;
        // The lower two bits of the first byte give the compression method of the plane.
        if let Some((&how, stream)) = alpha.data.split_first()
            && how & 3 == 1
        {
            self.check_groups(stream, 0)?;
        }
        let [[w0, w1, w2, _], [h0, h1, h2, _]] = [width - 1, height - 1].map(u32::to_le_bytes);
        let mut head = b"RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x10\0\0\0".to_vec();
        head.extend([w0, w1, w2, h0, h1, h2]);
        let mut parts = vec![&head[..]];
        parts.extend(alpha.parts());
        self.decode_chunks(parts, image, true)
    }

    fn check_groups(&self, stream: &[u8], header_bits: usize) -> Result<(), Error> {
        match codes::groups(stream, header_bits, self.size.0, self.size.1) {
            Some(groups) if groups > MAX_GROUPS => {
                Err(Format::WebP.corrupt(format!("{groups} groups of Huffman codes")))
            }
            _ => Ok(()),
        }
    }

    /// Decodes a file that consists of these parts and this image chunk.
    fn decode_chunks<'b>(
        &self,
        mut parts: Vec<&'b [u8]>,
        image: &Chunk<'b>,
        has_alpha: bool,
    ) -> Result<RgbImage, Error> {
        parts.extend(image.parts());
        let mut decoder = WebPDecoder::new(Splice::new(parts)).map_err(refuse)?;
        if decoder.dimensions() != self.size {
            return Err(Format::WebP.corrupt("the size of the frame differs from that of its image"));
        }
        let size =
            decoder.output_buffer_size().ok_or_else(|| Format::WebP.corrupt("too large to address"))?;
        let mut pixels = vec![0; size];
        decoder.read_image(&mut pixels).map_err(refuse)?;
        match (decoder.has_alpha(), has_alpha) {
            (true, true) => flatten::rgba_in_place(&mut pixels),
            (true, false) => flatten::rgbx_in_place(&mut pixels),
            _ => {}
        }
        Format::WebP.picture(self.size.0, self.size.1, pixels)
    }
}

fn refuse(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Format::WebP.truncated()
        }
        error => Format::WebP.corrupt(error),
    }
}
