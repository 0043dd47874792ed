//! JPEG decoder: markers, scans, pixels.
//!
//! libjpeg does not fail on a truncated file. It fills the rest with grey, and the model would give the grey
//! a confident wrong label. This decoder requires every block: even one missing byte at the end is an error,
//! but a missing EOI is not. One truncated file is accepted: a progressive file that was cut exactly between
//! two scans and then closed with an EOI. It cannot be told from a file that was written that way.
//!
//! The scan decoder (`file`, `scan`, `blocks`) also limits the work: dimensions, memory, the number of scans,
//! and the blocks that they visit. It passes the coefficients to an `output`. At full size (`full`), the
//! samples are upsampled (`upsample`) and converted (`color`) with the same result as libjpeg-turbo, bit for
//! bit. If a much smaller image is enough, only the few coefficients for a half, a quarter or an eighth of
//! the size are kept (`reduced`, `idct`).
//!
//! There is one difference from libjpeg: it smooths the blocks of a progressive file whose scans do not
//! contain all coefficients. Such images are rare, and their labels do not depend on the smoothing.

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
