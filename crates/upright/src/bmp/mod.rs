//! BMP: Windows and OS/2 bitmaps.
//!
//! The many headers are read here and written anew in one form, and run-length codes are expanded here, so that the
//! `image` crate sees nothing but rows of uncompressed pixels of which none is missing.
//!
//! A bitmap with an alpha channel that is 0 everywhere is opaque, unlike a PNG or a WebP: those formats define alpha, and
//! their encoders write 0 only for what must not be seen.

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
    // What is missing may be the padding of the last row, and no more.
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
        // Screenshots and clipboards leave alpha 0 in every pixel, and mean an opaque picture. Windows and browsers show
        // it so; a bitmap that is really transparent everywhere would hold nothing to see.
        if pixels.iter().skip(3).step_by(4).all(|&alpha| alpha == 0) {
            flatten::rgbx_in_place(&mut pixels);
        } else {
            flatten::rgba_in_place(&mut pixels);
        }
    }
    Format::Bmp.picture(header.width, header.height, pixels)
}
