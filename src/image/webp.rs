//! WebP: a walk to the first frame, which is decoded as a still of its own and laid on the canvas.

use std::io;

use ::image::RgbImage;
use image_webp::{DecodingError, WebPDecoder};

use super::limits::check_memory;
use super::orient::{Metadata, Orientation};
use super::splice::Splice;
use super::{Format, Limits, flatten};
use crate::error::Error;

pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<(RgbImage, Orientation), Error> {
    let file = File::walk(bytes, limits)?;
    let still = file.frame.decode()?;
    let picture = if still.dimensions() == file.canvas { still } else { file.compose(&still)? };
    Ok((picture, file.metadata.orientation()))
}

/// What the walk over the chunks found.
struct File<'a> {
    canvas: (u32, u32),
    frame: Frame<'a>,
    metadata: Metadata<'a>,
}

/// The one image of a still file, or the first one of an animation.
#[derive(Default)]
struct Frame<'a> {
    at: (u32, u32),
    size: (u32, u32),
    alpha: Option<Chunk<'a>>,
    image: Option<Chunk<'a>>,
}

impl<'a> File<'a> {
    fn walk(bytes: &'a [u8], limits: Limits) -> Result<Self, Error> {
        let riff_size = le_u32(bytes, 4).unwrap_or(0) as usize;
        let is_cut = bytes.len() < riff_size.saturating_add(8);
        let mut rest = bytes.get(12..bytes.len().min(riff_size.saturating_add(8))).unwrap_or_default();
        let mut canvas = None;
        let mut frame = Frame::default();
        let mut metadata = Metadata::default();
        while let Some(chunk) = Chunk::split_from(&mut rest) {
            match chunk.kind {
                b"VP8X" if canvas.is_none() => {
                    let size = chunk.u24(4).zip(chunk.u24(7)).ok_or_else(|| Format::WebP.truncated())?;
                    limits.check(Format::WebP, size.0 + 1, size.1 + 1)?;
                    canvas = Some((size.0 + 1, size.1 + 1));
                }
                b"ANMF" if frame.image.is_none() => frame = Frame::of_animation(&chunk)?,
                b"EXIF" => metadata.exif = metadata.exif.or(Some(chunk.data)),
                b"XMP " => metadata.xmp = metadata.xmp.or(Some(chunk.data)),
                _ => frame.add(chunk),
            }
        }
        let Some(image) = &frame.image else {
            let format = Format::WebP;
            return Err(if is_cut { format.truncated() } else { format.corrupt("no image chunk") });
        };
        let size = image.dimensions()?;
        limits.check(Format::WebP, size.0, size.1)?;
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

    /// The frame on its canvas, which is transparent outside it, hence white.
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
    /// The frame in an `ANMF` chunk: position in units of two pixels, size, timing, then chunks of its own.
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

    /// Decodes the frame from a still file that is made of its chunks: that way an animation costs no second
    /// canvas, and nothing else in the file is looked at.
    fn decode(&self) -> Result<RgbImage, Error> {
        let Some(image) = &self.image else { return Err(Format::WebP.corrupt("no image chunk")) };
        if image.is_cut || self.alpha.as_ref().is_some_and(|alpha| alpha.is_cut) {
            return Err(Format::WebP.truncated());
        }
        let (width, height) = self.size;
        let alpha = self.alpha.as_ref().filter(|_| image.kind == b"VP8 ");
        if alpha.is_some() {
            // Luma and chroma, RGBA, and the alpha plane once as RGBA and once alone.
            let bytes = u64::from(width) * u64::from(height) * 21 / 2;
            check_memory(width, height, bytes, " for a lossy WebP with transparency")?;
        }
        // The chunks may have an odd length; a padding byte follows each that has, here as in the file.
        let mut head = b"RIFF\xff\xff\xff\x7fWEBP".to_vec();
        let mut parts = Vec::new();
        if let Some(alpha) = alpha {
            let [[w0, w1, w2, _], [h0, h1, h2, _]] = [width - 1, height - 1].map(u32::to_le_bytes);
            head.extend(b"VP8X\x0a\0\0\0\x10\0\0\0");
            head.extend([w0, w1, w2, h0, h1, h2]);
            parts.extend(alpha.parts());
        }
        parts.extend(image.parts());
        parts.insert(0, &head);

        let mut decoder = WebPDecoder::new(Splice::new(parts)).map_err(refuse)?;
        if decoder.dimensions() != self.size {
            return Err(Format::WebP.corrupt("the size of the frame differs from that of its image"));
        }
        let size =
            decoder.output_buffer_size().ok_or_else(|| Format::WebP.corrupt("too large to address"))?;
        let mut pixels = vec![0; size];
        decoder.read_image(&mut pixels).map_err(refuse)?;
        if decoder.has_alpha() {
            flatten::rgba_in_place(&mut pixels);
        }
        Format::WebP.picture(width, height, pixels)
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

struct Chunk<'a> {
    kind: &'a [u8],
    /// Kind and size.
    head: &'a [u8],
    /// What there is of the data.
    data: &'a [u8],
    /// The file ends before the data do.
    is_cut: bool,
}

impl<'a> Chunk<'a> {
    /// Takes a chunk off the front; the last one may be cut.
    fn split_from(rest: &mut &'a [u8]) -> Option<Self> {
        let size = le_u32(rest, 4)? as usize;
        let (head, after) = rest.split_at(8);
        let data = &after[..size.min(after.len())];
        *rest = after.get(size.saturating_add(size % 2)..).unwrap_or_default();
        Some(Self { kind: &head[..4], head, data, is_cut: data.len() < size })
    }

    fn parts(&self) -> [&'a [u8]; 3] {
        [self.head, self.data, if self.data.len() % 2 == 1 { &[0] } else { &[] }]
    }

    fn u24(&self, at: usize) -> Option<u32> {
        let bytes = self.data.get(at..)?.first_chunk::<3>()?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]))
    }

    /// Width and height in the header of the image data itself.
    fn dimensions(&self) -> Result<(u32, u32), Error> {
        match (self.kind, self.data) {
            (b"VP8 ", &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..]) => {
                let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
                Ok((side(w0, w1), side(h0, h1)))
            }
            (b"VP8L", &[0x2f, b0, b1, b2, b3, ..]) => {
                let bits = u32::from_le_bytes([b0, b1, b2, b3]);
                Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
            }
            _ if self.is_cut => Err(Format::WebP.truncated()),
            _ => Err(Format::WebP.corrupt("the image data have no header")),
        }
    }
}

fn le_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|four| u32::from_le_bytes(*four))
}
