//! The formats that are decoded, and what they are called.

use std::fmt;

/// The formats that are decoded.
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
    /// Every format that is decoded.
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

    /// As the answer's JSON names it.
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

    /// The media type that IANA lists for it.
    pub fn media_type(self) -> String {
        format!("image/{}", self.name())
    }

    /// As a message to people names it.
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

/// The labels of all formats that are decoded, as a message lists them: `JPEG, PNG or GIF`.
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
