//! RGB pixels → predictions: the model bundle, ONNX Runtime, and what stands before and after a run.
//!
//! The data's way: [`Bundle`] says what the model wants, [`Preprocessor`] makes the tensor, [`Session`] turns
//! it into logits, `top_k` turns those into [`Prediction`]s. Nothing here knows HTTP, Lambda or files of images.

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

use crate::image::Raster;
use crate::{Error, StartError};

/// A model that is ready to serve: loaded, checked, and warmed up.
pub struct Model {
    card: Card,
    labels: Labels,
    preprocessor: Preprocessor,
    session: Session,
    /// What makes logits of embeddings, where that is not the model's own classifier.
    linear: Option<LinearHead>,
    head: Head,
    denied: Denied,
    /// Made when they are first asked for; `None` inside where the bundle has none.
    categories: OnceLock<Option<Categories>>,
    model_path: PathBuf,
    /// The weights of the model's own classifier, `[classes, channels]`, read when they are first needed; or why there
    /// are none.
    weights: OnceLock<Result<Vec<f32>, String>>,
}

/// What one run took.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunTimes {
    /// Resize, crop and normalise.
    pub preprocess: Duration,
    /// ONNX Runtime.
    pub inference: Duration,
}

impl Model {
    /// Loads a bundle and checks it, with a run on a grey image unless it is the committed model, which the tests ran.
    /// `intra_threads` and `concurrency` are those of [`Session::load`]; `deny_labels` names the classes that are never
    /// answered.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] where the bundle is incomplete, contradicts itself, or does not run;
    /// [`StartError::Config`] where `deny_labels` names what is no class.
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
        // A file that is not the one of the card comes first: what ONNX Runtime makes of it only follows from that.
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

    /// What makes its input of a picture.
    pub fn preprocessor(&self) -> &Preprocessor {
        &self.preprocessor
    }

    /// What runs it.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Number of classes, 1 or more.
    pub fn classes(&self) -> usize {
        self.labels.len()
    }

    /// What the classes are called.
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

    /// The outputs for all classes of one image, in the order of the model's: logits, or probabilities where the graph
    /// ends in them.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if ONNX Runtime fails or answers what cannot be ranked.
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

    /// As [`Model::embedding`], with its times.
    pub(crate) fn timed_embedding(&self, raster: &Raster) -> Result<(Vec<f32>, RunTimes), Error> {
        self.timed(raster, Session::embedding)
    }

    /// Number of values of an embedding, 1 or more; `None` where the model has no output `features`.
    pub fn embedding_len(&self) -> Option<usize> {
        self.session.embedding_len()
    }

    /// Makes the tensor of one image, runs the session on it, and takes the times of both.
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

/// SHA-256 of the committed model, which the tests run: a start need not find out again that it works and answers logits.
/// Another model in its place is tried, as every other one.
const COMMITTED_SHA256: &str = "1c1d823fac75494ce71581e45a1c03a0dae404d82824e1d2cdcbecabec65a307";

/// Checks that a head takes the embeddings of a model.
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

/// A value for each class: the logits of the trained head, where there is one, else the output of the model.
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

/// Runs a model on a picture that nobody sent: 0 is grey, 1 is red.
///
/// # Errors
///
/// What the model fails with, or how many classes it answers if that is not the number of labels.
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

/// ONNX Runtime's messages have several lines; ours have one.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
