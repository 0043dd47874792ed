//! JPEG: markers, scans, pixels.
//!
//! libjpeg does not fail on a file that was cut: it fills in grey, and grey gets a confident wrong label. Here every
//! block must be there: a missing last byte is found, and a missing EOI changes nothing. A progressive file that was cut
//! exactly between two scans and closed again with an EOI is accepted: nothing tells it from a file that was written so.
//!
//! The walk over the scans (`file`, `scan`, `blocks`) also bounds the work: dimensions, memory, the number of scans and
//! the blocks that they visit. It gives the coefficients to an `output`: at full size (`full`) their samples, upsampled
//! (`upsample`) and converted (`color`), are those of libjpeg-turbo, bit for bit; where a much smaller picture will do,
//! only the few coefficients of one of a half, a quarter or an eighth of the size are kept (`reduced`, `idct`).
//!
//! One thing differs from libjpeg: it smooths the blocks of a progressive file whose scans do not bring all
//! coefficients. Such pictures are rare, and their labels do not depend on it.

mod bits;
mod blocks;
mod coefficients;
mod color;
mod file;
mod frame;
mod full;
mod huffman;
mod idct;
mod islow;
mod markers;
mod output;
mod quantization;
mod reduced;
mod scan;
mod upsample;

use self::file::File;
use self::output::Output;
use super::orient::Orientation;
use super::{Budget, Format, Raster, Target};
use crate::error::Error;

pub(super) fn decode(
    bytes: &[u8],
    budget: &mut Budget,
    target: Target<'_>,
) -> Result<(Raster, Orientation), Error> {
    let file = File::read(bytes, budget, target)?;
    let orientation = file.found.metadata.orientation();
    let (width, height) = (file.frame.width, file.frame.height);
    let transform = file.color_transform();
    let raster = match file.output {
        Output::Full(full) => {
            Format::Jpeg.picture(width, height, full.pixels(&file.frame, transform)?)?.into()
        }
        Output::Reduced(reduced) => {
            let factor = reduced.factor();
            Raster::reduced(reduced.picture(&file.frame, transform)?, (width, height), factor)
        }
    };
    Ok((raster, orientation))
}
