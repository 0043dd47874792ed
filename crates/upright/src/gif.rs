//! GIF: finds the first frame, decodes its LZW data, and draws it on the canvas.

use std::io;

use ::image::RgbImage;
use gif::{DecodeOptions, DecodingError, MemoryLimit};

use super::splice::Splice;
use super::{Budget, Format};
use crate::error::Error;

pub(super) fn decode(bytes: &[u8], budget: &mut Budget) -> Result<RgbImage, Error> {
    let frame = walk(bytes, budget)?;
    let indices = read_indices(&frame)?;
    compose(&frame, &indices)
}

/// The first frame and the data needed to draw it.
struct Frame<'a> {
    canvas: (u32, u32),
    at: (u32, u32),
    size: (u32, u32),
    interlaced: bool,
    transparent: Option<u8>,
    /// RGB triples; `None` if the file has no palette at all.
    palette: Option<&'a [u8]>,
    /// The minimum code size and the sub-blocks, as far as the file contains them.
    data: &'a [u8],
}

impl Frame<'_> {
    fn pixels(&self) -> usize {
        self.size.0 as usize * self.size.1 as usize
    }
}

fn walk<'a>(bytes: &'a [u8], budget: &mut Budget) -> Result<Frame<'a>, Error> {
    let mut file = Walk { bytes, at: 6 };
    let canvas = (file.u16()?, file.u16()?);
    // Some writers set a side of the canvas to 0. The frame then determines the size.
    budget.take(Format::Gif, canvas.0.max(1), canvas.1.max(1))?;
    let flags = file.u8()?;
    file.take(2)?;
    let global = file.palette(flags)?;
    let mut transparent = None;
    loop {
        match file.u8()? {
            // Graphic control extension: 4 bytes. The first says whether the last is the transparent colour.
            0x21 if file.u8()? == 0xf9 => {
                if let [4, flags, _, _, index, ..] = file.bytes[file.at..] {
                    transparent = (flags & 1 == 1).then_some(index);
                }
                file.skip_blocks()?;
            }
            0x21 => file.skip_blocks()?,
            0x2c => break,
            0x3b => return Err(Format::Gif.corrupt("no frame")),
            // Some writers pad between blocks, and some leave an extra byte.
            _ => {}
        }
    }
    let at = (file.u16()?, file.u16()?);
    let size = (file.u16()?, file.u16()?);
    let flags = file.u8()?;
    let palette = file.palette(flags)?.or(global);
    budget.take(Format::Gif, size.0, size.1)?;
    // A frame that extends beyond the canvas enlarges it, as in Pillow and in browsers.
    let canvas = (canvas.0.max(at.0 + size.0), canvas.1.max(at.1 + size.1));
    budget.take(Format::Gif, canvas.0, canvas.1)?;
    Ok(Frame {
        canvas,
        at,
        size,
        interlaced: flags & 0x40 != 0,
        transparent,
        palette,
        data: &bytes[file.at..],
    })
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let taken = self.bytes.get(self.at..self.at + count).ok_or_else(|| Format::Gif.truncated())?;
        self.at += count;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Error> {
        self.take(1).map(|taken| taken[0])
    }

    fn u16(&mut self) -> Result<u32, Error> {
        self.take(2).map(|taken| u32::from(taken[0]) | u32::from(taken[1]) << 8)
    }

    /// Reads the palette if the flags of a screen or a frame announce one.
    fn palette(&mut self, flags: u8) -> Result<Option<&'a [u8]>, Error> {
        if flags & 0x80 == 0 { Ok(None) } else { self.take(3 << ((flags & 7) + 1)).map(Some) }
    }

    fn skip_blocks(&mut self) -> Result<(), Error> {
        loop {
            match self.u8()? {
                0 => return Ok(()),
                length => self.take(length.into())?,
            };
        }
    }
}

/// The palette indices of the frame, row by row from the top.
fn read_indices(frame: &Frame<'_>) -> Result<Vec<u8>, Error> {
    // Build a file that holds only this frame, on a canvas of its size. Extensions, other frames and trailing
    // data then cannot cause errors. The data is complete when all pixels are decoded, even if the last block
    // is missing.
    let [width, height] = [frame.size.0, frame.size.1].map(|side| [side as u8, (side >> 8) as u8]);
    let interlaced = if frame.interlaced { 0x40 } else { 0 };
    let mut header = b"GIF89a".to_vec();
    header.extend([width[0], width[1], height[0], height[1], 0x80, 0, 0]);
    header.extend([0; 6]);
    header.extend([0x2c, 0, 0, 0, 0, width[0], width[1], height[0], height[1], interlaced]);

    let mut options = DecodeOptions::new();
    options.set_memory_limit(MemoryLimit::Unlimited);
    let mut decoder = options.read_info(Splice::new(vec![&header, frame.data])).map_err(refuse)?;
    decoder.next_frame_info().map_err(refuse)?;
    let mut indices = vec![0; frame.pixels()];
    decoder.read_into_buffer(&mut indices).map_err(refuse)?;
    Ok(indices)
}

fn refuse(error: DecodingError) -> Error {
    match error {
        DecodingError::UnexpectedEof => Format::Gif.truncated(),
        DecodingError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Format::Gif.truncated(),
        // Only pixels can be missing from a frame of valid codes. The decoder has no error type for this, so
        // check the message.
        error if error.to_string().contains("truncated") => Format::Gif.truncated(),
        error => Format::Gif.corrupt(error),
    }
}

/// Draws the frame on the canvas. If the frame has a transparent colour, the area outside the frame is
/// transparent, hence white. Otherwise this area has the first colour of the palette, as in Pillow.
fn compose(frame: &Frame<'_>, indices: &[u8]) -> Result<RgbImage, Error> {
    let mut colors: [[u8; 3]; 256] = [[0; 3]; 256];
    match frame.palette {
        Some(palette) => {
            for (color, triple) in colors.iter_mut().zip(palette.chunks_exact(3)) {
                color.copy_from_slice(triple);
            }
        }
        None => (0..=255).for_each(|grey: u8| colors[usize::from(grey)] = [grey; 3]),
    }
    if let Some(index) = frame.transparent {
        colors[usize::from(index)] = [255; 3];
    }
    let outside = if frame.transparent.is_some() { [255; 3] } else { colors[0] };

    let (width, height) = (frame.canvas.0 as usize, frame.canvas.1 as usize);
    let mut pixels = vec![0; width * height * 3];
    if frame.size != frame.canvas && outside != [0; 3] {
        pixels.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&outside));
    }
    let (left, top) = (frame.at.0 as usize, frame.at.1 as usize);
    let frame_width = frame.size.0 as usize;
    let canvas_rows = pixels.chunks_exact_mut(width * 3).skip(top);
    for (row, indices) in canvas_rows.zip(indices.chunks_exact(frame_width)) {
        let row = &mut row[left * 3..(left + frame_width) * 3];
        for (pixel, &index) in row.chunks_exact_mut(3).zip(indices) {
            pixel.copy_from_slice(&colors[usize::from(index)]);
        }
    }
    Format::Gif.picture(frame.canvas.0, frame.canvas.1, pixels)
}
