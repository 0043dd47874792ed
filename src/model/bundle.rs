//! The model bundle: a directory in the layout of a Hugging Face image-classification repository.

mod card;
mod files;

use std::path::{Path, PathBuf};

use super::fields::Fields;
use sha2::Digest as _;

pub use self::card::Card;
use self::files::{fault, read_fields, read_head, read_text};
use super::head::{Output, Problem};
use super::linear_head::{self, LinearHead};
use super::model_config::ModelConfig;
use super::preprocess::Layout;
use super::{
    Labels, Preprocessor, Session, digest, front_matter, model_file, preprocessor_config, timm, ultralytics,
};
use crate::StartError;

/// A bundle whose files were read; the model itself is not loaded yet.
#[derive(Debug)]
pub struct Bundle {
    dir: PathBuf,
    pub(super) card: Card,
    pub(super) model_path: PathBuf,
    /// The head that replaces the model's classifier, and the bytes of its file.
    pub(super) head: Option<(LinearHead, Vec<u8>)>,
    /// SHA-256 of the model according to the card, if the card states it.
    stated_sha256: Option<String>,
    /// `None` if the files do not name the classes.
    labels: Option<Labels>,
    preprocessing: Preprocessing,
    pub(super) problem: Problem,
    /// The kind of output according to `config.json`, if it states one.
    graph_output: Option<Output>,
    /// The class of the model in Transformers, if `config.json` names one that is not a classifier.
    headless: Option<String>,
}

/// SHA-256 in 64 hex digits.
pub(super) struct Hashes {
    /// Of the model, its files with weights, and a trained head.
    pub(super) whole: String,
    /// The same without the head.
    pub(super) backbone: String,
}

/// The files of image processors in Transformers 4 and in Transformers 5. The second takes precedence.
const PROCESSOR_FILES: [&str; 2] = ["preprocessor_config.json", "processor_config.json"];

/// Where the bundle describes the preprocessing.
#[derive(Debug)]
enum Preprocessing {
    /// In this file of an image processor.
    Known(&'static str, Preprocessor),
    /// In this `pretrained_cfg` of timm. The model's input decides which of its sizes is used.
    Timm(Fields),
    /// In the model itself, or nowhere.
    Model,
}

impl Bundle {
    /// Reads `config.json`, the file of the image processor, `labels.tsv` and `README.md`, if they exist, and
    /// finds the model: `model_file`, relative to the bundle, or else `model.onnx`, `onnx/model.onnx`, or the
    /// only one.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] names the file and what is wrong with it.
    pub fn read(dir: &Path, model_file: Option<&Path>) -> Result<Self, StartError> {
        if !dir.is_dir() {
            return Err(StartError::Bundle(format!(
                "there is no directory {}; set MODEL_DIR",
                dir.display()
            )));
        }
        let model_path = model_file::find(dir, model_file).map_err(|(path, what)| fault(&path, what))?;
        let path = dir.join("config.json");
        let fields = read_fields(&path)?.unwrap_or_default();
        let mut config = ModelConfig::read(fields).map_err(|what| fault(&path, what))?;
        let text = read_text(&dir.join("README.md"))?.unwrap_or_default();
        let path = dir.join("labels.tsv");
        let table = read_text(&path)?
            .map(|text| Labels::from_tsv(&text).map_err(|what| fault(&path, what)))
            .transpose()?;
        Ok(Self {
            card: Card::new(dir, &config, &text),
            model_path,
            head: read_head(&dir.join(linear_head::FILE))?,
            stated_sha256: front_matter::scalar(&text, "model_sha256").map(|hash| hash.to_ascii_lowercase()),
            labels: table.or(config.labels.take()),
            problem: config.problem,
            graph_output: config.graph_output,
            headless: config.headless.take(),
            preprocessing: preprocessing(dir, config)?,
            dir: dir.to_owned(),
        })
    }

    /// Returns the preprocessing of this model.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if the bundle does not describe the preprocessing, if it is not supported, or
    /// if it does not fit the model's input.
    pub(super) fn preprocessor(&self, session: &Session) -> Result<Preprocessor, StartError> {
        let input = session.input();
        let (preprocessor, source) = match &self.preprocessing {
            Preprocessing::Known(file, preprocessor) => (preprocessor.clone(), *file),
            Preprocessing::Timm(cfg) => {
                let fault = |what| fault(&self.dir.join("config.json"), format!("pretrained_cfg: {what}"));
                if input.layout == Layout::Nhwc {
                    return Err(fault(
                        "it describes the pixels of timm's own network, [batch, 3, height, width], but this graph takes \
                         [batch, height, width, 3]: describe its pixels in preprocessor_config.json"
                            .to_owned(),
                    ));
                }
                (timm::preprocessor(cfg, input.size).map_err(fault)?, "pretrained_cfg in config.json")
            }
            Preprocessing::Model => match (session.metadata("task"), session.metadata("imgsz")) {
                (Some(task), Some(imgsz)) => (
                    ultralytics::preprocessor(&task, &imgsz).map_err(|what| fault(&self.model_path, what))?,
                    "imgsz in its metadata",
                ),
                _ => return Err(fault(&self.dir.join("preprocessor_config.json"), "there is no such file")),
            },
        };
        preprocessor.check_input(input, source).map_err(|what| fault(&self.model_path, what))?;
        Ok(preprocessor)
    }

