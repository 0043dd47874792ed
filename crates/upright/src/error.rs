//! Why a file was refused.

use crate::{Accepted, sniff};

/// What lies behind an error: for a log, not for the person who sent the file.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a file was refused.
///
/// `Display` is written for the person who sent the file: it says what was found, what is accepted and what to do.
/// `source()` is what a decoder said, for a log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file has no bytes.
    #[error("The image is empty. Send the bytes of an image: {Accepted}.")]
    Empty,

    /// The file is not of a format in [`Format::ALL`](crate::Format::ALL), or is a variant that is not decoded.
    #[error("{found} is not accepted. Send {Accepted}.{}", sniff::how_to_convert(found))]
    UnsupportedFormat {
        /// What was detected, with its article: `An HEIC image`, `A PDF document`, …
        found: String,
    },

    /// More pixels than [`Limits::max_pixels`](crate::Limits::max_pixels), or more than the decoder of this kind of file
    /// may take memory for.
    #[error(
        "The image has {width} x {height} pixels; at most {max} pixels are accepted{of_kind}. Scale it down: 1000 pixels on the long side are plenty."
    )]
    ImageTooLarge {
        /// Width from the header, in pixels.
        width: u64,
        /// Height from the header, in pixels.
        height: u64,
        /// The limit that was passed, in pixels.
        max: u64,
        /// Empty, or ` for …` where the limit is that of one kind of file.
        of_kind: &'static str,
    },

    /// The format is right, and the content is broken.
    #[error(
        "The {format} image cannot be decoded: its data are corrupt. Open it in an image viewer and save it again, or send another copy."
    )]
    UndecodableImage {
        /// The label of the format.
        format: &'static str,
        /// What the decoder said.
        #[source]
        cause: Cause,
    },

    /// The file ends before its pixels do.
    #[error(
        "The {format} image is incomplete: the file ends before its pixels do. Was the upload cut off? Send the whole file again."
    )]
    TruncatedImage {
        /// The label of the format.
        format: &'static str,
    },

    /// A fault of this library.
    #[error("The image could not be decoded because of a fault in the decoder.")]
    Internal(#[source] Cause),
}

impl Error {
    /// The name of the variant, as `snake_case`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::UnsupportedFormat { .. } => "unsupported_format",
            Self::ImageTooLarge { .. } => "image_too_large",
            Self::UndecodableImage { .. } => "undecodable_image",
            Self::TruncatedImage { .. } => "truncated_image",
            Self::Internal(_) => "internal",
        }
    }

    /// A fault of this library, with its cause.
    pub(crate) fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }
}
