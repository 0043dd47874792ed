//! The error type of requests, and the response for each variant.
//!
//! An error has two parts. `Display` is the public part. It is written for the caller: it says what was
//! wrong, what was found and what is accepted. It never contains a path, a source chain or a Rust type.
//! `source()` is the private part. It is logged with the same request id.

mod start;

use std::error::Error as StdError;

use upright::Accepted;

pub use self::start::StartError;

/// The underlying cause of an error: for the log, never for the caller.
pub type Cause = Box<dyn StdError + Send + Sync>;

/// Why a request or one of its images was rejected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 400: the body or an image is empty.
    #[error("The {what} is empty. Send the bytes of an image: {Accepted}.")]
    EmptyBody {
        /// What was empty: `request body`, `part "image"`, …
        what: String,
    },

    /// 400: the body was parsed but contains no image, or the client disconnected before its end.
    #[error("{0}")]
    MissingImage(String),

    /// 400: the text is not valid base64.
    #[error("{0}")]
    InvalidBase64(String),

    /// 400: the body is declared as JSON but is not valid JSON, or has values of the wrong type.
    #[error("{0}")]
    InvalidJson(String),

    /// 400: the multipart body cannot be parsed.
    #[error("{0}")]
    InvalidMultipart(String),

    /// 400: a parameter is invalid: an option, a bucket name, the key of an object or the id of an upload.
    #[error("{0}")]
    InvalidParameter(String),

    /// 400: bytes were lost in transit: replaced by U+FFFD, or removed.
    #[error("{0}")]
    MangledBody(&'static str),

    /// 400: the request has too many images.
    #[error(
        "The request holds {found} images; at most {max} are accepted in one request. Send the others in another request."
    )]
    TooManyImages {
        /// Images in the request.
        found: usize,
        /// `MAX_IMAGES`.
        max: usize,
    },

    /// 400: the Lambda event cannot be parsed or converted to an HTTP request.
    #[error("{0}")]
    InvalidEvent(String),

    /// 401: `API_TOKEN` is set, and the request does not contain it.
    #[error("{0}")]
    Unauthorized(&'static str),

    /// 403: the bucket is not configured for this access.
    #[error("{0}")]
    BucketNotAllowed(String),

    /// 403: this caller, or any caller, must not reference objects.
    #[error("{0}")]
    ReferenceNotAllowed(&'static str),

    /// 404: no such route.
    #[error(
        "There is nothing at this path. POST an image to /classify, /predict or /embed; GET /health and /info."
    )]
    NotFound,

    /// 404: the object, its version or its bucket does not exist.
    #[error("{0}")]
    ObjectNotFound(&'static str),

    /// 404: the object is in an archive and must be restored before it can be read.
    #[error("{0}")]
    ObjectArchived(&'static str),

    /// 405: the route exists, but not for this method.
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

    /// 409: the object was replaced during the read.
    #[error("The object was replaced while it was read. Send the request again.")]
    ObjectChanged,

    /// 413: the images have more than `MAX_BODY_BYTES` bytes after base64 decoding, or the body is too large.
    #[error(
        "The body is larger than the {max} bytes that are accepted. Send a smaller picture: 1000 pixels on the long side are plenty."
    )]
    BodyTooLarge {
        /// `MAX_BODY_BYTES`.
        max: usize,
    },

    /// 413: the object has more than `MAX_OBJECT_BYTES` bytes.
    #[error(
        "The object has {size} bytes; at most {max} are accepted. Store a smaller picture: 1000 pixels on the long side are plenty."
    )]
    ObjectTooLarge {
        /// The size reported by the storage, in bytes.
        size: u64,
        /// `MAX_OBJECT_BYTES`.
        max: usize,
    },

    /// 413, 415 or 422: the image is too large, of a format that is not decoded, or broken.
    #[error(transparent)]
    Image(upright::Error),

    /// 404: the request asks for an embedding, but the model has no output `features`.
    #[error(
        "This model has no embeddings: it has no output \"features\". Have `python -m ic_tools features` add it, or use another model."
    )]
    NoFeatures,

    /// 500: an internal error of this service.
    #[error(
        "The request could not be answered because of a fault in this service. Its log names the cause under the same request id."
    )]
    Internal(#[source] Cause),

    /// 502: the storage denies access to this service.
    #[error(
        "The storage does not let this service do that. Ask whoever runs the service: its log names the reason under the same request id."
    )]
    StorageDenied(#[source] Cause),

    /// 503: the storage is overloaded, unreachable or too slow, or there are no credentials for it.
    #[error("The storage did not answer, or not completely. Try again in a second.")]
    StorageUnavailable(#[source] Cause),

    /// 503: too many requests are waiting, the wait took too long, or request bodies fill the memory.
    #[error("The service has more requests than it can answer just now. Try again in a second.")]
    Overloaded,
}

/// The detail for a body whose bytes were decoded as text.
pub const MADE_TEXT: &str = "The image was converted to text on its way here and its bytes are lost (U+FFFD stands in \
     their place). The gateway is not configured for binary bodies: on an API Gateway REST API add \"*/*\" to \
     BinaryMediaTypes and deploy the stage again, or send the image as base64.";

/// The detail for a body without CR, LF and NUL bytes. `curl --data @photo.jpg` removes them.
pub const STRIPPED: &str = "The image has none of the bytes CR, LF and NUL, which no such file can do without: they were \
     left out on the way, as curl does with -d or --data. Send the file with --data-binary @FILE or --upload-file FILE.";

impl Error {
    /// Creates an internal error. The cause is logged.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> u16 {
        self.kind().status
    }

    /// The machine-readable error code, in `snake_case`.
    pub fn code(&self) -> &'static str {
        self.kind().code
    }

    /// The short title that all errors of this kind share.
    pub fn title(&self) -> &'static str {
        self.kind().title
    }
}

impl From<upright::Error> for Error {
    fn from(error: upright::Error) -> Self {
        match error {
            // Its message is about a library; that of the service says where to look.
            upright::Error::Internal(cause) => Self::Internal(cause),
            other => Self::Image(other),
        }
    }
}

/// Properties that all errors of one variant share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The HTTP status of the response.
    pub status: u16,
    /// The machine-readable code, in `snake_case`.
    pub code: &'static str,
    /// The short, human-readable title.
    pub title: &'static str,
}

/// Generates two things from one table of errors: the list of all kinds, and the `match` that returns the
/// kind of an error. The compiler rejects a variant without a row, so the list is always complete.
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
    Self::EmptyBody { .. } | Self::Image(upright::Error::Empty) => (400, "empty_body", "Empty body"),
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
    Self::Image(upright::Error::ImageTooLarge { .. }) => (413, "image_too_large", "Image too large"),
    Self::ObjectTooLarge { .. } => (413, "object_too_large", "Object too large"),
    Self::Image(upright::Error::UnsupportedFormat { .. }) => (415, "unsupported_format", "Unsupported format"),
    Self::Image(upright::Error::UndecodableImage { .. }) => (422, "undecodable_image", "Undecodable image"),
    Self::Image(upright::Error::TruncatedImage { .. }) => (422, "truncated_image", "Truncated image"),
    Self::Internal(_) | Self::Image(upright::Error::Internal(_)) => (500, "internal", "Internal error"),
    Self::StorageDenied(_) => (502, "storage_denied", "Storage denied"),
    Self::StorageUnavailable(_) => (503, "storage_unavailable", "Storage unavailable"),
    Self::Overloaded => (503, "overloaded", "Overloaded"),
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
