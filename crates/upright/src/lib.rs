//! Decodes image files into upright 8-bit RGB pixels, with transparency composited on white.
//!
//! [`decode`] reads one file; [`decode_within`] reads one of several that share a budget, and may decode a large JPEG as
//! a smaller copy. Both are pure: bytes in, a value out. The reference for every pixel is what Pillow makes of a file with
//! `ImageOps.exif_transpose(Image.open(f)).convert("RGB")`, except that transparency is composited on white and 16-bit
//! grey is scaled to 8 bits, not clipped.
//!
//! ```
//! use upright::{Error, Limits, decode};
//!
//! let limits = Limits { max_pixels: 64_000_000 };
//! let error = decode(b"\x89PNG\r\n\x1a\n", limits).unwrap_err();
//! assert!(matches!(error, Error::TruncatedImage { format: "PNG" }), "{error}");
//! ```
//!
//! # Layout
//!
//! | module | responsibility |
//! |---|---|
//! | `format` | the supported formats and their names |
//! | `sniff` | detects the format from magic bytes; names unsupported formats for error messages |
//! | `limits` | checks width × height from the header before anything is allocated |
//! | `splice` | presents selected pieces of a file to a decoder as one file |
//! | `jpeg` | the JPEG decoder; fails if a block is missing |
//! | `png`, `webp`, `gif`, `bmp`, `tiff`, `avif` | one format each |
//! | `metadata`, `exif`, `tags` | read the orientation from EXIF or XMP |
//! | `orient` | turns the image upright |
//! | `raster` | the pixels, at full or reduced size |
//! | `flatten` | composites alpha on white |
//!
//! Each format has a small parser. It reads the dimensions and checks them against the limits before anything
//! is allocated, reads the orientation, and finds the pixel data. JPEG and TIFF are decoded in the same pass.
//! PNG, WebP, GIF, BMP and AVIF use decoders from other crates. These decoders receive only the parts of the
//! file that they need, so an ICC profile, a text chunk or a broken EXIF block is never copied, parsed or
//! inflated.

#[cfg(feature = "avif")]
mod avif;
mod bmp;
mod error;
mod exif;
mod flatten;
mod format;
mod gif;
mod jpeg;
mod limits;
mod metadata;
mod orient;
mod png;
mod raster;
mod sniff;
mod splice;
#[cfg_attr(not(feature = "tiff"), expect(dead_code, reason = "EXIF needs a part of what TIFF needs"))]
mod tags;
#[cfg(feature = "tiff")]
mod tiff;
mod webp;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::image::RgbImage;
use sha2::{Digest, Sha256};

pub use self::error::{Cause, Error};
pub use self::format::{Accepted, Format};
pub use self::limits::{Budget, Limits};
use self::orient::Orientation;
pub use self::raster::Raster;
pub use self::sniff::is_image;

/// A decoded picture.
pub struct Picture {
    /// The format, detected from the magic bytes.
    pub format: Format,
    /// The pixels: upright (EXIF orientation is applied), 8 bits per channel, transparency composited on
    /// white.
    pub raster: Raster,
}

impl fmt::Debug for Picture {
    /// Omits the pixels, which are useless in a log.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = self.raster.size();
        write!(formatter, "Picture({} {width} x {height})", self.format.label())
    }
}

/// Maps the width and height of an upright image to the size that it will be scaled to, all in pixels.
pub type Target<'a> = &'a dyn Fn(u32, u32) -> (u32, u32);

