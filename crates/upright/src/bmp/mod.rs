//! BMP: Windows and OS/2 bitmaps.
//!
//! This module parses the many kinds of header and rewrites them in one form. It also expands run-length
//! codes. The `image` crate then sees only complete rows of uncompressed pixels.
//!
//! A bitmap whose alpha channel is 0 everywhere is treated as opaque, unlike a PNG or a WebP. Those formats
//! define alpha, and their encoders write 0 only for pixels that must not be visible.

mod header;
mod rle;

use ::image::codecs::bmp::BmpDecoder;
use ::image::{ColorType, ImageDecoder, RgbImage};

use self::header::{Coding, Header};
use super::splice::Splice;
use super::{Budget, Format, flatten};
use crate::error::Error;

pub(super) fn decode(bytes: &[u8], budget: &mut Budget) -> Result<RgbImage, Error> {
    let mut header = Header::read(bytes, budget)?;
    let expanded;
    if let Coding::Runs = header.coding {
        expanded = rle::expand(&header)?;
        header.data = &expanded;
        (header.coding, header.bits) = (Coding::Rows, 8);
    }
    // Only the padding of the last row may be missing.
    let missing = header.data_bytes().saturating_sub(header.data.len());
    let padding = header.row_bytes() - header.pixel_bytes();
    if missing > padding {
        return Err(Format::Bmp.truncated());
    }
    let head = header.canonical();
    let parts = vec![&head[..], header.data, &[0; 3][..missing]];
    let decoder = BmpDecoder::new(Splice::new(parts)).map_err(|error| Format::Bmp.corrupt(error))?;
    let alpha = decoder.color_type() == ColorType::Rgba8;
    let bytes_per_pixel = if alpha { 4 } else { 3 };
    let mut pixels = vec![0; header.width as usize * header.height as usize * bytes_per_pixel];
    if decoder.total_bytes() != pixels.len() as u64 {
        return Err(Error::internal("two readers of one BMP header disagree"));
    }
    decoder.read_image(&mut pixels).map_err(|error| Format::Bmp.corrupt(error))?;
    if alpha {
        // Screenshots and clipboard images often have alpha 0 in every pixel and are meant to be opaque.
        // Windows and browsers show them as opaque, and a fully transparent bitmap would show nothing.
        if pixels.iter().skip(3).step_by(4).all(|&alpha| alpha == 0) {
            flatten::rgbx_in_place(&mut pixels);
        } else {
            flatten::rgba_in_place(&mut pixels);
        }
    }
    Format::Bmp.picture(header.width, header.height, pixels)
}
