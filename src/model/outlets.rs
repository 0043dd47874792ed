//! The input and the outputs of an ONNX graph.

use ort::value::{Outlet, TensorElementType, ValueType};

use super::preprocess::Layout;

/// One output of a model.
pub(super) struct Output {
    pub(super) name: String,
    pub(super) is_f16: bool,
    /// Number of classes of the logits, or channels of the features, if the model fixes it.
    pub(super) length: Option<usize>,
    /// Whether it is a map, `[N, C, height, width]`.
    pub(super) is_map: bool,
}

/// The one input of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Input {
    pub(super) layout: Layout,
    pub(super) element: Element,
    /// Width and height in pixels, if the model fixes them.
    pub(super) size: (Option<u32>, Option<u32>),
}

/// The type of the input's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F16,
    /// Raw bytes: the model scales them itself.
    U8,
}

/// Determines the format of the input.
pub(super) fn read_input(inputs: &[Outlet]) -> Result<Input, String> {
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
    // -1 is a dynamic dimension.
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

/// The name of the output that holds the last feature map or the embedding.
const FEATURES: &str = "features";

/// Finds the logits, and the features if there are any. If there are several outputs, the logits are the one
/// with that name, else the first.
pub(super) fn read_outputs(outputs: &[Outlet]) -> Result<(Output, Option<Output>), String> {
    let named = outputs.iter().find(|output| output.name() == "logits");
    let logits = named
        .or_else(|| outputs.iter().find(|output| output.name() != FEATURES))
        .or_else(|| outputs.first())
        .ok_or("the model has no output")?;
    let features = outputs.iter().find(|output| output.name() == FEATURES && output.name() != logits.name());
    Ok((read_output(logits)?, features.and_then(read_features)))
}

fn read_output(output: &Outlet) -> Result<Output, String> {
    let name = output.name();
    let ValueType::Tensor { ty, shape, .. } = output.dtype() else {
        return Err(format!("the output {name} is not a tensor"));
    };
    let is_f16 = match ty {
        TensorElementType::Float32 => false,
        TensorElementType::Float16 => true,
        _ => return Err(format!("the output {name} is of type {ty}; f32 and f16 are supported")),
    };
    let length = shape.last().and_then(|&count| usize::try_from(count).ok());
    Ok(Output { name: name.to_owned(), is_f16, length, is_map: shape.len() == 4 })
}

/// Reads the features: `[N, C, height, width]` or `[N, C]`, with a fixed number of channels. If the output of
/// that name is something else, the model can still serve labels.
fn read_features(output: &Outlet) -> Option<Output> {
    let ValueType::Tensor { shape, .. } = output.dtype() else { return None };
    let channels = match shape[..] {
        [-1 | 1, channels] | [-1 | 1, channels, _, _] => usize::try_from(channels).ok()?,
        _ => return None,
    };
    Some(Output { length: Some(channels), ..read_output(output).ok()? })
}
