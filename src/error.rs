//! The one error of a request, and how each variant is answered.
//!
//! An error has two halves. `Display` is the public one: it is written for the caller, says what was wrong,
//! what was found and what is accepted, and never holds a path, a source chain or a Rust type. `source()` is
//! the private one: it goes to the log, under the same request id.

use std::error::Error as StdError;

use crate::image::{self, Accepted};

/// What lies behind an error: for the log, never for the caller.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why a request, or one of its images, was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 400: nothing was sent, or an image of zero bytes.
    #[error("The {what} is empty. Send the bytes of an image: {Accepted}.")]
    EmptyBody {
        /// What was empty: `request body`, `part "image"`, …
        what: String,
    },

    /// 400: the body was understood, but no image is in it.
    #[error("{0}")]
    MissingImage(String),

    /// 400: text stood where base64 was expected, and it is not base64.
    #[error("{0}")]
    InvalidBase64(String),

    /// 400: the body claims to be JSON and does not parse, or has values of the wrong type.
    #[error("{0}")]
    InvalidJson(String),

    /// 400: the multipart body does not parse.
    #[error("{0}")]
    InvalidMultipart(String),

    /// 400: an option is unknown or not in its range.
    #[error("{0}")]
    InvalidParameter(String),

    /// 400: bytes were lost on the way: U+FFFD stands in their place, or some are left out.
    #[error("{0}")]
    MangledBody(&'static str),

    /// 400: more images in one request than are allowed.
    #[error(
        "The request holds {found} images; at most {max} are accepted in one request. Send the others in another request."
    )]
    TooManyImages {
        /// Images in the request.
        found: usize,
        /// `MAX_IMAGES`.
        max: usize,
    },

    /// 400: the Lambda event cannot be turned into an HTTP request.
    #[error("{0}")]
    InvalidEvent(String),

    /// 401: `API_TOKEN` is set, and the request does not carry it.
    #[error("{0}")]
    Unauthorized(&'static str),

    /// 403: the bucket is not one that may be read.
    #[error("{0}")]
    BucketNotAllowed(String),

    /// 403: this caller may not name objects, or nobody may.
    #[error("{0}")]
    ReferenceNotAllowed(&'static str),

    /// 404: no such route.
    #[error(
        "There is nothing at this path. POST an image to /classify, /predict or /embed; GET /health and /info."
    )]
    NotFound,

    /// 404: no such object, no such version of it, or no such bucket.
    #[error("{0}")]
    ObjectNotFound(&'static str),

    /// 404: the object is there, but in an archive from which it must be restored before it can be read.
    #[error("{0}")]
    ObjectArchived(&'static str),

    /// 405: the route exists, for other methods.
    #[error(
        "This path does not answer {method}. POST or PUT an image to /classify or /predict; GET /health and /info."
    )]
    MethodNotAllowed {
        /// The method that was used.
        method: String,
    },

    /// 408: the client took too long to send the request.
    #[error(
        "The request did not arrive within {seconds} seconds. Send a smaller picture, or try a faster connection."
    )]
    RequestTimeout {
        /// `REQUEST_TIMEOUT_MS`, in seconds.
        seconds: f64,
    },

    /// 409: the object was replaced while it was read.
    #[error("The object was replaced while it was read. Send the request again.")]
    ObjectChanged,

    /// 413: more bytes than `MAX_BODY_BYTES`, after base64 is undone.
    #[error(
        "The body is larger than the {max} bytes that are accepted. Send a smaller picture: 1000 pixels on the long side are plenty."
    )]
    BodyTooLarge {
        /// `MAX_BODY_BYTES`.
        max: usize,
    },

    /// 413: more pixels than `MAX_PIXELS`, or more than the decoder of this kind of file may take memory for.
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

    /// 413: an object of more bytes than `MAX_OBJECT_BYTES`.
    #[error(
        "The object has {size} bytes; at most {max} are accepted. Store a smaller picture: 1000 pixels on the long side are plenty."
    )]
    ObjectTooLarge {
        /// Its size by the storage, in bytes.
        size: u64,
        /// `MAX_OBJECT_BYTES`.
        max: usize,
    },

    /// 415: not one of the formats that are decoded.
    #[error("{found} is not accepted. Send {Accepted}.{}", image::how_to_convert(found))]
    UnsupportedFormat {
        /// What was detected, with its article: `An HEIC image`, `A PDF document`, …
        found: String,
    },

    /// 422: the format is right, the content is broken.
    #[error(
        "The {format} image cannot be decoded: its data are corrupt. Open it in an image viewer and save it again, or send another copy."
    )]
    UndecodableImage {
        /// The format by its magic bytes.
        format: &'static str,
        /// What the decoder said.
        #[source]
        cause: Cause,
    },

    /// 422: the file ends before its pixels do.
    #[error(
        "The {format} image is incomplete: the file ends before its pixels do. Was the upload cut off? Send the whole file again."
    )]
    TruncatedImage {
        /// The format by its magic bytes.
        format: &'static str,
    },

    /// 404: an embedding was asked for, and the model has no output `features`.
    #[error(
        "This model has no embeddings: it has no output \"features\". Have `python -m ic_tools features` add it, or use another model."
    )]
    NoFeatures,

    /// 500: a fault of ours.
    #[error(
        "The request could not be answered because of a fault in this service. Its log names the cause under the same request id."
    )]
    Internal(#[source] Cause),

    /// 502: the storage refuses this service.
    #[error(
        "The storage does not let this service do that. Ask whoever runs the service: its log names the reason under the same request id."
    )]
    StorageDenied(#[source] Cause),

    /// 503: the storage has no time, or cannot be reached.
    #[error("The storage did not answer, or not completely. Try again in a second.")]
    StorageUnavailable(#[source] Cause),

    /// 503: too many requests wait already.
    #[error("The service has more requests than it can answer just now. Try again in a second.")]
    Overloaded,
}

/// The body is text that was made of bytes.
pub const MADE_TEXT: &str = "The image was converted to text on its way here and its bytes are lost (U+FFFD stands in \
     their place). The gateway is not configured for binary bodies: on an API Gateway REST API add \"*/*\" to \
     BinaryMediaTypes and deploy the stage again, or send the image as base64.";

/// The body has no line breaks, which `curl --data @photo.jpg` leaves out.
pub const STRIPPED: &str = "The image has none of the bytes CR, LF and NUL, which no such file can do without: they were \
     left out on the way, as curl does with -d or --data. Send the file with --data-binary @FILE or --upload-file FILE.";

impl Error {
    /// A fault of ours, with its cause for the log.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        self.kind().status
    }

    /// The machine-readable name of the error, as `snake_case`.
    pub fn code(&self) -> &'static str {
        self.kind().code
    }

    /// The short text that is the same for every error of this kind.
    pub fn title(&self) -> &'static str {
        self.kind().title
    }
}

