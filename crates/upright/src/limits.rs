//! How large a picture may be, decided from its header.

use super::Format;
use crate::error::Error;

/// What one image may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Width × height, in pixels, at most.
    pub max_pixels: u64,
}

/// Bytes that a decoder may hold beside the file, picture included.
///
/// A process may take 600 MB. The model and ONNX Runtime take about 90 MB, the body of a request and the file in it some
/// tens. The rest is enough for 64 million pixels of almost every kind of file, of 3 bytes each, twice while they are
/// turned upright, and for a progressive JPEG of 62 million pixels: 7.4 bytes each, of which 6 are coefficients, 1 is a
/// sample, and the rest tells which coefficients are not zero.
const MAX_BYTES: u64 = 460_000_000;

/// The pixels of the large images of one request together, in pictures of the largest size that is accepted: ten
/// megabytes of the largest bombs that are no bombs yet would otherwise keep a processor busy for half a minute.
const PICTURES: u64 = 2;

/// An image of this part of the largest size, or smaller, is not large: photos from phones have a quarter of it.
const PART: u64 = 4;

/// What is left of the pixels that the large images of one request may have together.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    left: u64,
    /// Of these, what the image that is being read has taken.
    taken: u64,
}

impl Limits {
    /// The budget of one request: twice [`Limits::max_pixels`] for all images of more than a quarter of that. It is
    /// spent by what the header says, so that an image that turns out broken has been paid for, too.
    pub fn budget(self) -> Budget {
        Budget { limits: self, left: self.max_pixels.saturating_mul(PICTURES), taken: 0 }
    }
}

impl Budget {
    /// The next image begins.
    pub(super) fn next_image(&mut self) {
        self.taken = 0;
    }

    /// Takes the pixels of a picture, or of a part of the one that is being read. Refuses a picture of no pixels, or
    /// of more than are allowed.
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
        let mut budget = Limits { max_pixels: 6 }.budget();
        assert!(budget.take(Format::Png, 2, 3).is_ok());
        assert_eq!(budget.take(Format::Png, 7, 1).unwrap_err().code(), "image_too_large");
        assert_eq!(budget.take(Format::Png, 0, 1).unwrap_err().code(), "undecodable_image");
        assert_eq!(budget.take(Format::Png, u32::MAX, u32::MAX).unwrap_err().code(), "image_too_large");
    }

    #[test]
    fn the_large_images_of_a_request_share_two_of_the_largest_pictures() {
        let mut budget = Limits { max_pixels: 12 }.budget();
        // A canvas and a frame of one image count once.
        assert!(budget.take(Format::Gif, 2, 4).is_ok());
        assert!(budget.take(Format::Gif, 3, 4).is_ok());
        budget.next_image();
        assert!(budget.take(Format::Png, 7, 1).is_ok());
        budget.next_image();
        let error = budget.take(Format::Png, 6, 1).unwrap_err();
        assert!(error.to_string().contains("at most 5 pixels are accepted after the other large"), "{error}");
        // What was refused costs nothing.
        budget.next_image();
        assert!(budget.take(Format::Png, 5, 1).is_ok());
        // A quarter of the limit is never refused.
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
