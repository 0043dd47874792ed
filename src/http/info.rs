//! `GET /health` and `GET /info`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, answer};
use crate::Error;
use crate::model::Level;

/// The process lives.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

/// What runs, and within which limits.
#[derive(Serialize, ToSchema)]
#[schema(as = Info)]
pub(super) struct Info<'a> {
    /// The model.
    model: ModelInfo<'a>,
    /// What a request may hold at most.
    limits: LimitsInfo,
    /// `POST /uploads` takes photos that a request is too small for.
    uploads: bool,
    /// Of this program.
    version: &'static str,
    /// Of ONNX Runtime.
    onnxruntime_version: &'a str,
}

/// The model, by its card.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelInfo)]
struct ModelInfo<'a> {
    /// What it is called.
    name: &'a str,
    /// SHA-256 of its ONNX file, and of a trained head, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: &'a str,
    /// SPDX identifier, where the card has one.
    #[schema(required)]
    license: Option<&'a str>,
    /// Where it comes from, where the card says so.
    #[schema(required)]
    source: Option<&'a str>,
    /// How it computes, such as `int8` or `float32`, where the card says so.
    #[schema(required)]
    precision: Option<&'a str>,
    /// The head that was trained with `image-classifier train`; null where the model's own classifier answers.
    #[schema(required)]
    head: Option<HeadInfo<'a>>,
    /// How many classes it tells apart.
    #[schema(minimum = 1)]
    classes: usize,
    /// Whether `explain` may be true: whether there are heat maps for what the model answers.
    explain: bool,
    /// What `level` may be.
    levels: Vec<&'static str>,
    /// How many numbers an embedding has; null where the model has none.
    #[schema(required, minimum = 1)]
    embedding_dimensions: Option<usize>,
    /// What it sees of an image.
    input: InputInfo,
}

/// A linear layer that takes the place of the model's classifier.
#[derive(Serialize, ToSchema)]
#[schema(as = HeadInfo)]
struct HeadInfo<'a> {
    /// SHA-256 of the ONNX file alone, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    backbone_sha256: &'a str,
}

/// The model's input.
#[derive(Serialize, ToSchema)]
struct InputInfo {
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
}

/// What a request may hold at most.
#[derive(Serialize, ToSchema)]
struct LimitsInfo {
    /// Bytes of all images together, after base64 is undone.
    max_body_bytes: usize,
    /// Pixels of one image, from its header.
    max_pixels: u64,
    /// Images.
    max_images: usize,
    /// Bytes of an image that is read from S3.
    max_object_bytes: usize,
}

pub(super) const HEALTH: Health = Health { status: "ok" };

/// The process lives. Never runs the model, so it costs nothing to ask.
pub(super) async fn health() -> Result<Response, Error> {
    answer::json(&HEALTH)
}

/// Which model answers, and within which limits.
pub(super) async fn info(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let explain = explains(&app).await?;
    answer::json(&Info::of(&app, explain))
}

/// Whether the model has heat maps. The first answer takes a while, off the async thread, since the model's weights are
/// read for it.
pub(super) async fn explains(app: &Arc<App>) -> Result<bool, Error> {
    let app = Arc::clone(app);
    let check = move || app.classifier.model().check_explains().is_ok();
    tokio::task::spawn_blocking(check).await.map_err(Error::internal)
}

impl<'a> Info<'a> {
    pub(super) fn of(app: &'a App, explain: bool) -> Self {
        let card = app.classifier.card();
        let (width, height) = app.classifier.input_size();
        let limits = app.config.limits;
        Self {
            model: ModelInfo {
                name: &card.name,
                sha256: &card.sha256,
                license: card.license.as_deref(),
                source: card.source.as_deref(),
                precision: card.precision.as_deref(),
                head: card.backbone_sha256.as_deref().map(|backbone_sha256| HeadInfo { backbone_sha256 }),
                classes: app.classifier.classes(),
                explain,
                levels: app.classifier.model().levels().map(Level::name).collect(),
                embedding_dimensions: app.classifier.model().embedding_len(),
                input: InputInfo { width, height },
            },
            limits: LimitsInfo {
                max_body_bytes: limits.max_body_bytes,
                max_pixels: limits.max_pixels,
                max_images: limits.max_images,
                max_object_bytes: app.config.storage.max_object_bytes,
            },
            uploads: app.config.storage.upload_bucket.is_some(),
            version: env!("CARGO_PKG_VERSION"),
            onnxruntime_version: app.classifier.runtime_version(),
        }
    }
}
