//! Where the coefficients of the scans go: to a picture at full size, or to a smaller copy.

use super::bits::Stop;
use super::coefficients::Block;
use super::full::Full;
use super::reduced::Reduced;

/// The picture that is being made.
pub(super) enum Output {
    Full(Full),
    Reduced(Reduced),
}

impl Output {
    /// Whether some coefficients are not wanted.
    pub(super) fn is_reduced(&self) -> bool {
        matches!(self, Self::Reduced(_))
    }

    /// Notes the quantization table of a component whose scan begins. The first one counts.
    pub(super) fn begin(&mut self, position: usize, table: Option<&[u16; 64]>) {
        match self {
            Self::Full(full) => full.begin(position, table),
            Self::Reduced(reduced) => reduced.begin(position, table),
        }
    }

    /// Lets `walk` read the block with this index of a component.
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
