//! The JSON bodies of successful responses.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::Error;
use crate::classifier::{Classification, ImageInfo, Timing};
use crate::model::{Card, Prediction};

/// `POST /classify`: the response for one image.
#[derive(Serialize, ToSchema)]
#[schema(as = Classification, description = "The answer for one image.")]
pub(super) struct Full<'a> {
    /// Highest score first.
    predictions: &'a [Prediction],
    #[serde(flatten)]
    about: About<'a>,
}

/// Fields that every response for an image has, besides its result. Within `results`, `model` and
/// `request_id` are left out.
#[derive(Serialize, ToSchema)]
#[schema(as = About)]
pub(super) struct About<'a> {
    /// The model that answered. Left out within `results`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    model: Option<ModelName<'a>>,
    /// Properties of the image.
    image: ImageInfo,
    /// Time per step, in milliseconds.
    timing_ms: Timing,
    /// Whether the result comes from the cache: an earlier request had the same image.
    cached: bool,
    /// Same value as the header `x-request-id`. Left out within `results`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
}

/// Which model answered.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelName)]
pub(super) struct ModelName<'a> {
    /// Name of the model.
    name: &'a str,
    /// SHA-256 over the ONNX file, its external weights and the trained head, if any; in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: &'a str,
}

/// `POST /predict`: the response format of Flask services and of the Hugging Face API.
#[derive(Serialize, ToSchema)]
#[schema(as = LabelScore, description = "One label of a bare answer.")]
pub(super) struct BarePrediction<'a> {
    /// Name of the class.
    label: &'a str,
    /// Probability, 0 to 1; a logit where `function_to_apply` is `none`.
    score: f32,
}

/// All labels of one image.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = LabelScores, description = "The labels of one image, highest score first.")]
pub(super) struct Bare<'a>(Vec<BarePrediction<'a>>);

/// `{"results": […]}`: one entry per image, in the order of the request.
#[derive(Serialize, ToSchema)]
#[schema(description = "The answers for several images, in their order.")]
pub(super) struct Results<T> {
    /// One entry per image.
    pub(super) results: Vec<T>,
}

/// The entry for one of several images: its result, or its error.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ResultEntry, description = "The answer for one of several images.")]
pub(super) enum OneOf<'a, T> {
    Answer(T),
    Failure(Failure<'a>),
}

/// The error of one of several images.
#[derive(Serialize, ToSchema)]
#[schema(as = Failure)]
pub(super) struct Failure<'a> {
    /// The same problem document that a request with only this image would get.
    error: Problem<'a>,
}

impl<'a, T> OneOf<'a, T> {
    pub(super) fn new<C>(result: &'a Result<C, Error>, id: &'a str, answer: impl Fn(&'a C) -> T) -> Self {
        match result {
            Ok(classification) => Self::Answer(answer(classification)),
            Err(error) => Self::Failure(Failure { error: Problem::new(error, id) }),
        }
    }
}

impl<'a> ModelName<'a> {
    pub(super) fn of(card: &'a Card) -> Self {
        Self { name: &card.name, sha256: &card.sha256 }
    }
}

impl<'a> Full<'a> {
    /// The answer for one image among several.
    pub(super) fn part(classification: &'a Classification) -> Self {
        let Classification { predictions, image, timing, cached } = classification;
        Self { predictions, about: About::part(*image, *timing, *cached) }
    }

    /// The answer for the only image of a request.
    pub(super) fn whole(classification: &'a Classification, card: &'a Card, id: &'a str) -> Self {
        let Self { predictions, about } = Self::part(classification);
        Self { predictions, about: about.whole(card, id) }
    }
}

impl<'a> About<'a> {
    /// For one image among several.
    pub(super) fn part(image: ImageInfo, timing_ms: Timing, cached: bool) -> Self {
        Self { model: None, image, timing_ms, cached, request_id: None }
    }

    /// Adds the model and the request id, for the only image of a request.
    pub(super) fn whole(self, card: &'a Card, id: &'a str) -> Self {
        Self { model: Some(ModelName::of(card)), request_id: Some(id), ..self }
    }
}

/// The bare list for one image.
pub(super) fn bare(classification: &Classification) -> Bare<'_> {
    let predictions = classification.predictions.iter();
    Bare(
        predictions
            .map(|Prediction { label, score, .. }| BarePrediction { label: &label.name, score: *score })
            .collect(),
    )
}

/// A 200 response with a JSON body.
pub(super) fn json(value: &impl Serialize) -> Result<Response, Error> {
    let mut response = Response::new(Body::from(serde_json::to_vec(value).map_err(Error::internal)?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
