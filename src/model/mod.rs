//! Turns RGB pixels into predictions: the model bundle, ONNX Runtime, and the steps before and after a run.
//!
//! Data flow: [`Bundle`] describes what the model needs, [`Preprocessor`] makes the tensor, [`Session`] turns
//! the tensor into logits, and `top_k` turns the logits into [`Prediction`]s. This module knows nothing of
//! HTTP, Lambda or image files.

mod bundle;
mod categories;
mod denied;
pub(crate) mod digest;
mod elf;
mod explain;
mod fields;
mod front_matter;
mod geometry;
mod head;
mod heat_map;
mod labels;
mod linear_head;
mod model_config;
mod model_file;
mod onnx;
mod outlets;
mod pool;
mod prediction;
mod preprocess;
mod preprocessor_config;
mod processor_settings;
mod processors;
mod ranking;
mod resize;
mod runtime;
mod session;
mod timm;
mod top_k;
mod ultralytics;
mod weights;
mod written;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ::image::RgbImage;

pub use bundle::{Bundle, Card};
use categories::Categories;
pub use categories::Level;
use denied::Denied;
pub use explain::Evidence;
pub use head::Function;
use head::{Head, Output};
pub use heat_map::{HeatMap, Region};
pub use labels::{Label, Labels, Parent};
pub(crate) use linear_head::{FILE as HEAD_FILE, LinearHead, bytes, numbers};
pub use prediction::Prediction;
pub use preprocess::{Layout, Preprocessor};
pub use ranking::Scoring;
pub use runtime::Runtime;
pub use session::Session;

use crate::{Error, StartError};
use upright::Raster;

/// A model that is loaded, checked and ready to serve.
pub struct Model {
    card: Card,
    labels: Labels,
    preprocessor: Preprocessor,
    session: Session,
    /// The layer that turns embeddings into logits, if it replaces the model's own classifier.
    linear: Option<LinearHead>,
    head: Head,
    denied: Denied,
    /// Built on first use; the inner `None` means that the bundle has no categories.
    categories: OnceLock<Option<Categories>>,
    model_path: PathBuf,
    /// The weights of the model's own classifier, `[classes, channels]`, read on first use; or the reason why
    /// there are none.
    weights: OnceLock<Result<Vec<f32>, String>>,
}

/// The times of one run.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunTimes {
    /// Resize, crop and normalise.
    pub preprocess: Duration,
    /// ONNX Runtime.
    pub inference: Duration,
}

impl Model {
    /// Loads a bundle and checks it. The check includes a run on a grey image, except for the committed
    /// model, which the tests run. `intra_threads` and `concurrency` are those of [`Session::load`].
    /// `deny_labels` names the classes that are never returned.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if the bundle is incomplete, contradicts itself, or does not run;
    /// [`StartError::Config`] if `deny_labels` names something that is not a class.
    pub fn load(
        runtime: &Runtime,
        bundle: Bundle,
        intra_threads: usize,
        concurrency: usize,
        deny_labels: &str,
    ) -> Result<Self, StartError> {
        let (session, hashes) = std::thread::scope(|scope| {
            let hash = scope.spawn(|| bundle.hashes());
            let session = Session::load(runtime, &bundle.model_path, intra_threads, concurrency);
            (session, hash.join())
        });
        // Report a wrong hash first: if the file is not the one on the card, an error of ONNX Runtime is only
        // a consequence.
        let hashes = hashes.map_err(|_| StartError::Bundle("hashing the model failed".to_owned()))??;
        let session = session?;
        let (preprocessor, labels) = (bundle.preprocessor(&session)?, bundle.labels(&session)?);
        let denied = Denied::read(deny_labels, &labels).map_err(StartError::Config)?;
        let fault = |what| StartError::Bundle(format!("{}: {what}", bundle.model_path.display()));
        if let Some((linear, _)) = &bundle.head {
            fits(linear, &session).map_err(|what| bundle.head_fault(what))?;
        }
        let (problem, declared) = (bundle.problem, bundle.graph_output(&session));
        let linear = bundle.head.map(|(linear, _)| linear);
        let declared = if linear.is_some() { Some(Output::Logits) } else { declared };
        let classes = linear.as_ref().map(LinearHead::classes).or_else(|| session.classes());
        let head = if hashes.backbone == COMMITTED_SHA256 && classes == Some(labels.len()) {
            Head::of_logits(problem, declared)
        } else {
            None
        };
        let head = match head {
            Some(head) => head,
            None => Head::detect(problem, declared, session.is_output_f16(), |picture| {
                trial(&session, linear.as_ref(), &preprocessor, &labels, picture)
            })
            .map_err(fault)?,
        };
        let backbone_sha256 = linear.is_some().then_some(hashes.backbone);
        Ok(Self {
            card: Card { sha256: hashes.whole, backbone_sha256, ..bundle.card },
            labels,
            preprocessor,
            session,
            linear,
            head,
            denied,
            categories: OnceLock::new(),
            model_path: bundle.model_path,
            weights: OnceLock::new(),
        })
    }

