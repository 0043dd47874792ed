//! The supported image formats and their names.

use std::fmt;

/// A supported image format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG: baseline, extended and progressive, 8 bits, Huffman-coded.
    Jpeg,
    /// PNG and APNG.
    Png,
    /// WebP: lossy, lossless, animated.
    WebP,
    /// GIF 87a and 89a.
    Gif,
    /// Windows and OS/2 bitmaps.
    Bmp,
    /// TIFF and BigTIFF: the first page.
    #[cfg(feature = "tiff")]
    Tiff,
    /// AVIF: the primary item.
    #[cfg(feature = "avif")]
    Avif,
}

impl Format {
    /// All supported formats.
    pub const ALL: &[Self] = &[
        Self::Jpeg,
        Self::Png,
        Self::WebP,
        Self::Gif,
        Self::Bmp,
        #[cfg(feature = "tiff")]
        Self::Tiff,
        #[cfg(feature = "avif")]
        Self::Avif,
    ];

    /// The name in the JSON of responses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            #[cfg(feature = "tiff")]
            Self::Tiff => "tiff",
            #[cfg(feature = "avif")]
            Self::Avif => "avif",
        }
    }

    /// The media type that IANA lists.
    pub fn media_type(self) -> String {
        format!("image/{}", self.name())
    }

    /// The name in messages to users.
    pub fn label(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            #[cfg(feature = "tiff")]
            Self::Tiff => "TIFF",
            #[cfg(feature = "avif")]
            Self::Avif => "AVIF",
        }
    }
}

/// Displays the labels of all supported formats as a list: `JPEG, PNG or GIF`.
#[derive(Clone, Copy, Debug)]
pub struct Accepted;

impl fmt::Display for Accepted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = Format::ALL.iter().map(|format| format.label()).collect();
        match &labels[..] {
            [others @ .., last] => write!(formatter, "{} or {last}", others.join(", ")),
            [] => Ok(()),
        }
    }
}
