//! `GET /health` and `GET /info`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::{App, answer};
use crate::Error;

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Serialize)]
struct Info<'a> {
    model: ModelInfo<'a>,
    limits: LimitsInfo,
    version: &'static str,
    onnxruntime_version: &'a str,
}

#[derive(Serialize)]
struct ModelInfo<'a> {
    name: &'a str,
    sha256: &'a str,
    license: Option<&'a str>,
    source: Option<&'a str>,
    classes: usize,
    input: InputInfo,
}

#[derive(Serialize)]
struct InputInfo {
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct LimitsInfo {
    max_body_bytes: usize,
    max_pixels: u64,
    max_images: usize,
}

/// The process lives. Never runs the model, so it costs nothing to ask.
pub(super) async fn health() -> Result<Response, Error> {
    answer::json(&Health { status: "ok" })
}

/// Which model answers, and within which limits.
pub(super) async fn info(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let card = app.classifier.card();
    let (width, height) = app.classifier.input_size();
    let limits = app.config.limits;
    answer::json(&Info {
        model: ModelInfo {
            name: &card.name,
            sha256: &card.sha256,
            license: card.license.as_deref(),
            source: card.source.as_deref(),
            classes: app.classifier.classes(),
            input: InputInfo { width, height },
        },
        limits: LimitsInfo {
            max_body_bytes: limits.max_body_bytes,
            max_pixels: limits.max_pixels,
            max_images: limits.max_images,
        },
        version: env!("CARGO_PKG_VERSION"),
        onnxruntime_version: app.classifier.runtime_version(),
    })
}