    /// The kind of output of this model, if the bundle states it. Ultralytics exports classifiers with
    /// softmax.
    pub(super) fn graph_output(&self, session: &Session) -> Option<Output> {
        let is_ultralytics = || session.metadata("task").is_some() && session.metadata("imgsz").is_some();
        self.graph_output.or_else(|| is_ultralytics().then_some(Output::Probabilities))
    }

    /// The names of the classes: from the files, else from the model itself, else `LABEL_0` and so on.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if the names are not valid, or if not even the number of classes is known.
    pub(super) fn labels(&self, session: &Session) -> Result<Labels, StartError> {
        if let Some(labels) = &self.labels {
            return Ok(labels.clone());
        }
        if let Some((head, _)) = &self.head {
            return Ok(Labels::numbered(head.classes()));
        }
        if let Some(names) = session.metadata("names") {
            return ultralytics::labels(&names).map_err(|what| fault(&self.model_path, what));
        }
        let fault = |what| fault(&self.dir.join("config.json"), what);
        if let Some(class) = &self.headless {
            return Err(fault(format!(
                "architectures names {class}, which answers features, not classes: take a model …ForImageClassification, \
                 or name its classes with id2label"
            )));
        }
        let classes = session.classes().ok_or_else(|| {
            fault("it has no id2label, and the model does not tell its number of classes".to_owned())
        })?;
        tracing::warn!(classes, "nothing names the classes; they are called LABEL_0 and so on");
        Ok(Labels::numbered(classes))
    }

    /// The hashes of the model.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if the card states another hash: its figures and licence are then those of
    /// another model. Also if the head was trained with another model.
    pub(super) fn hashes(&self) -> Result<Hashes, StartError> {
        let (hasher, _) = digest::read(&self.model_path).map_err(|error| fault(&self.model_path, error))?;
        let backbone = digest::hex(hasher.clone());
        let whole = match &self.head {
            Some((_, file)) => digest::hex(hasher.chain_update(file)),
            None => backbone.clone(),
        };
        if let Some(trained) = self.head.as_ref().and_then(|(head, _)| head.backbone_sha256())
            && trained != backbone
        {
            let what = format!(
                "it was trained with the model whose sha256 is {trained}, but that of {} is {backbone}",
                self.model_path.display()
            );
            return Err(self.head_fault(what));
        }
        match &self.stated_sha256 {
            Some(stated) if *stated != whole => Err(fault(
                &self.model_path,
                format!("its sha256 is {whole}, but model_sha256 in README.md says {stated}"),
            )),
            _ => Ok(Hashes { whole, backbone }),
        }
    }

    /// The name of the model and its SHA-256, in 64 hex digits.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if the model cannot be read, or is not the one that the card describes.
    pub(crate) fn identity(self) -> Result<(String, String), StartError> {
        let hashes = self.hashes()?;
        Ok((self.card.name, hashes.whole))
    }

    /// The files that the embedding of a picture depends on, relative to the bundle: the model, its files
    /// with weights, and the files of image processors. Preprocessing settings in `config.json` are not
    /// included.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if the model cannot be read.
    pub(crate) fn backbone_files(&self) -> Result<Vec<PathBuf>, StartError> {
        let (_, weights) = digest::read(&self.model_path).map_err(|error| fault(&self.model_path, error))?;
        let processors =
            PROCESSOR_FILES.map(|name| self.dir.join(name)).into_iter().filter(|path| path.is_file());
        let files = [self.model_path.clone()].into_iter().chain(weights).chain(processors);
        Ok(files.map(|path| path.strip_prefix(&self.dir).map(Path::to_owned).unwrap_or(path)).collect())
    }

    /// An error about the head.
    pub(super) fn head_fault(&self, what: impl std::fmt::Display) -> StartError {
        fault(&self.dir.join(linear_head::FILE), what)
    }
}

/// Finds the preprocessing in the file of the image processor: the part of `processor_config.json` that
/// Transformers 5 writes and prefers, or `preprocessor_config.json`. If there is neither, it is in what timm
/// wrote into `config.json`, or in the model.
fn preprocessing(dir: &Path, config: ModelConfig) -> Result<Preprocessing, StartError> {
    let [old, whole] = PROCESSOR_FILES;
    let part = match read_fields(&dir.join(whole))? {
        Some(mut fields) => fields.object("image_processor").map_err(|what| fault(&dir.join(whole), what))?,
        None => None,
    };
    let (file, fields) = match part {
        Some(part) => (whole, Some(part)),
        None => (old, read_fields(&dir.join(old))?),
    };
    let Some(mut fields) = fields else {
        return Ok(config.pretrained_cfg.map_or(Preprocessing::Model, Preprocessing::Timm));
    };
    let (path, model_type) = (dir.join(file), config.model_type.as_deref());
    if fields.is("image_processor_type", "TimmWrapperImageProcessor") {
        let own = fields.object("pretrained_cfg").map_err(|what| fault(&path, what))?;
        let cfg = config.pretrained_cfg.or(own).ok_or_else(|| fault(&path, "pretrained_cfg is missing"))?;
        return Ok(Preprocessing::Timm(cfg));
    }
    match config.pretrained_cfg {
        Some(cfg) if preprocessor_config::has_foreign_crop(&fields, model_type) => {
            tracing::warn!(
                file,
                "its class does not read its crop_pct; pretrained_cfg in config.json is followed"
            );
            Ok(Preprocessing::Timm(cfg))
        }
        _ => Preprocessor::of(fields, model_type)
            .map(|preprocessor| Preprocessing::Known(file, preprocessor))
            .map_err(|what| fault(&path, what)),
    }
}
