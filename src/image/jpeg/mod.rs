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
//!
//! Two decoders make the pixels (`pixels`): a fast one for what encoders usually write, and a thorough one for
//! the rest.

mod bits;
mod blocks;
mod file;
mod frame;
mod huffman;
mod markers;
mod pixels;
mod scan;

use ::image::RgbImage;

use self::file::File;
use super::orient::Orientation;
use super::{Budget, Format};
use crate::error::Error;

pub(super) fn decode(bytes: &[u8], budget: &mut Budget) -> Result<(RgbImage, Orientation), Error> {
    let file = File::read(bytes, budget)?;
    let pixels = pixels::decode(&file)?;
    let picture = Format::Jpeg.picture(file.frame.width, file.frame.height, pixels)?;
    Ok((picture, file.found.metadata.orientation()))
}
