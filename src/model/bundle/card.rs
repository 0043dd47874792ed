//! What is known about a model, from its model card and config.json.

use std::path::Path;

use crate::model::front_matter;
use crate::model::model_config::ModelConfig;

/// The data about the model in responses.
#[derive(Clone, Debug)]
pub struct Card {
    /// Name of the model, such as `efficientnet-lite0`.
    pub name: String,
    /// SHA-256, in 64 hex digits, of `model.onnx`, its files with weights, and a trained head; empty until
    /// the model is loaded.
    pub sha256: String,
    /// The same without the head, if there is one.
    pub backbone_sha256: Option<String>,
    /// Name of the model that the head was trained with, if the card states it.
    pub backbone_name: Option<String>,
    /// Licence of the weights, if the card states it.
    pub license: Option<String>,
    /// Where the weights come from, if the card states it.
    pub source: Option<String>,
    /// Numeric precision of the model, if the card states it: `float32` or `int8` in the bundles that
    /// `tools/` makes.
    pub precision: Option<String>,
}

impl Card {
    /// The data in the model card `text` and in `config`. The name of the folder is the name of last resort.
    pub(super) fn new(dir: &Path, config: &ModelConfig, text: &str) -> Self {
        let scalar = |key| front_matter::scalar(text, key);
        let folder = || dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = scalar("model_name").or_else(|| config.name.clone());
        Self {
            name: name.or_else(|| config.model_type.clone()).or_else(folder).unwrap_or_default(),
            sha256: String::new(),
            backbone_sha256: None,
            backbone_name: scalar("backbone_name"),
            license: scalar("license"),
            source: scalar("source"),
            precision: scalar("precision"),
        }
    }
}
