//! The ONNX session: created once, run for every image.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::session::Session as OrtSession;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::preprocess::Layout;
use super::{Runtime, one_line};
use crate::{Error, StartError};

/// A model loaded into ONNX Runtime.
pub struct Session {
    // `ort` takes `&mut` for a run, since not all of ONNX Runtime is safe to run twice at a time.
    session: Mutex<OrtSession>,
    layout: Layout,
}

impl Session {
    /// Loads a model. Its threads never spin: Lambda freezes the process between requests, and a local machine has
    /// other work to do.
    ///
    /// # Errors
    ///
    /// [`StartError::Bundle`] if ONNX Runtime refuses the file or the model does not take one RGB image.
    pub fn load(runtime: &Runtime, path: &Path, intra_threads: usize) -> Result<Self, StartError> {
        let fault = |what: String| {
            // The path once is enough.
            let told = format!("Load model from {} failed:", path.display());
            let what = what.strip_prefix(&told).unwrap_or(&what);
            StartError::Bundle(format!("{}: {}", path.display(), one_line(what)))
        };
        let build = || -> ort::Result<OrtSession> {
            OrtSession::builder(&runtime.environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(intra_threads)?
                .with_inter_threads(1)?
                .with_intra_op_spinning(false)?
                .with_inter_op_spinning(false)?
                .commit_from_file(path)
        };
        let session = build().map_err(|error| fault(error.to_string()))?;
        let layout = input_layout(&session).map_err(fault)?;
        Ok(Self { session: Mutex::new(session), layout })
    }

    /// Order of the dimensions that the model takes.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Runs the model on one image.
    ///
    /// `tensor` holds `3 * height * width` values in [`Self::layout`]'s order, `(width, height)` is in pixels. The
    /// answer is the first output of the model, a value a class.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if ONNX Runtime fails.
    pub fn run(&self, tensor: &[f32], (width, height): (u32, u32)) -> Result<Vec<f32>, Error> {
        let (width, height) = (i64::from(width), i64::from(height));
        let shape = match self.layout {
            Layout::Nchw => [1, 3, height, width],
            Layout::Nhwc => [1, height, width, 3],
        };
        let input = TensorRef::from_array_view((shape, tensor)).map_err(Error::internal)?;
        // A panic elsewhere in a run leaves nothing half-done in the session.
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(ort::inputs![input]).map_err(Error::internal)?;
        let output = outputs.values().next().ok_or_else(|| Error::internal("the model has no output"))?;
        let (_, scores) = output.try_extract_tensor::<f32>().map_err(Error::internal)?;
        Ok(scores.to_vec())
    }
}

/// Finds out whether the one input takes planes or pixels.
fn input_layout(session: &OrtSession) -> Result<Layout, String> {
    let [input] = session.inputs() else {
        return Err(format!("the model has {} inputs; one image is supported", session.inputs().len()));
    };
    let ValueType::Tensor { ty, shape, .. } = input.dtype() else {
        return Err(format!("the input {} is no tensor", input.name()));
    };
    if *ty != TensorElementType::Float32 {
        return Err(format!("the input {} is of type {ty}; f32 is supported", input.name()));
    }
    match shape[..] {
        // -1 is a free dimension.
        [-1 | 1, 3, _, _] => Ok(Layout::Nchw),
        [-1 | 1, _, _, 3] => Ok(Layout::Nhwc),
        [-1 | 1, -1, _, _] => Ok(Layout::Nchw),
        _ => Err(format!(
            "the input {} has shape {:?}; [1, 3, height, width] or [1, height, width, 3] is supported",
            input.name(),
            &shape[..]
        )),
    }
}
