//! `head.safetensors`: a linear layer that was trained on a model's embeddings and replaces its classifier.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// The name of the file in a bundle.
pub(crate) const FILE: &str = "head.safetensors";

/// The metadata key for the SHA-256 of the model that made the embeddings.
const BACKBONE: &str = "backbone_sha256";

/// A linear layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinearHead {
    /// `[classes, channels]`, row by row.
    weight: Vec<f32>,
    /// `[classes]`.
    bias: Vec<f32>,
    channels: usize,
    /// SHA-256 of the model that makes the embeddings, in hexadecimal, if the file contains it.
    backbone_sha256: Option<String>,
}

impl LinearHead {
    /// A head of `bias.len()` classes; `weight` is `[classes, channels]`.
    pub(crate) fn new(weight: Vec<f32>, bias: Vec<f32>, backbone_sha256: String) -> Self {
        let channels = weight.len() / bias.len().max(1);
        Self { weight, bias, channels, backbone_sha256: Some(backbone_sha256) }
    }

    /// Reads the file: the tensors `weight`, `[classes, channels]`, and `bias`, `[classes]`, both f32.
    ///
    /// # Errors
    ///
    /// What is wrong with the file.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let fault = |error: safetensors::SafeTensorError| format!("it is not a safetensors file: {error}");
        let (_, metadata) = SafeTensors::read_metadata(file).map_err(fault)?;
        let backbone_sha256 = metadata.metadata().as_ref().and_then(|texts| texts.get(BACKBONE).cloned());
        let tensors = SafeTensors::deserialize(file).map_err(fault)?;
        let tensor = |name| tensors.tensor(name).map_err(|_| format!("it has no tensor {name}"));
        let (weight, bias) = (tensor("weight")?, tensor("bias")?);
        if weight.dtype() != Dtype::F32 || bias.dtype() != Dtype::F32 {
            return Err("weight and bias must be of type F32".to_owned());
        }
        match (weight.shape(), bias.shape()) {
            (&[classes, channels], &[biases]) if classes == biases && classes > 0 && channels > 0 => {
                let (weight, bias) = (numbers(weight.data()), numbers(bias.data()));
                if weight.iter().chain(&bias).any(|number| !number.is_finite()) {
                    return Err("it holds a number that is not finite".to_owned());
                }
                Ok(Self { weight, bias, channels, backbone_sha256 })
            }
            (weight, bias) => Err(format!(
                "weight must be [classes, channels] and bias [classes], but they are {weight:?} and {bias:?}"
            )),
        }
    }

    /// Returns the file that [`LinearHead::read`] reads. The same head always has the same bytes.
    ///
    /// # Errors
    ///
    /// An error of the `safetensors` crate.
    pub(crate) fn to_file(&self) -> Result<Vec<u8>, String> {
        let (weight, bias) = (bytes(&self.weight), bytes(&self.bias));
        let view = |shape, data| TensorView::new(Dtype::F32, shape, data).map_err(|error| error.to_string());
        let tensors = [
            ("weight", view(vec![self.classes(), self.channels], &weight)?),
            ("bias", view(vec![self.classes()], &bias)?),
        ];
        let metadata = self.backbone_sha256.iter().map(|sha256| (BACKBONE.to_owned(), sha256.clone()));
        safetensors::serialize(tensors, Some(metadata.collect())).map_err(|error| error.to_string())
    }

    /// Number of classes, 1 or more.
    pub(crate) fn classes(&self) -> usize {
        self.bias.len()
    }

    /// `[classes, channels]`, row by row.
    pub(super) fn weight(&self) -> &[f32] {
        &self.weight
    }

    /// Number of values in an embedding.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// SHA-256 of the model that makes the embeddings, if the file contains it.
    pub(super) fn backbone_sha256(&self) -> Option<&str> {
        self.backbone_sha256.as_deref()
    }

    /// Returns a logit for each class: the product of the weights and an embedding of
    /// [`LinearHead::channels`] values, plus the bias.
    pub(crate) fn logits(&self, embedding: &[f32]) -> Vec<f32> {
        let product = |weights: &[f32]| {
            weights
                .iter()
                .zip(embedding)
                .map(|(&weight, &value)| f64::from(weight) * f64::from(value))
                .sum::<f64>()
        };
        let classes = self.weight.chunks_exact(self.channels).zip(&self.bias);
        classes.map(|(weights, &bias)| (product(weights) + f64::from(bias)) as f32).collect()
    }
}

/// Reads little-endian numbers.
pub(crate) fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect()
}

/// Writes numbers as little-endian bytes.
pub(crate) fn bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> LinearHead {
        LinearHead::new(vec![1.0, 2.0, -1.0, 0.5, 0.0, 4.0], vec![0.5, -0.25], "ab".to_owned())
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let file = head().to_file().unwrap();
        assert_eq!(LinearHead::read(&file).unwrap(), head());
        assert_eq!(head().to_file().unwrap(), file);
    }

    #[test]
    fn logits_are_weights_times_embedding_plus_bias() {
        assert_eq!(head().logits(&[1.0, 10.0, 100.0]), [-78.5, 400.25]);
    }

    #[test]
    fn a_file_that_is_no_head_is_refused_with_the_reason() {
        let file = |tensors: &[(&str, Dtype, &[usize])]| {
            let zeros = [0; 64];
            let views = tensors.iter().map(|&(name, dtype, shape)| {
                let length = shape.iter().product::<usize>() * dtype.bitsize() / 8;
                (name, TensorView::new(dtype, shape.to_vec(), &zeros[..length]).unwrap())
            });
            safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
        };
        use Dtype::{F16, F32};
        let mut not_finite = head();
        not_finite.bias[0] = f32::NAN;
        for (file, expected) in [
            (b"PK\x03\x04 or the like".to_vec(), "it is not a safetensors file: "),
            (head().to_file().unwrap()[..40].to_vec(), "it is not a safetensors file: "),
            (file(&[("weight", F32, &[2, 3])]), "it has no tensor bias"),
            (file(&[("weight", F16, &[2, 3]), ("bias", F32, &[2])]), "must be of type F32"),
            (file(&[("weight", F32, &[2, 3]), ("bias", F32, &[3])]), "but they are [2, 3] and [3]"),
            (file(&[("weight", F32, &[0, 3]), ("bias", F32, &[0])]), "but they are [0, 3] and [0]"),
            (file(&[("weight", F32, &[3]), ("bias", F32, &[3])]), "but they are [3] and [3]"),
            (not_finite.to_file().unwrap(), "a number that is not finite"),
        ] {
            let message = LinearHead::read(&file).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
