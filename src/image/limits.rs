//! How large a picture may be, decided from its header.

use super::Format;
use crate::error::Error;

/// What one image may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Width × height, in pixels, at most.
    pub max_pixels: u64,
}

/// Bytes that a decoder may hold beside the file, where it needs more than the picture itself.
///
/// 50 million pixels of a progressive JPEG with three full-size components take 450 MB: 6 bytes of coefficients
/// and 3 of RGB for each. With model and runtime (about 90 MB) that stays under 600 MB; what would take more
/// is refused.
const MAX_BYTES: u64 = 460_000_000;

impl Limits {
    /// Refuses a picture of no pixels, or of more than are allowed.
    pub(super) fn check(self, format: Format, width: u32, height: u32) -> Result<(), Error> {
        let (width, height) = (u64::from(width), u64::from(height));
        if width == 0 || height == 0 {
            return Err(format.corrupt(format!("{width} x {height} pixels")));
        }
        if width * height > self.max_pixels {
            return Err(Error::ImageTooLarge { width, height, max: self.max_pixels, of_kind: "" });
        }
        Ok(())
    }
}

/// Refuses a picture of a kind whose decoder would need `bytes` of memory, if that is too much. `of_kind`
/// names the kind: ` for a …`.
pub(super) fn check_memory(width: u32, height: u32, bytes: u64, of_kind: &'static str) -> Result<(), Error> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let (width, height) = (u64::from(width), u64::from(height));
    // Whole millions: a limit that is told to people should not look like a measurement.
    let max = (width * height * (MAX_BYTES / 1000) / (bytes / 1000)) / 1_000_000 * 1_000_000;
    Err(Error::ImageTooLarge { width, height, max, of_kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_accepted_and_one_pixel_more_is_not() {
        let limits = Limits { max_pixels: 6 };
        assert!(limits.check(Format::Png, 2, 3).is_ok());
        assert_eq!(limits.check(Format::Png, 7, 1).unwrap_err().code(), "image_too_large");
        assert_eq!(limits.check(Format::Png, 0, 1).unwrap_err().code(), "undecodable_image");
        assert_eq!(limits.check(Format::Png, u32::MAX, u32::MAX).unwrap_err().code(), "image_too_large");
    }

    #[test]
    fn a_kind_that_needs_too_much_memory_is_told_its_own_lower_limit() {
        assert!(check_memory(8000, 6000, 460_000_000, " for a test").is_ok());
        let error = check_memory(8000, 6000, 48_000_000 * 11, " for a test").unwrap_err();
        assert!(error.to_string().contains("at most 41000000 pixels are accepted for a test"), "{error}");
    }
}
