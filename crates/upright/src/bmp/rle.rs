//! RLE8 and RLE4: runs of palette indices.

use super::super::Format;
use super::Header;
use crate::error::Error;

/// Expands the codes to the palette indices of all pixels, one byte each, in rows padded to a multiple of
/// four bytes.
///
/// Pixels that a delta or an end-of-row code skips get index 0, as in Pillow.
///
/// # Errors
///
/// [`Error::TruncatedImage`] if the bitmap or the file ends before the last pixel.
pub(super) fn expand(header: &Header<'_>) -> Result<Vec<u8>, Error> {
    let indices = Runs { data: header.data, half: header.bits == 4, width: header.width as usize };
    let (pixels, row_bytes) = (header.width as usize, (header.width as usize).next_multiple_of(4));
    let indices = indices.read(pixels * header.height as usize).ok_or_else(|| Format::Bmp.truncated())?;
    if pixels == row_bytes {
        return Ok(indices);
    }
    let mut rows = vec![0; row_bytes * header.height as usize];
    for (row, indices) in rows.chunks_exact_mut(row_bytes).zip(indices.chunks_exact(pixels)) {
        row[..pixels].copy_from_slice(indices);
    }
    Ok(rows)
}

struct Runs<'a> {
    data: &'a [u8],
    /// RLE4: each byte holds two indices.
    half: bool,
    width: usize,
}

impl Runs<'_> {
    /// Reads all `count` indices, row after row; `None` if there are fewer.
    fn read(mut self, count: usize) -> Option<Vec<u8>> {
        let mut indices = Vec::new();
        // Column of the next pixel. Some encoders write runs beyond the end of a row; these runs are cut
        // there.
        let mut x = 0;
        while indices.len() < count {
            match self.take(2)? {
                [0, 0] => {
                    // At the start of a row, this code skips the whole row.
                    let end = if x == 0 {
                        indices.len() + self.width
                    } else {
                        indices.len().next_multiple_of(self.width)
                    };
                    indices.resize(end, 0);
                    x = 0;
                }
                [0, 1] => return None,
                [0, 2] => {
                    let &[right, up] = self.take(2)? else { return None };
                    let skipped = usize::from(right) + usize::from(up) * self.width;
                    indices.resize(indices.len() + skipped.min(count - indices.len()), 0);
                    x += usize::from(right);
                }
                &[0, length] => {
                    let length = usize::from(length);
                    let bytes = self.take(if self.half { length.div_ceil(2) } else { length })?;
                    // Padded to an even number of bytes; the last padding byte may be missing.
                    self.data = self.data.get(bytes.len() % 2..).unwrap_or_default();
                    if self.half {
                        indices.extend(bytes.iter().flat_map(|&two| [two >> 4, two & 15]).take(length));
                    } else {
                        indices.extend_from_slice(bytes);
                    }
                    x += length;
                }
                &[length, index] => {
                    let length = usize::from(length).min(self.width.saturating_sub(x));
                    let pair = if self.half { [index >> 4, index & 15] } else { [index; 2] };
                    indices.extend(pair.into_iter().cycle().take(length));
                    x += length;
                }
                _ => return None,
            }
        }
        indices.truncate(count);
        Some(indices)
    }
}

impl<'a> Runs<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.data.split_at_checked(count)?;
        self.data = rest;
        Some(taken)
    }
}