/// Decodes one image file. For an animation, decodes the first frame, composed on the canvas.
///
/// The dimensions in the header are checked against [`Limits`] before anything is allocated. For images of up
/// to 64 million pixels, decoding holds at most 460 MB. This includes the decoded picture, but not `bytes`
/// and one copy of them. Kinds of image that need more memory per pixel have a lower limit:
///
/// | kind | bytes per pixel | largest image |
/// |---|---|---|
/// | progressive JPEG, three full-size components | 7.4 | 62 million pixels |
/// | progressive JPEG, CMYK | 9.5 | 48 million pixels |
/// | lossy WebP with transparency | 10.5 | 43 million pixels |
/// | PNG, TIFF | 3, plus some rows of up to 12 | 2 million pixels per row |
/// | TIFF with channels stored separately | 3, plus 1 per channel | 51 million pixels for 6 channels |
/// | TIFF with a single JPEG | 13 | 35 million pixels |
/// | AVIF of 10 or 12 bits, 4:4:4 | 9.75 | 47 million pixels |
/// | the same with film grain or super-resolution | 15.75 | 29 million pixels |
///
/// # Errors
///
/// - [`Error::Empty`]: `bytes` is empty.
/// - [`Error::UnsupportedFormat`]: the format is not in [`Format::ALL`], or is an unsupported variant such as
///   an arithmetic-coded JPEG.
/// - [`Error::ImageTooLarge`]: the image has more pixels than `limits.max_pixels` or than the table above
///   allows.
/// - [`Error::TruncatedImage`]: the file ends before its pixels do.
/// - [`Error::UndecodableImage`]: the content is corrupt, or the decoder panicked.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<Picture, Error> {
    decode_within(bytes, &mut limits.budget(), &|width, height| (width, height))
}

/// Decodes one of several images that share a pixel budget. `target` gives the size that the caller needs. A
/// JPEG that is several times larger is decoded as a smaller copy, in a fraction of the time and memory.
///
/// # Errors
///
/// Those of [`decode`], and [`Error::ImageTooLarge`] if the earlier images left too few pixels in the budget.
pub fn decode_within(bytes: &[u8], budget: &mut Budget, target: Target<'_>) -> Result<Picture, Error> {
    budget.next_image();
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    let (format, bytes) = sniff::sniff(bytes)?;
    let raster = guarded(format, bytes, || {
        let whole = |(rgb, orientation)| (Raster::from(rgb), orientation);
        let (raster, orientation) = match format {
            Format::Jpeg => jpeg::decode(bytes, budget, target)?,
            Format::Png => whole(png::decode(bytes, budget)?),
            Format::WebP => whole(webp::decode(bytes, budget)?),
            Format::Gif => whole((gif::decode(bytes, budget)?, Orientation::NoTransforms)),
            Format::Bmp => whole((bmp::decode(bytes, budget)?, Orientation::NoTransforms)),
            #[cfg(feature = "tiff")]
            Format::Tiff => whole(tiff::decode(bytes, budget)?),
            #[cfg(feature = "avif")]
            Format::Avif => whole(avif::decode(bytes, budget)?),
        };
        Ok(raster.upright(orientation))
    })?;
    Ok(Picture { format, raster })
}

/// Runs a decoder. A panic in it becomes an error for this file instead of ending the process.
fn guarded<T>(format: Format, bytes: &[u8], run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // Unwind safe: apart from the pixel budget, which is valid after every update, `run` writes only to
    // values that it owns.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let panic = panic_message(&*payload);
        let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        tracing::error!(
            format = format.name(),
            bytes = bytes.len(),
            sha256,
            panic,
            "an image decoder panicked"
        );
        Err(format.corrupt(format!("the decoder panicked: {panic}")))
    })
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(message) = payload.downcast_ref::<&str>() {
        message
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message
    } else {
        "no message"
    }
}

impl Format {
    /// The error for a file of this format with corrupt content.
    fn corrupt(self, cause: impl Into<Cause>) -> Error {
        Error::UndecodableImage { format: self.label(), cause: cause.into() }
    }

    /// The error for a file of this format that ends before its pixels do.
    fn truncated(self) -> Error {
        Error::TruncatedImage { format: self.label() }
    }

    /// Builds a picture from `pixels`, which holds `width × height × 3` bytes.
    fn picture(self, width: u32, height: u32, pixels: Vec<u8>) -> Result<RgbImage, Error> {
        RgbImage::from_raw(width, height, pixels)
            .ok_or_else(|| Error::internal("fewer pixels than the header says"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_decoder_is_an_undecodable_image_with_its_message_as_the_private_cause() {
        for run in [|| panic!("a message"), || panic!("{} message", "a")] as [fn() -> Result<(), Error>; 2] {
            let error = guarded(Format::Jpeg, b"bytes", run).unwrap_err();
            assert_eq!(error.code(), "undecodable_image");
            assert!(!error.to_string().contains("a message"));
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("a message"), "{cause}");
        }
    }

    #[test]
    fn no_bytes_are_an_empty_body() {
        assert_eq!(decode(b"", Limits { max_pixels: 1 }).unwrap_err().code(), "empty");
    }
}
