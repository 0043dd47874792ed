//! The model bundle: a directory in the layout of a Hugging Face image-classification repository.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::head::{Output, Problem};
use super::{Labels, Preprocessor, digest, front_matter};
use crate::StartError;

/// What the answers say of the model.
#[derive(Clone, Debug)]
pub struct Card {
    /// Name of the model, like `efficientnet-lite0`.
    pub name: String,
    /// SHA-256 of `model.onnx`, and of weights that lie beside it, in 64 hex digits; empty until the model is loaded.
    pub sha256: String,
    /// Licence of the weights, where the card names it.
    pub license: Option<String>,
    /// Where the weights come from, where the card names it.
    pub source: Option<String>,
    /// How the model computes, where the card says so: `float32` or `int8` in the bundles that `tools/` makes.
    pub precision: Option<String>,
}

/// A bundle whose files were read; the model itself is not loaded yet.
#[derive(Debug)]
pub struct Bundle {
    pub(super) card: Card,
    pub(super) model_path: PathBuf,
    /// SHA-256 that the card says the model has, where it says so.
    stated_sha256: Option<String>,
    pub(super) labels: Labels,
    pub(super) preprocessor: Preprocessor,
    pub(super) problem: Problem,
    /// What the bundle says of the output, where it says it.
    pub(super) graph_output: Option<Output>,
}

/// What is read of `config.json`.
#[derive(Default, Deserialize)]
struct ModelConfig {
    #[serde(rename = "_name_or_path")]
    name_or_path: Option<String>,
    model_type: Option<String>,
    id2label: Option<BTreeMap<String, String>>,
    problem_type: Option<String>,
    /// This project's own: `logits` or `probabilities`.
    graph_output: Option<Output>,
}

impl ModelConfig {
    fn problem(&self) -> Result<Problem, String> {
        match self.problem_type.as_deref() {
            None | Some("single_label_classification") => Ok(Problem::SingleLabel),
            Some("multi_label_classification") => Ok(Problem::MultiLabel),
            Some(other) => Err(format!("problem_type \"{other}\" is not classification")),
        }
    }
}

impl Bundle {
    /// Reads `model.onnx` (or `onnx/model.onnx`), `config.json`, `preprocessor_config.json`, and, where they are
    /// there, `labels.tsv` and `README.md`.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] names the file and what is wrong with it.
    pub fn read(dir: &Path) -> Result<Self, StartError> {
        if !dir.is_dir() {
            return Err(StartError::Bundle(format!(
                "there is no directory {}; set MODEL_DIR",
                dir.display()
            )));
        }
        let model_path = find_model(dir)?;
        let config = read_config(&dir.join("config.json"))?;
        let path = dir.join("preprocessor_config.json");
        let preprocessing = read_text(&path)?.ok_or_else(|| fault(&path, "there is no such file"))?;
        let text = read_text(&dir.join("README.md"))?.unwrap_or_default();
        Ok(Self {
            card: card(dir, &config, &text),
            model_path,
            stated_sha256: front_matter::scalar(&text, "model_sha256").map(|hash| hash.to_ascii_lowercase()),
            labels: read_labels(dir, &config)?,
            problem: config.problem().map_err(|what| fault(&dir.join("config.json"), what))?,
            graph_output: config.graph_output,
            preprocessor: Preprocessor::from_json(&preprocessing, config.model_type.as_deref())
                .map_err(|what| fault(&path, what))?,
        })
    }

    /// SHA-256 of the model, with weights that lie beside it, in 64 hex digits.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if the card states another: then figures and licence are those of another model.
    pub(super) fn sha256(&self) -> Result<String, StartError> {
        let found = digest::sha256(&self.model_path).map_err(|error| fault(&self.model_path, error))?;
        match &self.stated_sha256 {
            Some(stated) if *stated != found => Err(fault(
                &self.model_path,
                format!("its sha256 is {found}, but model_sha256 in README.md says {stated}"),
            )),
            _ => Ok(found),
        }
    }
}

fn fault(path: &Path, what: impl std::fmt::Display) -> StartError {
    StartError::Bundle(format!("{}: {what}", path.display()))
}

fn find_model(dir: &Path) -> Result<PathBuf, StartError> {
    let candidates = [dir.join("model.onnx"), dir.join("onnx/model.onnx")];
    let found = candidates.into_iter().find(|path| path.is_file());
    let path = found.ok_or_else(|| {
        StartError::Bundle(format!("{} holds neither model.onnx nor onnx/model.onnx", dir.display()))
    })?;
    // What git leaves in place of a large file when git-lfs is not installed.
    let head = fs::File::open(&path).and_then(|file| {
        let mut head = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, 64), &mut head).map(|_| head)
    });
    match head {
        Ok(head) if head.is_empty() => Err(fault(&path, "the file is empty")),
        Ok(head) if head.starts_with(b"version https://git-lfs") => {
            Err(fault(&path, "this is a Git LFS pointer, not the model; run git lfs pull"))
        }
        Ok(_) => Ok(path),
        Err(error) => Err(fault(&path, error)),
    }
}

fn read_text(path: &Path) -> Result<Option<String>, StartError> {
    match fs::read_to_string(path) {
        // A byte order mark is no part of it, and hides the first key from what reads it.
        Ok(text) => Ok(Some(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(path, error)),
    }
}

fn read_config(path: &Path) -> Result<ModelConfig, StartError> {
    let Some(text) = read_text(path)? else { return Ok(ModelConfig::default()) };
    serde_json::from_str(&text).map_err(|error| fault(path, error))
}

fn read_labels(dir: &Path, config: &ModelConfig) -> Result<Labels, StartError> {
    let path = dir.join("labels.tsv");
    if let Some(text) = read_text(&path)? {
        return Labels::from_tsv(&text).map_err(|what| fault(&path, what));
    }
    let path = dir.join("config.json");
    let id2label = config.id2label.as_ref().ok_or_else(|| {
        StartError::Bundle(format!(
            "{} has no labels: neither labels.tsv nor id2label in config.json",
            dir.display()
        ))
    })?;
    Labels::from_id2label(id2label).map_err(|what| fault(&path, what))
}

/// `owner/name` or `name`, as models are called on the hub. Anything else in `_name_or_path` is a path on the disk of whoever
/// trained the model, which answers must not show.
fn is_hub_id(name: &str) -> bool {
    let is_plain = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    // The hub allows 96 characters.
    name.len() <= 96 && name.split('/').count() <= 2 && name.split('/').all(is_plain)
}

fn card(dir: &Path, config: &ModelConfig, text: &str) -> Card {
    let scalar = |key| front_matter::scalar(text, key);
    let folder = || dir.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = scalar("model_name").or_else(|| config.name_or_path.clone().filter(|name| is_hub_id(name)));
    Card {
        name: name.or_else(|| config.model_type.clone()).or_else(folder).unwrap_or_default(),
        sha256: String::new(),
        license: scalar("license"),
        source: scalar("source"),
        precision: scalar("precision"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_could_be_on_the_hub_is_taken_for_a_name() {
        for name in ["google/vit-base-patch16-224", "resnet18", "timm/mobilenetv3_small_100.lamb_in1k"] {
            assert!(is_hub_id(name), "{name}");
        }
        for path in [
            "",
            "/content/drive/MyDrive/jane/checkpoint-500",
            "C:\\Users\\jane\\out",
            "C:/out",
            "./out",
            "../out",
            "~/out",
            "/out",
            "out/",
            "a/b/c",
            "my model",
            "file:///out",
        ] {
            assert!(!is_hub_id(path), "{path}");
        }
    }
}
