//! RGB pixels → predictions: the model bundle, ONNX Runtime, and what stands before and after a run.
//!
//! The data's way: [`Bundle`] says what the model wants, [`Preprocessor`] makes the tensor, [`Session`] turns
//! it into logits, `top_k` turns those into [`Prediction`]s. Nothing here knows HTTP, Lambda or files of images.

mod bundle;
mod denied;
mod digest;
mod elf;
mod fields;
mod front_matter;
mod geometry;
mod head;
mod labels;
mod model_config;
mod model_file;
mod pool;
mod prediction;
mod preprocess;
mod preprocessor_config;
mod processor_settings;
mod processors;
mod resize;
mod runtime;
mod session;
mod timm;
mod top_k;
mod ultralytics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::image::RgbImage;

pub use bundle::{Bundle, Card};
use denied::Denied;
pub use head::Function;
use head::Head;
pub use labels::{Label, Labels};
pub use prediction::Prediction;
pub use preprocess::{Layout, Preprocessor};
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
    head: Head,
    denied: Denied,
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
        let (session, sha256) = std::thread::scope(|scope| {
            let hash = scope.spawn(|| bundle.sha256());
            let session = Session::load(runtime, &bundle.model_path, intra_threads, concurrency);
            (session, hash.join())
        });
        // A file that is not the one of the card comes first: what ONNX Runtime makes of it only follows from that.
        let sha256 = sha256.map_err(|_| StartError::Bundle("hashing the model failed".to_owned()))??;
        let session = session?;
        let (preprocessor, labels) = (bundle.preprocessor(&session)?, bundle.labels(&session)?);
        let denied = Denied::read(deny_labels, &labels).map_err(StartError::Config)?;
        let fault = |what| StartError::Bundle(format!("{}: {what}", bundle.model_path.display()));
        let (problem, declared) = (bundle.problem, bundle.graph_output(&session));
        let head = if sha256 == COMMITTED_SHA256 && session.classes() == Some(labels.len()) {
            Head::of_logits(problem, declared)
        } else {
            None
        };
        let head = match head {
            Some(head) => head,
            None => Head::detect(problem, declared, session.is_output_f16(), |picture| {
                trial(&session, &preprocessor, &labels, picture)
            })
            .map_err(fault)?,
        };
        Ok(Self { card: Card { sha256, ..bundle.card }, labels, preprocessor, session, head, denied })
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
        let start = Instant::now();
        let tensor = self.preprocessor.tensor(raster, self.session.input().layout)?;
        let preprocessed = Instant::now();
        let outputs = self.session.run(&tensor, self.preprocessor.output_size())?;
        let inference = preprocessed.elapsed();
        self.head.check(&outputs)?;
        Ok((outputs, RunTimes { preprocess: preprocessed - start, inference }))
    }

    /// What makes scores of outputs: `function`, or else what the model is for.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] if the model cannot have this function.
    pub fn scoring(&self, function: Option<Function>) -> Result<Scoring, Error> {
        self.head.applying(function).map(Scoring)
    }

    /// The `top_k` labels with the highest scores that are not denied and whose score is at least `min_score`, highest first,
    /// ties by class id.
    ///
    /// `top_k` above the number of classes gives all of them.
    pub fn rank(&self, probabilities: &[f32], top_k: usize, min_score: f32) -> Vec<Prediction> {
        top_k::top_k(probabilities, top_k, |class_id| !self.denied.holds(class_id))
            .into_iter()
            .filter(|&(_, score)| score >= min_score)
            .filter_map(|(class_id, score)| {
                let label = Arc::clone(self.labels.get(class_id)?);
                Some(Prediction { class_id, score, label })
            })
            .collect()
    }
}

/// Makes scores of outputs.
#[derive(Clone, Copy, Debug)]
pub struct Scoring(Head);

impl Scoring {
    /// The scores of outputs: probabilities, from 0 to 1, unless they were asked for as they are.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if there are no outputs.
    pub fn of(self, outputs: &[f32]) -> Result<Vec<f32>, Error> {
        let mut scores = outputs.to_vec();
        self.0.scores(&mut scores)?;
        Ok(scores)
    }
}

/// SHA-256 of the committed model, which the tests run: a start need not find out again that it works and answers logits.
/// Another model in its place is tried, as every other one.
const COMMITTED_SHA256: &str = "d9d121a12bf4d8877a46f1a573476724d1d68b39f1d7aea9de6053379f9a5889";

/// Runs a model on a picture that nobody sent: 0 is grey, 1 is red.
///
/// # Errors
///
/// What the model fails with, or how many classes it answers if that is not the number of labels.
fn trial(
    session: &Session,
    preprocessor: &Preprocessor,
    labels: &Labels,
    picture: usize,
) -> Result<Vec<f32>, String> {
    let (name, color) = if picture == 0 { ("grey", [128; 3]) } else { ("red", [255, 0, 0]) };
    let rgb = RgbImage::from_pixel(64, 64, ::image::Rgb(color));
    let output = preprocessor
        .tensor(&rgb.into(), session.input().layout)
        .and_then(|tensor| session.run(&tensor, preprocessor.output_size()))
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