/// What all errors of one variant share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The HTTP status of the answer.
    pub status: u16,
    /// The machine-readable name, as `snake_case`.
    pub code: &'static str,
    /// The short text for people.
    pub title: &'static str,
}

/// Writes the table of errors down once: it becomes the list of all kinds and the `match` that finds the kind of an
/// error. The compiler refuses a variant without a row, so that the list cannot lack one.
macro_rules! kinds {
    ($($variant:pat => ($status:literal, $code:literal, $title:literal),)*) => {
        impl Error {
            /// Every kind of error, by status.
            pub const KINDS: &[Kind] = &[$(Kind { status: $status, code: $code, title: $title }),*];

            fn kind(&self) -> Kind {
                match self {
                    $($variant => Kind { status: $status, code: $code, title: $title },)*
                }
            }
        }
    };
}

kinds! {
    Self::EmptyBody { .. } => (400, "empty_body", "Empty body"),
    Self::MissingImage(_) => (400, "missing_image", "No image in the request"),
    Self::InvalidBase64(_) => (400, "invalid_base64", "Invalid base64"),
    Self::InvalidJson(_) => (400, "invalid_json", "Invalid JSON"),
    Self::InvalidMultipart(_) => (400, "invalid_multipart", "Invalid multipart body"),
    Self::InvalidParameter(_) => (400, "invalid_parameter", "Invalid parameter"),
    Self::MangledBody(_) => (400, "mangled_body", "Bytes of the body are lost"),
    Self::TooManyImages { .. } => (400, "too_many_images", "Too many images"),
    Self::InvalidEvent(_) => (400, "invalid_event", "Invalid event"),
    Self::Unauthorized(_) => (401, "unauthorized", "Unauthorized"),
    Self::BucketNotAllowed(_) => (403, "bucket_not_allowed", "Bucket not allowed"),
    Self::ReferenceNotAllowed(_) => (403, "reference_not_allowed", "Reference not allowed"),
    Self::NotFound => (404, "not_found", "Not found"),
    Self::NoFeatures => (404, "no_features", "No embeddings"),
    Self::ObjectNotFound(_) => (404, "object_not_found", "No such object"),
    Self::ObjectArchived(_) => (404, "object_archived", "Object archived"),
    Self::MethodNotAllowed { .. } => (405, "method_not_allowed", "Method not allowed"),
    Self::RequestTimeout { .. } => (408, "request_timeout", "Request timeout"),
    Self::ObjectChanged => (409, "object_changed", "Object changed"),
    Self::BodyTooLarge { .. } => (413, "body_too_large", "Body too large"),
    Self::ImageTooLarge { .. } => (413, "image_too_large", "Image too large"),
    Self::ObjectTooLarge { .. } => (413, "object_too_large", "Object too large"),
    Self::UnsupportedFormat { .. } => (415, "unsupported_format", "Unsupported format"),
    Self::UndecodableImage { .. } => (422, "undecodable_image", "Undecodable image"),
    Self::TruncatedImage { .. } => (422, "truncated_image", "Truncated image"),
    Self::Internal(_) => (500, "internal", "Internal error"),
    Self::StorageDenied(_) => (502, "storage_denied", "Storage denied"),
    Self::StorageUnavailable(_) => (503, "storage_unavailable", "Storage unavailable"),
    Self::Overloaded => (503, "overloaded", "Overloaded"),
}

/// Why the program did not start: one message for the operator, who may see paths.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Every mistake in the configuration, a line each.
    #[error("{0}")]
    Config(String),

    /// ONNX Runtime's library is missing, broken, or of the wrong kind.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),

    /// The model bundle is incomplete or contradicts itself.
    #[error("model bundle: {0}")]
    Bundle(String),

    /// The local server cannot listen.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// `HOST:PORT`.
        address: String,
        /// What the operating system said.
        cause: std::io::Error,
    },

    /// The operating system refuses the threads that are needed.
    #[error("threads: {0}; is the memory or the number of processes limited too tightly?")]
    Threads(String),

    /// Lambda's Runtime API broke off.
    #[error("Lambda Runtime API: {0}")]
    Lambda(Cause),

    /// The command line asked for something that cannot be done.
    #[error("{0}")]
    Command(String),

    /// The server that `health` asked does not answer 200.
    #[error("{0}")]
    Unhealthy(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_half_never_holds_the_private_one() {
        let error = Error::internal("/var/task/model/model.onnx: Os { code: 2 }");
        assert!(!error.to_string().contains("/var/task"));
        assert_eq!((error.status(), error.code()), (500, "internal"));
    }
}
