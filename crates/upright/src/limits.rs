//! Limits on the size of an image, checked against its header.

use super::Format;
use crate::error::Error;

/// The limits for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum width × height, in pixels.
    pub max_pixels: u64,
}

/// Maximum number of bytes that a decoder may hold, including the picture but not the file.
///
/// A process may use 600 MB. The model and ONNX Runtime take about 90 MB; the body of a request and the file
/// in it take some tens of MB. The rest is enough for 64 million pixels of almost every kind of file: 3 bytes
/// per pixel, doubled while the image is turned upright. It is also enough for a progressive JPEG of 62
/// million pixels at 7.4 bytes each: 6 for coefficients, 1 for a sample, and the rest for the bits that mark
/// nonzero coefficients.
const MAX_BYTES: u64 = 460_000_000;

/// Pixel budget for the large images of one request, in multiples of the largest accepted image. Without this
/// budget, a 10 MB request full of maximum-size images would take 30 s of CPU time.
const PICTURES: u64 = 2;

/// An image of up to 1/4 of the maximum size does not count as large. Phone photos are about this size.
const PART: u64 = 4;

/// The remaining pixel budget for the large images of one request.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    left: u64,
    /// Pixels that the current image has already taken.
    taken: u64,
}

impl Limits {
    /// The budget of one request: twice [`Limits::max_pixels`] in total, for all images of more than a
    /// quarter of `max_pixels`. The size in the header is charged, so an image that turns out to be broken
    /// counts as well.
    pub fn budget(self) -> Budget {
        Budget { limits: self, left: self.max_pixels.saturating_mul(PICTURES), taken: 0 }
    }
}

impl Budget {
    /// Starts the next image.
    pub(super) fn next_image(&mut self) {
        self.taken = 0;
    }

    /// Takes the pixels of an image, or of a part of the current image, from the budget. Fails if the image
    /// has no pixels or exceeds the limit or the budget.
    pub(super) fn take(&mut self, format: Format, width: u32, height: u32) -> Result<(), Error> {
        let (width, height) = (u64::from(width), u64::from(height));
        if width == 0 || height == 0 {
            return Err(format.corrupt(format!("{width} x {height} pixels")));
        }
        let (pixels, max) = (width * height, self.limits.max_pixels);
        if pixels > max {
            return Err(Error::ImageTooLarge { width, height, max, of_kind: "" });
        }
        let small = max / PART;
        let more = if pixels > small { pixels.saturating_sub(self.taken) } else { 0 };
        if more > self.left {
            let max = small.max(self.left + self.taken);
            let of_kind = " after the other large images of this request";
            return Err(Error::ImageTooLarge { width, height, max, of_kind });
        }
        self.left -= more;
        self.taken += more;
        Ok(())
    }
}

/// Fails if `bytes`, the memory that the decoder would need for an image of this kind, is too much. `of_kind`
/// names the kind in the error message: ` for a …`.
pub(super) fn check_memory(width: u32, height: u32, bytes: u64, of_kind: &'static str) -> Result<(), Error> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let (width, height) = (u64::from(width), u64::from(height));
    // Round down to whole millions, so that the limit in the message does not look like a measurement.
    let max = (width * height * (MAX_BYTES / 1000) / (bytes / 1000)) / 1_000_000 * 1_000_000;
    Err(Error::ImageTooLarge { width, height, max, of_kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_accepted_and_one_pixel_more_is_not() {
        let mut budget = Limits { max_pixels: 6 }.budget();
        assert!(budget.take(Format::Png, 2, 3).is_ok());
        assert_eq!(budget.take(Format::Png, 7, 1).unwrap_err().code(), "image_too_large");
        assert_eq!(budget.take(Format::Png, 0, 1).unwrap_err().code(), "undecodable_image");
        assert_eq!(budget.take(Format::Png, u32::MAX, u32::MAX).unwrap_err().code(), "image_too_large");
    }

    #[test]
    fn the_large_images_of_a_request_share_two_of_the_largest_pictures() {
        let mut budget = Limits { max_pixels: 12 }.budget();
        // The canvas and the frame of one image count once.
        assert!(budget.take(Format::Gif, 2, 4).is_ok());
        assert!(budget.take(Format::Gif, 3, 4).is_ok());
        budget.next_image();
        assert!(budget.take(Format::Png, 7, 1).is_ok());
        budget.next_image();
        let error = budget.take(Format::Png, 6, 1).unwrap_err();
        assert!(error.to_string().contains("at most 5 pixels are accepted after the other large"), "{error}");
        // A refused image costs nothing.
        budget.next_image();
        assert!(budget.take(Format::Png, 5, 1).is_ok());
        // An image of a quarter of the limit is never refused.
        for _ in 0..9 {
            budget.next_image();
            assert!(budget.take(Format::Png, 3, 1).is_ok());
        }
        assert!(budget.take(Format::Png, 4, 1).is_err());
    }

    #[test]
    fn a_kind_that_needs_too_much_memory_is_told_its_own_lower_limit() {
        assert!(check_memory(8000, 6000, 460_000_000, " for a test").is_ok());
        let error = check_memory(8000, 6000, 48_000_000 * 11, " for a test").unwrap_err();
        assert!(error.to_string().contains("at most 41000000 pixels are accepted for a test"), "{error}");
    }
}
