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
//! the rest. Neither is needed where a much smaller picture will do: the walk keeps the few coefficients that one of
//! a half, a quarter or an eighth of the size is made of (`reduced`, `idct`).

mod bits;
mod blocks;
mod file;
mod frame;
mod huffman;
mod idct;
mod markers;
mod pixels;
mod quantization;
mod reduced;
mod scan;

use self::file::File;
use super::orient::Orientation;
use super::{Budget, Format, Raster, Target};
use crate::error::Error;

pub(super) fn decode(
    bytes: &[u8],
    budget: &mut Budget,
    target: Target<'_>,
) -> Result<(Raster, Orientation), Error> {
    let mut file = File::read(bytes, budget, target)?;
    let orientation = file.found.metadata.orientation();
    let (width, height) = (file.frame.width, file.frame.height);
    if let Some(reduced) = file.reduced.take() {
        let factor = reduced.factor();
        let rgb = reduced.picture(&file.frame, file.color_transform())?;
        return Ok((Raster::reduced(rgb, (width, height), factor), orientation));
    }
    let picture = Format::Jpeg.picture(width, height, pixels::decode(&file)?)?;
    Ok((picture.into(), orientation))
}
