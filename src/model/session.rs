//! The ONNX Runtime session: created once, run for every image.

use std::path::Path;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use ort::logging::LogLevel;
use ort::session::Session as OrtSession;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{OutputSelector, RunOptions, SessionInputValue, SessionOutputs};
use ort::value::TensorRef;

use super::heat_map::{self, FeatureMap};
use super::outlets::{Element, Input, Output, read_input, read_outputs};
use super::pool::Pool;
use super::preprocess::Layout;
use super::{Runtime, one_line};
use crate::{Error, StartError};

/// A model loaded into ONNX Runtime.
pub struct Session {
    pool: Pool<OrtSession>,
    input: Input,
    logits: Output,
    features: Option<Output>,
}

impl Session {
    /// Loads a model for `concurrency` concurrent runs. A run that is alone has `intra_threads` threads. Runs
    /// that start while it is running have one thread each, because the processors are then shared. Threads
    /// do not spin: Lambda freezes the process between requests, and a local machine has other work to do.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if ONNX Runtime refuses the file or the model does not take one RGB image.
    pub fn load(
        runtime: &Runtime,
        path: &Path,
        intra_threads: usize,
        concurrency: usize,
    ) -> Result<Self, StartError> {
        let fault = |what: String| {
            // Do not repeat the path.
            let told = format!("Load model from {} failed:", path.display());
            let what = what.strip_prefix(&told).unwrap_or(&what);
            let what = without_origin(what.trim_start());
            StartError::Bundle(format!("{}: {}", path.display(), one_line(what)))
        };
        let build = |intra_threads: usize| -> ort::Result<OrtSession> {
            OrtSession::builder(&runtime.environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(intra_threads)?
                .with_inter_threads(1)?
                .with_intra_op_spinning(false)?
                .with_inter_op_spinning(false)?
                .commit_from_file(path)
        };
        // The returned error reports the failure; do not log it as well.
        runtime.environment.set_log_level(LogLevel::Fatal);
        let pool = Pool::new(intra_threads, concurrency, build);
        runtime.environment.set_log_level(LogLevel::Warning);
        let pool = pool.map_err(|error| fault(error.to_string()))?;
        let described =
            pool.with(|session| Ok((read_input(session.inputs()), read_outputs(session.outputs()))));
        let (input, outputs) = described.map_err(|error| fault(error.to_string()))?;
        let input = input.map_err(fault)?;
        let (logits, features) = outputs.map_err(fault)?;
        Ok(Self { pool, input, logits, features })
    }

    /// The model's input.
    pub(super) fn input(&self) -> Input {
        self.input
    }

    /// Whether the model's outputs are half-precision numbers.
    pub(super) fn is_output_f16(&self) -> bool {
        self.logits.is_f16
    }

    /// Number of values in the model's output, if the model fixes it.
    pub(super) fn classes(&self) -> Option<usize> {
        self.logits.length
    }

    /// Number of values in an embedding; `None` if the model has no output `features`.
    pub(super) fn embedding_len(&self) -> Option<usize> {
        self.features.as_ref()?.length
    }

    /// Whether the model has an output `features` that is a map, `[N, C, height, width]`.
    pub(super) fn has_feature_map(&self) -> bool {
        self.features.as_ref().is_some_and(|features| features.is_map)
    }

    /// The names of the outputs for the logits and the features, and the number of channels of the features.
    pub(super) fn outlets(&self) -> Option<(&str, &str, usize)> {
        let features = self.features.as_ref()?;
        Some((&self.logits.name, &features.name, features.length?))
    }

    /// A text that the exporter wrote into the model's metadata.
    pub(super) fn metadata(&self, key: &str) -> Option<String> {
        self.pool
            .with(|session| Ok(session.metadata().ok().and_then(|metadata| metadata.custom(key))))
            .ok()?
    }

    /// Runs the model on one image.
    ///
    /// `tensor` holds `3 * height * width` values in the layout of the input; `(width, height)` is in pixels.
    /// Returns the model's output, one value per class.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if ONNX Runtime fails.
    pub fn run(&self, tensor: &[f32], size: (u32, u32)) -> Result<Vec<f32>, Error> {
        let logits = &self.logits;
        self.run_for(&[logits], tensor, size, |outputs| logits.read(outputs, |_, values| Ok(values.to_vec())))
    }

    /// The embedding of one image, with the arguments of [`Session::run`]: the output `features`. If this is
    /// a feature map `[1, C, height, width]`, the embedding is the mean of each channel.
    ///
    /// # Errors
    ///
    /// [`Error::NoFeatures`] if the model has no such output, [`Error::Internal`] if ONNX Runtime fails.
    pub(super) fn embedding(&self, tensor: &[f32], size: (u32, u32)) -> Result<Vec<f32>, Error> {
        let features = self.features.as_ref().ok_or(Error::NoFeatures)?;
        let means = |shape: &[i64], values: &[f32]| embedding_of(shape, values, features.length);
        self.run_for(&[features], tensor, size, |outputs| features.read(outputs, means))
    }

    /// The last feature map of one image, with the arguments of [`Session::run`].
    ///
    /// # Errors
    ///
    /// [`Error::NoFeatures`] if the model has no features, [`Error::Internal`] if ONNX Runtime fails or they are not a
    /// map.
    pub(super) fn feature_map(&self, tensor: &[f32], size: (u32, u32)) -> Result<FeatureMap, Error> {
        let features = self.features.as_ref().ok_or(Error::NoFeatures)?;
        self.run_for(&[features], tensor, size, |outputs| features.read_map(outputs))
    }

    /// The results of [`Session::run`] and [`Session::feature_map`], from a single run.
    ///
    /// # Errors
    ///
    /// Those of both.
    pub(super) fn run_with_map(
        &self,
        tensor: &[f32],
        size: (u32, u32),
    ) -> Result<(Vec<f32>, FeatureMap), Error> {
        let (logits, features) = (&self.logits, self.features.as_ref().ok_or(Error::NoFeatures)?);
        self.run_for(&[logits, features], tensor, size, |outputs| {
            Ok((logits.read(outputs, |_, values| Ok(values.to_vec()))?, features.read_map(outputs)?))
        })
    }

    /// Runs the model for some of its outputs. `read` converts them to the result.
    fn run_for<T>(
        &self,
        wanted: &[&Output],
        tensor: &[f32],
        (width, height): (u32, u32),
        read: impl FnOnce(&SessionOutputs<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (width, height) = (i64::from(width), i64::from(height));
        let shape = match self.input.layout {
            Layout::Nchw => [1, 3, height, width],
            Layout::Nhwc => [1, height, width, 3],
        };
        let run = |input: ort::Result<SessionInputValue<'_>>| {
            let input = input.map_err(Error::internal)?;
            let selector =
                wanted.iter().fold(OutputSelector::no_default(), |all, output| all.with(&output.name));
            let options = RunOptions::new().map_err(Error::internal)?.with_outputs(selector);
            self.pool.with(|session| {
                read(&session.run_with_options(ort::inputs![input], &options).map_err(Error::internal)?)
            })
        };
        match self.input.element {
            Element::F32 => run(TensorRef::from_array_view((shape, tensor)).map(Into::into)),
            Element::F16 => {
                let mut halves = vec![f16::ZERO; tensor.len()];
                halves.convert_from_f32_slice(tensor);
                run(TensorRef::from_array_view((shape, &halves[..])).map(Into::into))
            }
            Element::U8 => {
                // Whole numbers from 0 to 255: any other preprocessing was refused when the model was loaded.
                let bytes: Vec<u8> = tensor.iter().map(|&value| value as u8).collect();
                run(TensorRef::from_array_view((shape, &bytes[..])).map(Into::into))
            }
        }
    }
}

impl Output {
    /// Passes the shape and the values of this output to `read`.
    fn read<T>(
        &self,
        outputs: &SessionOutputs<'_>,
        read: impl FnOnce(&[i64], &[f32]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let missing = || Error::internal(format!("the model has no output {}", self.name));
        let output = outputs.get(&self.name).ok_or_else(missing)?;
        if let Ok((shape, values)) = output.try_extract_tensor::<f16>() {
            return read(shape, &values.to_f32_vec());
        }
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(Error::internal)?;
        read(shape, values)
    }

    fn read_map(&self, outputs: &SessionOutputs<'_>) -> Result<FeatureMap, Error> {
        let channels = self.length.unwrap_or_default();
        self.read(outputs, |shape, values| FeatureMap::new(shape, values, channels))
    }
}

/// The mean of each channel of a feature map `[1, C, height, width]`; an embedding `[1, C]` stays as it is.
fn embedding_of(shape: &[i64], values: &[f32], channels: Option<usize>) -> Result<Vec<f32>, Error> {
    let channels = channels.unwrap_or_default();
    let is_of_channels =
        shape.get(1).is_some_and(|&found| usize::try_from(found).is_ok_and(|found| found == channels));
    let area = values.len().checked_div(channels).unwrap_or_default();
    if !is_of_channels || area == 0 || area * channels != values.len() {
        return Err(Error::internal(format!("the features have shape {shape:?}, not {channels} channels")));
    }
    let means = heat_map::channel_means(values, area);
    match means.iter().position(|mean| !mean.is_finite()) {
        Some(channel) => Err(Error::internal(format!("feature {channel} is {}", means[channel]))),
        None => Ok(means),
    }
}

/// Removes the source file, line and function from a message of ONNX Runtime.
fn without_origin(message: &str) -> &str {
    let origin = message.strip_prefix("/onnxruntime_src/").and_then(|rest| rest.split_once(") "));
    origin.map_or(message, |(_, what)| what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedding_is_the_mean_of_each_channel_or_the_vector_itself() {
        let map = [1.0, 2.0, 3.0, 6.0, -1.0, 0.0, 0.0, 0.0];
        assert_eq!(embedding_of(&[1, 2, 2, 2], &map, Some(2)).unwrap(), [3.0, -0.25]);
        assert_eq!(embedding_of(&[1, 3], &map[..3], Some(3)).unwrap(), map[..3]);
        let not_finite = [f32::NAN, f32::INFINITY];
        for (shape, values) in [(&[1, 3][..], &map[..3]), (&[1, 2, 0, 0], &[]), (&[1, 2], &not_finite)] {
            let error = embedding_of(shape, values, Some(2)).unwrap_err();
            assert_eq!(error.code(), "internal", "{shape:?}");
        }
    }
}
