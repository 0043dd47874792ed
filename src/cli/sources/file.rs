//! Reads pictures from files.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// Number of bytes that are sufficient to detect a picture of any format.
const HEAD: u64 = 256;

/// Reads a file of at most `limit` bytes. Returns `None` if the file is not certain to be a picture and does
/// not begin like one.
///
/// # Errors
///
/// The error of the operating system, or [`io::ErrorKind::FileTooLarge`].
pub(in crate::cli) fn read(path: &Path, is_certain: bool, limit: usize) -> io::Result<Option<Vec<u8>>> {
    // Check the type before opening: opening a pipe blocks until it has a writer.
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let size = usize::try_from(found.len()).unwrap_or(usize::MAX);
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    if !is_certain {
        bytes = head(&file)?;
        if !upright::is_image(&bytes) {
            return Ok(None);
        }
    }
    if size > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // Read one more byte to detect a file that has grown.
    bytes.reserve_exact((size + 1).saturating_sub(bytes.len()));
    let most = u64::try_from(limit - bytes.len().min(limit)).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes)?;
    if bytes.len() > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(Some(bytes)) }
}

/// The first bytes of a file, from its current position.
pub(super) fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(HEAD).read_to_end(&mut bytes)?;
    Ok(bytes)
}
