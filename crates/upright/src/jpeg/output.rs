//! Receives the coefficients of the scans, for an image at full size or for a smaller copy.

use super::bits::Stop;
use super::coefficients::Block;
use super::full::Full;
use super::reduced::Reduced;

/// The image that is being decoded.
pub(super) enum Output {
    Full(Full),
    Reduced(Reduced),
}

impl Output {
    /// Whether some coefficients are not needed.
    pub(super) fn is_reduced(&self) -> bool {
        matches!(self, Self::Reduced(_))
    }

    /// Records the quantization table of a component when a scan begins. Only the first table is used.
    pub(super) fn begin(&mut self, position: usize, table: Option<&[u16; 64]>) {
        match self {
            Self::Full(full) => full.begin(position, table),
            Self::Reduced(reduced) => reduced.begin(position, table),
        }
    }

    /// Calls `walk` to read the block with this index of a component.
    #[inline(always)]
    pub(super) fn block(
        &mut self,
        position: usize,
        index: usize,
        walk: impl FnOnce(Option<Block<'_>>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        match self {
            Self::Full(full) => full.block(position, index, walk),
            Self::Reduced(reduced) => walk(reduced.block(position, index)),
        }
    }
}
