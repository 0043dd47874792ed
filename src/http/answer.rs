//! What goes back, as JSON.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Serialize;

use super::problem::Problem;
use crate::classifier::{Classification, ImageInfo, Timing};
use crate::model::{Card, Prediction};
use crate::{Classifier, Error};

/// `POST /classify`: the answer for one image. `model` and `request_id` are left out within `results`.
#[derive(Serialize)]
pub(super) struct Full<'a> {
    predictions: &'a [Prediction],
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelName<'a>>,
    image: ImageInfo,
    timing_ms: Timing,
    cached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct ModelName<'a> {
    name: &'a str,
    sha256: &'a str,
}

/// `POST /predict`: what a Flask service and the Hugging Face API answer.
#[derive(Serialize)]
pub(super) struct BarePrediction<'a> {
    label: &'a str,
    score: f32,
}

/// `{"results": […]}`: the answers for several images, in their order.
#[derive(Serialize)]
pub(super) struct Results<T> {
    pub(super) results: Vec<T>,
}

/// One of several: its answer, or what is wrong with it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum OneOf<'a, T> {
    Answer(T),
    Failure { error: Problem<'a> },
}

impl<'a, T> OneOf<'a, T> {
    pub(super) fn new<C>(result: &'a Result<C, Error>, id: &'a str, answer: impl Fn(&'a C) -> T) -> Self {
        match result {
            Ok(classification) => Self::Answer(answer(classification)),
            Err(error) => Self::Failure { error: Problem::new(error, id) },
        }
    }
}

impl<'a> Full<'a> {
    /// The answer for one image among several.
    pub(super) fn part(classification: &'a Classification) -> Self {
        Self {
            predictions: &classification.predictions,
            model: None,
            image: classification.image,
            timing_ms: classification.timing,
            cached: false,
            request_id: None,
        }
    }

    /// The answer for the one image of a request.
    pub(super) fn whole(classification: &'a Classification, classifier: &'a Classifier, id: &'a str) -> Self {
        let Card { name, sha256, .. } = classifier.card();
        Self { model: Some(ModelName { name, sha256 }), request_id: Some(id), ..Self::part(classification) }
    }
}

/// The bare list for one image.
pub(super) fn bare(classification: &Classification) -> Vec<BarePrediction<'_>> {
    classification
        .predictions
        .iter()
        .map(|prediction| BarePrediction { label: &prediction.label.name, score: prediction.score })
        .collect()
}

/// A 200 with a JSON body.
pub(super) fn json(value: &impl Serialize) -> Result<Response, Error> {
    let mut response = Response::new(Body::from(serde_json::to_vec(value).map_err(Error::internal)?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
