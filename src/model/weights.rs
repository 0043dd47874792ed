//! Reads the weights of a model's own classifier from its graph, because ONNX Runtime does not expose them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use half::{bf16, f16};
use prost::Message as _;

use super::digest;
use super::onnx::{Entry, Graph, Model, Node, Tensor};

/// The supported element types (`TensorProto.DataType` in onnx.proto).
const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT8: i32 = 3;
const FLOAT16: i32 = 10;
const BFLOAT16: i32 = 16;

/// The outputs of a graph, and the size of the matrix between them.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The output with a value for each class.
    pub(super) logits: &'a str,
    /// The output with the last feature map.
    pub(super) features: &'a str,
    pub(super) classes: usize,
    pub(super) channels: usize,
}

/// Reads the weights of the classifier, `[classes, channels]`: the matrix of that size that is nearest to the
/// logits. The shape of a square matrix does not show its order. Then there are two candidates, and the
/// caller has to try them.
///
/// # Errors
///
/// The reason why there are no weights, for the log.
pub(super) fn read(model: &Path, wanted: Wanted<'_>) -> Result<Vec<Vec<f32>>, String> {
    let file = fs::read(model).map_err(|error| error.to_string())?;
    let decoded = Model::decode(Bytes::from(file)).map_err(|error| error.to_string())?;
    let graph = decoded.graph.ok_or("the file holds no graph")?;
    let folder = model.parent().unwrap_or(Path::new(""));
    Constants::of(&graph, folder).classifier(&graph, wanted)
}

/// The tensors of a graph that do not depend on its input.
struct Constants<'a> {
    tensors: HashMap<&'a str, &'a Tensor>,
    /// The folder of weights that are not in the graph.
    folder: &'a Path,
}

impl<'a> Constants<'a> {
    fn of(graph: &'a Graph, folder: &'a Path) -> Self {
        let initializers = graph.initializers.iter().map(|tensor| (&*tensor.name, tensor));
        let nodes = graph.nodes.iter().filter(|node| node.operator == "Constant").filter_map(|node| {
            let value = node.attributes.iter().find_map(|attribute| attribute.tensor.as_ref())?;
            Some((node.outputs.first()?.as_str(), value))
        });
        Self { tensors: initializers.chain(nodes).collect(), folder }
    }

    /// Walks back through the graph from the logits, but not beyond the features, to the first matrix that
    /// fits.
    fn classifier(&self, graph: &Graph, wanted: Wanted<'_>) -> Result<Vec<Vec<f32>>, String> {
        let makers: HashMap<&str, &Node> = graph
            .nodes
            .iter()
            .flat_map(|node| node.outputs.iter().map(move |output| (output.as_str(), node)))
            .collect();
        let (mut seen, mut ways) = (HashSet::new(), VecDeque::from([wanted.logits]));
        while let Some(name) = ways.pop_front() {
            let Some(node) = makers.get(name).filter(|_| name != wanted.features && seen.insert(name)) else {
                continue;
            };
            let fitting =
                |input: &String| self.tensors.get(input.as_str()).and_then(|tensor| order(tensor, wanted));
            if let Some((at, order)) =
                node.inputs.iter().enumerate().find_map(|(at, input)| Some((at, fitting(input)?)))
            {
                return Ok(order.matrices(self.values(node, at, order, wanted)?, wanted));
            }
            ways.extend(node.inputs.iter().map(String::as_str));
        }
        Err(format!(
            "no layer with {} x {} weights leads to {}",
            wanted.classes, wanted.channels, wanted.logits
        ))
    }

    /// The values of a node's input, in stored order. 8-bit values have their scale and zero point in the
    /// next two inputs, one for all classes or one per class.
    fn values(&self, node: &Node, at: usize, order: Order, wanted: Wanted<'_>) -> Result<Vec<f32>, String> {
        let tensor = |at: usize| node.inputs.get(at).and_then(|name| self.tensors.get(name.as_str()));
        let constant = |at: usize| tensor(at).map(|tensor| numbers(tensor, self.folder)).transpose();
        let mut values = constant(at)?.unwrap_or_default();
        let is_quantized = tensor(at).is_some_and(|tensor| matches!(tensor.data_type, INT8 | UINT8));
        if values.len() != wanted.classes * wanted.channels {
            return Err(format!(
                "{} of {} weights are there",
                values.len(),
                wanted.classes * wanted.channels
            ));
        }
        if !is_quantized {
            return Ok(values);
        }
        let scales =
            constant(at + 1)?.ok_or_else(|| format!("the weights of {} have no scale", node.operator))?;
        let zeros = constant(at + 2)?.unwrap_or_else(|| vec![0.0]);
        let fits = |numbers: &[f32]| numbers.len() == 1 || numbers.len() == wanted.classes;
        if !fits(&scales) || !fits(&zeros) {
            return Err(format!("the scales of {} are not those of classes", node.operator));
        }
        let of_class = |numbers: &[f32], class: usize| numbers[if numbers.len() == 1 { 0 } else { class }];
        for (index, value) in values.iter_mut().enumerate() {
            let class = match order {
                Order::ChannelsFirst => index % wanted.classes,
                Order::ClassesFirst | Order::Either => index / wanted.channels,
            };
            *value = (*value - of_class(&zeros, class)) * of_class(&scales, class);
        }
        Ok(values)
    }
}

