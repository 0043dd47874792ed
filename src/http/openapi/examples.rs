//! Examples of requests and responses. `tests/api` compares them with the actual responses of the service.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;

use super::super::answer::{self, Full, OneOf, Results};
use super::super::problem::Problem;
use super::super::{body, classify, references, token};
use super::Facts;
use crate::Error;
use crate::classifier::{Classification, ImageInfo, Timing};
use crate::error::MADE_TEXT;
use crate::model::{Label, Parent, Prediction};
use upright::Format;

type Examples = Vec<(&'static str, ExampleBuilder)>;

/// The request id in all examples.
const REQUEST_ID: &str = "6f1c0a9e-2b1d-4c53-9d0e-8a3f5f6c7b21";

/// A PNG of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgZGIGAAAOAAfpkjfUAAAAAElFTkSuQmCC";

/// One error of every kind. If the parser creates the message, the example comes from parsing an invalid
/// body.
pub(super) fn problems(facts: &Facts<'_>) -> Result<Vec<Error>, Error> {
    let limits = facts.config.limits;
    Ok(vec![
        refusal("", "")?,
        refusal("application/json", "{\"top_k\": 5}")?,
        refusal("application/json", "{\"image\": \"espresso?\"}")?,
        refusal("application/json", "{\"image\":")?,
        refusal("multipart/form-data", "photo")?,
        parameter("top_k=0")?,
        Error::MangledBody(MADE_TEXT),
        Error::TooManyImages { found: limits.max_images + 1, max: limits.max_images },
        Error::InvalidEvent(
            "The event does not name the method of the request. Put one such as POST into \
             \"requestContext.http.method\"."
                .to_owned(),
        ),
        Error::Unauthorized(token::MISSING),
        Error::BucketNotAllowed(
            "The bucket \"private\" is not one that may be read. Whoever runs this service can name it in S3_BUCKETS."
                .to_owned(),
        ),
        Error::ReferenceNotAllowed(references::UNKNOWN_CALLER),
        Error::NotFound,
        Error::ObjectNotFound("There is no such object, or no such version of it. Check bucket, key and version."),
        Error::ObjectArchived("The object lies in an archive, such as S3 Glacier, and cannot be read there. Restore it first, then send the request again."),
        Error::ObjectChanged,
        Error::ObjectTooLarge { size: 10_000_000_000, max: facts.config.storage.max_object_bytes },
        Error::StorageDenied("the storage answered 403: AccessDenied".into()),
        Error::StorageUnavailable("the storage answered 503: SlowDown".into()),
        Error::MethodNotAllowed { method: "DELETE".to_owned() },
        Error::RequestTimeout { seconds: facts.config.request_timeout.as_secs_f64() },
        Error::BodyTooLarge { max: limits.max_body_bytes },
        Error::Image(upright::Error::ImageTooLarge {
            width: 60_000,
            height: 60_000,
            max: limits.max_pixels,
            of_kind: "",
        }),
        Error::Image(upright::Error::UnsupportedFormat { found: "An HTML page".to_owned() }),
        Error::Image(upright::Error::UndecodableImage {
            format: Format::Png.label(),
            cause: "the data are corrupt".into(),
        }),
        Error::Image(upright::Error::TruncatedImage { format: Format::Jpeg.label() }),
        Error::NoFeatures,
        Error::internal("a fault"),
        Error::Overloaded,
    ])
}

/// The error for an invalid body.
fn refusal(content_type: &str, text: &'static str) -> Result<Error, Error> {
    let limits = body::Limits { max_bytes: 1 << 20, max_images: 16 };
    match body::parse(Some(content_type), Bytes::from_static(text.as_bytes()), limits) {
        Err(error) => Ok(error),
        Ok(_) => Err(Error::internal("the example of a bad body is a good one")),
    }
}

fn parameter(query: &str) -> Result<Error, Error> {
    match classify::query_options(query) {
        Err(error) => Ok(error),
        Ok(_) => Err(Error::internal("the example of a bad parameter is a good one")),
    }
}

/// An error as a problem document.
pub(super) fn problem(error: &Error) -> Result<Value, Error> {
    value(&Problem::new(error, REQUEST_ID))
}

/// Examples for `POST /classify`.
pub(super) fn classified(facts: &Facts<'_>) -> Result<Examples, Error> {
    let (espresso, cut) = outcomes();
    let one = Full::whole(&espresso, facts.card, REQUEST_ID);
    let several = [Ok(espresso.clone()), Err(cut)];
    let results = several.iter().map(|result| OneOf::new(result, REQUEST_ID, Full::part)).collect();
    Ok(vec![
        ("one", ExampleBuilder::new().summary("An espresso").value(Some(value(&one)?))),
        ("several", ExampleBuilder::new().summary(SEVERAL).value(Some(value(&Results { results })?))),
    ])
}

/// Examples for `POST /predict`.
pub(super) fn predicted() -> Result<Examples, Error> {
    let (espresso, cut) = outcomes();
    let one = answer::bare(&espresso);
    let several = [Ok(espresso.clone()), Err(cut)];
    let lists: Vec<_> = several.iter().map(|result| OneOf::new(result, REQUEST_ID, answer::bare)).collect();
    Ok(vec![
        ("one", ExampleBuilder::new().summary("An espresso").value(Some(value(&one)?))),
        ("several", ExampleBuilder::new().summary(SEVERAL).value(Some(value(&lists)?))),
    ])
}

const SEVERAL: &str = "An espresso, and a photo whose upload was cut off";

/// The results of the committed model for `tests/fixtures/coffee.png`, and for a truncated photo.
fn outcomes() -> (Classification, Error) {
    let prediction =
        |class_id, score, name: &str, wnid: &str, name_zh: &str, parents: [&str; 2]| Prediction {
            class_id: Some(class_id),
            score,
            label: Arc::new(Label {
                name: name.to_owned(),
                wnid: Some(wnid.to_owned()),
                name_zh: Some(name_zh.to_owned()),
                parents: parents.map(|name| Parent { name: name.to_owned(), name_zh: None }).into(),
            }),
            heat_map: None,
        };
    let espresso = Classification {
        predictions: vec![
            prediction(967, 0.954_184_1, "espresso", "n07920052", "浓缩咖啡", ["drink", "food"]),
            prediction(968, 0.013_802_6, "cup", "n07930864", "杯子", ["cup or glass", "household"]),
            prediction(925, 0.008_207_213, "consomme", "n07584110", "清炖肉汤", ["dish", "food"]),
        ],
        image: ImageInfo { format: Format::Png, width: 600, height: 400 },
        timing: Timing { decode: 2.723, preprocess: 0.958, inference: 3.788, total: 7.497, began: None },
        cached: false,
    };
    (espresso, Error::Image(upright::Error::TruncatedImage { format: Format::Jpeg.label() }))
}

/// Valid bodies of a content type.
pub(super) fn bodies(content_type: &str) -> Examples {
    let data_url = format!("data:image/png;base64,{PIXEL}");
    let examples = match content_type {
        "text/plain" => vec![("base64", json!(PIXEL)), ("dataUrl", json!(data_url))],
        "application/json" => vec![
            ("one", json!({"image": PIXEL, "top_k": 5, "min_score": 0.01})),
            ("several", json!({"images": [PIXEL, data_url]})),
            ("huggingFace", json!({"inputs": PIXEL, "parameters": {"top_k": 5}})),
            ("list", json!([PIXEL, data_url])),
            ("bare", json!(PIXEL)),
        ],
        _ => vec![("form", json!({"image": PIXEL, "top_k": 5}))],
    };
    examples.into_iter().map(|(name, value)| (name, ExampleBuilder::new().value(Some(value)))).collect()
}

fn value(of: &impl serde::Serialize) -> Result<Value, Error> {
    // Convert through text, so that scores have as few digits as in the response.
    let text = serde_json::to_vec(of).map_err(Error::internal)?;
    serde_json::from_slice(&text).map_err(Error::internal)
}
