//! `GET /health` and `GET /info`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, answer};
use crate::Error;
use crate::model::Level;

/// The process is alive.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

/// Version, model and limits of the running service.
#[derive(Serialize, ToSchema)]
#[schema(as = Info)]
pub(super) struct Info<'a> {
    /// The model.
    model: ModelInfo<'a>,
    /// The limits of a request.
    limits: LimitsInfo,
    /// Whether `POST /uploads` is available, for photos that are too large for a request.
    uploads: bool,
    /// Version of this program.
    version: &'static str,
    /// Version of ONNX Runtime.
    onnxruntime_version: &'a str,
}

/// The model, as described by its model card.
#[derive(Serialize, ToSchema)]
#[schema(as = ModelInfo)]
struct ModelInfo<'a> {
    /// Name of the model.
    name: &'a str,
    /// SHA-256 over the ONNX file, its external weights and the trained head, if any; in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: &'a str,
    /// SPDX identifier of the license; null if the model card has none.
    #[schema(required)]
    license: Option<&'a str>,
    /// Where the model comes from; null if the model card does not say.
    #[schema(required)]
    source: Option<&'a str>,
    /// Numeric precision, such as `int8` or `float32`; null if the model card does not say.
    #[schema(required)]
    precision: Option<&'a str>,
    /// The head that was trained with `image-classifier train`; null if the model uses its own classifier.
    #[schema(required)]
    head: Option<HeadInfo<'a>>,
    /// Number of classes.
    #[schema(minimum = 1)]
    classes: usize,
    /// Whether `explain` may be true, that is, whether the model supports heat maps.
    explain: bool,
    /// Allowed values of `level`.
    levels: Vec<&'static str>,
    /// Length of an embedding; null if the model has no embeddings.
    #[schema(required, minimum = 1)]
    embedding_dimensions: Option<usize>,
    /// Input size of the model.
    input: InputInfo,
}

/// A linear layer that replaces the model's classifier.
#[derive(Serialize, ToSchema)]
#[schema(as = HeadInfo)]
struct HeadInfo<'a> {
    /// SHA-256 over the ONNX file and its external weights, if any, without the head; in hexadecimal.
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

/// The limits of a request.
#[derive(Serialize, ToSchema)]
struct LimitsInfo {
    /// Total size of all images in bytes, after base64 decoding.
    max_body_bytes: usize,
    /// Number of pixels of one image, according to its header.
    max_pixels: u64,
    /// Number of images.
    max_images: usize,
    /// Size of an image that is read from S3, in bytes.
    max_object_bytes: usize,
}

pub(super) const HEALTH: Health = Health { status: "ok" };

/// The process is alive. This never runs the model, so it is cheap to call.
pub(super) async fn health() -> Result<Response, Error> {
    answer::json(&HEALTH)
}

/// Reports the model and the limits.
pub(super) async fn info(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let explain = explains(&app).await?;
    answer::json(&Info::of(&app, explain))
}

/// Whether the model supports heat maps. The first call is slow, because it reads the model's weights. It
/// therefore runs off the async thread.
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