/// The order in which the weights are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    /// `[classes, channels]`
    ClassesFirst,
    /// `[channels, classes]`
    ChannelsFirst,
    /// The number of channels equals the number of classes, so the order is unknown.
    Either,
}

/// The order of a matrix of the wanted size; `None` if the tensor has another size. Sides of 1, as in a
/// convolution over single pixels, are ignored.
fn order(tensor: &Tensor, wanted: Wanted<'_>) -> Option<Order> {
    let sides = |sides: &[usize]| sides.iter().copied().filter(|&side| side != 1).collect::<Vec<_>>();
    let found: Vec<usize> = tensor.dims.iter().filter_map(|&side| usize::try_from(side).ok()).collect();
    let (found, is_matrix) = (sides(&found), tensor.dims.len() > 1);
    let (classes, channels) = (wanted.classes, wanted.channels);
    if !is_matrix {
        None
    } else if classes == channels && found == sides(&[classes, channels]) {
        Some(Order::Either)
    } else if found == sides(&[classes, channels]) {
        Some(Order::ClassesFirst)
    } else {
        (found == sides(&[channels, classes])).then_some(Order::ChannelsFirst)
    }
}

impl Order {
    /// The possible matrices `[classes, channels]` for values in this order.
    fn matrices(self, values: Vec<f32>, wanted: Wanted<'_>) -> Vec<Vec<f32>> {
        match self {
            Self::ClassesFirst => vec![values],
            Self::ChannelsFirst => vec![transposed(&values, wanted)],
            Self::Either => vec![transposed(&values, wanted), values],
        }
    }
}

fn transposed(values: &[f32], Wanted { classes, .. }: Wanted<'_>) -> Vec<f32> {
    (0..classes).flat_map(|class| values.iter().skip(class).step_by(classes).copied()).collect()
}

/// The numbers of a tensor, wherever it stores them.
fn numbers(tensor: &Tensor, folder: &Path) -> Result<Vec<f32>, String> {
    let read;
    let raw: &[u8] = if tensor.external.is_empty() {
        &tensor.raw
    } else {
        read = external(tensor, folder)?;
        &read
    };
    // A tensor stores its values either as bytes or as numbers.
    let listed = |number: fn(i32) -> f32| tensor.integers.iter().copied().map(number);
    Ok(match tensor.data_type {
        FLOAT => raw
            .as_chunks()
            .0
            .iter()
            .copied()
            .map(f32::from_le_bytes)
            .chain(tensor.floats.iter().copied())
            .collect(),
        FLOAT16 => halves(raw)
            .map(|bits| f16::from_bits(bits).to_f32())
            .chain(listed(|bits| f16::from_bits(bits as u16).to_f32()))
            .collect(),
        BFLOAT16 => halves(raw)
            .map(|bits| bf16::from_bits(bits).to_f32())
            .chain(listed(|bits| bf16::from_bits(bits as u16).to_f32()))
            .collect(),
        INT8 => raw
            .iter()
            .map(|&byte| f32::from(byte.cast_signed()))
            .chain(listed(|number| number as f32))
            .collect(),
        UINT8 => raw.iter().map(|&byte| f32::from(byte)).chain(listed(|number| number as f32)).collect(),
        other => return Err(format!("weights of ONNX's type {other} are not read")),
    })
}

fn halves(raw: &[u8]) -> impl Iterator<Item = u16> {
    raw.as_chunks().0.iter().copied().map(u16::from_le_bytes)
}

/// The bytes of a tensor that is stored in a file next to the graph.
fn external(tensor: &Tensor, folder: &Path) -> Result<Vec<u8>, String> {
    let text =
        |key| tensor.external.iter().find(|entry| entry.key == key).map(|Entry { value, .. }| value.as_str());
    let number =
        |key| text(key).map(str::parse::<u64>).transpose().map_err(|error| format!("{key}: {error}"));
    let name = text("location").and_then(|name| digest::beside(Path::new(name)));
    let path = folder.join(name.ok_or("weights lie in a file that is not beside the graph")?);
    let fault = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = File::open(&path).map_err(fault)?;
    file.seek(SeekFrom::Start(number("offset")?.unwrap_or(0))).map_err(fault)?;
    let mut bytes = Vec::new();
    file.take(number("length")?.unwrap_or(u64::MAX)).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
