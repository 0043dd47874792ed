//! The ONNX session: created once, run for every image.

use std::path::Path;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use ort::logging::LogLevel;
use ort::session::Session as OrtSession;
use ort::session::SessionInputValue;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{DynValue, Outlet, TensorElementType, TensorRef, ValueType};

use super::pool::Pool;
use super::preprocess::Layout;
use super::{Runtime, one_line};
use crate::{Error, StartError};

/// A model loaded into ONNX Runtime.
pub struct Session {
    pool: Pool<OrtSession>,
    input: Input,
    output: Output,
}

/// The output that holds a value a class.
struct Output {
    name: String,
    is_f16: bool,
    /// Number of classes, where the model fixes it.
    classes: Option<usize>,
}

/// The one input of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Input {
    pub(super) layout: Layout,
    pub(super) element: Element,
    /// Width and height in pixels, where the model fixes them.
    pub(super) size: (Option<u32>, Option<u32>),
}

/// What a pixel's channel is to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F16,
    /// Whole bytes: the model scales them itself.
    U8,
}

impl Session {
    /// Loads a model, for `concurrency` runs at the same time. A run that is alone has `intra_threads` threads; those that
    /// come while it runs have one each, since by then the processors are shared. No thread spins: Lambda freezes the
    /// process between requests, and a local machine has other work to do.
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
            // The path once is enough.
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
        // What goes wrong is told once, by the error.
        runtime.environment.set_log_level(LogLevel::Fatal);
        let pool = Pool::new(intra_threads, concurrency, build);
        runtime.environment.set_log_level(LogLevel::Warning);
        let pool = pool.map_err(|error| fault(error.to_string()))?;
        let described =
            pool.with(|session| Ok((read_input(session.inputs()), read_output(session.outputs()))));
        let (input, output) = described.map_err(|error| fault(error.to_string()))?;
        Ok(Self { pool, input: input.map_err(fault)?, output: output.map_err(fault)? })
    }

    /// What the model takes.
    pub(super) fn input(&self) -> Input {
        self.input
    }

    /// Whether the model answers half-precision numbers.
    pub(super) fn is_output_f16(&self) -> bool {
        self.output.is_f16
    }

    /// Number of values that the model answers, where it fixes it.
    pub(super) fn classes(&self) -> Option<usize> {
        self.output.classes
    }

    /// A text that the exporter wrote into the model.
    pub(super) fn metadata(&self, key: &str) -> Option<String> {
        self.pool
            .with(|session| Ok(session.metadata().ok().and_then(|metadata| metadata.custom(key))))
            .ok()?
    }

    /// Runs the model on one image.
    ///
    /// `tensor` holds `3 * height * width` values in the order of the input's layout, `(width, height)` is in pixels.
    /// The answer is the model's output, a value a class.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if ONNX Runtime fails.
    pub fn run(&self, tensor: &[f32], (width, height): (u32, u32)) -> Result<Vec<f32>, Error> {
        let (width, height) = (i64::from(width), i64::from(height));
        let shape = match self.input.layout {
            Layout::Nchw => [1, 3, height, width],
            Layout::Nhwc => [1, height, width, 3],
        };
        match self.input.element {
            Element::F32 => self.run_on(TensorRef::from_array_view((shape, tensor))),
            Element::F16 => {
                let mut halves = vec![f16::ZERO; tensor.len()];
                halves.convert_from_f32_slice(tensor);
                self.run_on(TensorRef::from_array_view((shape, &halves[..])))
            }
            Element::U8 => {
                // Whole numbers from 0 to 255: nothing else was accepted when the model was loaded.
                let bytes: Vec<u8> = tensor.iter().map(|&value| value as u8).collect();
                self.run_on(TensorRef::from_array_view((shape, &bytes[..])))
            }
        }
    }

    fn run_on<'v>(&self, input: ort::Result<impl Into<SessionInputValue<'v>>>) -> Result<Vec<f32>, Error> {
        let input = input.map_err(Error::internal)?;
        self.pool.with(|session| {
            let outputs = session.run(ort::inputs![input]).map_err(Error::internal)?;
            let output =
                outputs.get(&self.output.name).ok_or_else(|| Error::internal("the model has no output"))?;
            values(output).map_err(Error::internal)
        })
    }
}

/// The values of an output, whatever its shape.
fn values(output: &DynValue) -> ort::Result<Vec<f32>> {
    if let Ok((_, values)) = output.try_extract_tensor::<f16>() {
        return Ok(values.to_f32_vec());
    }
    output.try_extract_tensor::<f32>().map(|(_, values)| values.to_vec())
}

/// A message of ONNX Runtime without the file, line and function of its own code that raised it.
fn without_origin(message: &str) -> &str {
    let origin = message.strip_prefix("/onnxruntime_src/").and_then(|rest| rest.split_once(") "));
    origin.map_or(message, |(_, what)| what)
}

/// Finds out what a picture must become.
fn read_input(inputs: &[Outlet]) -> Result<Input, String> {
    let [input] = inputs else {
        return Err(format!("the model has {} inputs; one image is supported", inputs.len()));
    };
    let name = input.name();
    let ValueType::Tensor { ty, shape, .. } = input.dtype() else {
        return Err(format!("the input {name} is no tensor"));
    };
    let element = match ty {
        TensorElementType::Float32 => Element::F32,
        TensorElementType::Float16 => Element::F16,
        TensorElementType::Uint8 => Element::U8,
        other => return Err(format!("the input {name} is of type {other}; f32, f16 and u8 are supported")),
    };
    // -1 is a free dimension.
    let (layout, height, width) = match shape[..] {
        [-1 | 1, 3, height, width] => (Layout::Nchw, height, width),
        [-1 | 1, height, width, 3] => (Layout::Nhwc, height, width),
        [-1 | 1, -1, height, width] => (Layout::Nchw, height, width),
        _ => {
            return Err(format!(
                "the input {name} has shape {:?}; [1, 3, height, width] or [1, height, width, 3] is supported",
                &shape[..]
            ));
        }
    };
    let side = |length: i64| u32::try_from(length).ok();
    Ok(Input { layout, element, size: (side(width), side(height)) })
}

/// Of several outputs the one called logits is taken, else the first.
fn read_output(outputs: &[Outlet]) -> Result<Output, String> {
    let named = outputs.iter().find(|output| output.name() == "logits").or_else(|| outputs.first());
    let output = named.ok_or("the model has no output")?;
    let name = output.name();
    let ValueType::Tensor { ty, shape, .. } = output.dtype() else {
        return Err(format!("the output {name} is not a tensor"));
    };
    let is_f16 = match ty {
        TensorElementType::Float32 => false,
        TensorElementType::Float16 => true,
        _ => return Err(format!("the output {name} is of type {ty}; f32 and f16 are supported")),
    };
    let classes = shape.last().and_then(|&count| usize::try_from(count).ok());
    Ok(Output { name: name.to_owned(), is_f16, classes })
}