    /// Name, hash, licence and source.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Makes the model's input from an image.
    pub fn preprocessor(&self) -> &Preprocessor {
        &self.preprocessor
    }

    /// Runs the model.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Number of classes, 1 or more.
    pub fn classes(&self) -> usize {
        self.labels.len()
    }

    /// The names of the classes.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Width and height of the model's input, in pixels.
    pub fn input_size(&self) -> (u32, u32) {
        self.preprocessor.output_size()
    }

    /// The size in pixels to which an upright picture of this size is scaled before the crop.
    pub fn scaled_size(&self, width: u32, height: u32) -> (u32, u32) {
        self.preprocessor.scaled_size(width, height)
    }

    /// The model's outputs for all classes of one image, in class order: logits, or probabilities if the
    /// graph ends in softmax or sigmoid.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if ONNX Runtime fails or its outputs cannot be ranked.
    pub fn outputs(&self, raster: &Raster) -> Result<(Vec<f32>, RunTimes), Error> {
        let (outputs, times) =
            self.timed(raster, |session, tensor, size| run(session, self.linear.as_ref(), tensor, size))?;
        self.head.check(&outputs)?;
        Ok((outputs, times))
    }

    /// The embedding of one image, [`Model::embedding_len`] values: the mean of each channel over the last feature map,
    /// or the vector before the classifier where the model's output `features` is a vector.
    ///
    /// # Errors
    ///
    /// [`Error::NoFeatures`] if the model has no output `features`; [`Error::Internal`] if ONNX Runtime fails or a value
    /// is not finite.
    pub fn embedding(&self, raster: &Raster) -> Result<Vec<f32>, Error> {
        self.timed_embedding(raster).map(|(embedding, _)| embedding)
    }

    /// As [`Model::embedding`], with the times.
    pub(crate) fn timed_embedding(&self, raster: &Raster) -> Result<(Vec<f32>, RunTimes), Error> {
        self.timed(raster, Session::embedding)
    }

    /// Number of values in an embedding, 1 or more; `None` if the model has no output `features`.
    pub fn embedding_len(&self) -> Option<usize> {
        self.session.embedding_len()
    }

    /// Makes the tensor of one image, calls `run` with it, and measures the time of both steps.
    fn timed<T>(
        &self,
        raster: &Raster,
        run: impl FnOnce(&Session, &[f32], (u32, u32)) -> Result<T, Error>,
    ) -> Result<(T, RunTimes), Error> {
        let start = Instant::now();
        let tensor = self.preprocessor.tensor(raster, self.session.input().layout)?;
        let preprocessed = Instant::now();
        let values = run(&self.session, &tensor, self.preprocessor.output_size())?;
        Ok((values, RunTimes { preprocess: preprocessed - start, inference: preprocessed.elapsed() }))
    }
}

/// SHA-256 of the committed model. The tests run it, so a start need not check again that it works and
/// returns logits. Any other model in its place is checked.
const COMMITTED_SHA256: &str = "1c1d823fac75494ce71581e45a1c03a0dae404d82824e1d2cdcbecabec65a307";

/// Checks that a head accepts the embeddings of a model.
fn fits(linear: &LinearHead, session: &Session) -> Result<(), String> {
    match session.embedding_len() {
        None => Err("the model has no output \"features\", which a trained head needs".to_owned()),
        Some(length) if length != linear.channels() => Err(format!(
            "it takes embeddings of {} values, but those of the model have {length}",
            linear.channels()
        )),
        Some(_) => Ok(()),
    }
}

/// Returns one value per class: the logits of the trained head if there is one, else the model's output.
fn run(
    session: &Session,
    linear: Option<&LinearHead>,
    tensor: &[f32],
    size: (u32, u32),
) -> Result<Vec<f32>, Error> {
    match linear {
        Some(linear) => Ok(linear.logits(&session.embedding(tensor, size)?)),
        None => session.run(tensor, size),
    }
}

/// Runs a model on a test picture: 0 is grey, 1 is red.
///
/// # Errors
///
/// The error of the model, or a message if the number of classes is not the number of labels.
fn trial(
    session: &Session,
    linear: Option<&LinearHead>,
    preprocessor: &Preprocessor,
    labels: &Labels,
    picture: usize,
) -> Result<Vec<f32>, String> {
    let (name, color) = if picture == 0 { ("grey", [128; 3]) } else { ("red", [255, 0, 0]) };
    let rgb = RgbImage::from_pixel(64, 64, ::image::Rgb(color));
    let output = preprocessor
        .tensor(&rgb.into(), session.input().layout)
        .and_then(|tensor| run(session, linear, &tensor, preprocessor.output_size()))
        .map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("it fails on a {name} image: {}", one_line(&cause))
        })?;
    if output.len() != labels.len() {
        return Err(format!("it answers {} classes, but there are {} labels", output.len(), labels.len()));
    }
    Ok(output)
}

/// Joins the lines of a message of ONNX Runtime, because our messages have one line.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
