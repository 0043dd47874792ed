//! Bytes of an image → its embedding.

use std::time::Instant;

use super::cache::Asked;
use super::{Classifier, ImageInfo, Seen, Timing, milliseconds};
use crate::Error;

/// The embedding of one image.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// As many as [`crate::model::Model::embedding_len`] says.
    pub values: Vec<f32>,
    /// What the image is.
    pub image: ImageInfo,
    /// Where the time went.
    pub timing: Timing,
    /// The image had been seen before, and the embedding is from memory.
    pub cached: bool,
}

impl Classifier {
    /// The embedding of one image, of unit length if `normalize` is set. This is work for a processor: call it off the
    /// async threads.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the image, [`Error::NoFeatures`] if the model has no embeddings, or [`Error::Internal`].
    pub fn embed(
        &self,
        bytes: &[u8],
        normalize: bool,
        budget: &mut upright::Budget,
    ) -> Result<Embedding, Error> {
        let start = Instant::now();
        let Seen { entry, mut timing, cached } = self.see(Asked::Embedding, bytes, budget)?;
        let mut values = entry.values.clone();
        if normalize {
            scale_to_unit_length(&mut values);
        }
        timing.total = milliseconds(start.elapsed());
        Ok(Embedding { values, image: entry.image, timing, cached })
    }
}

/// Divides by the Euclidean norm. Zeros stay zeros.
fn scale_to_unit_length(values: &mut [f32]) {
    let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        values.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_length_needs_a_direction_and_no_value_is_too_large_or_small_for_it() {
        for (values, expected) in [
            ([3.0, -4.0], [0.6, -0.8]),
            ([0.0, 0.0], [0.0, 0.0]),
            ([f32::MAX, 0.0], [1.0, 0.0]),
            ([0.0, 1e-40], [0.0, 1.0]),
        ] {
            let mut scaled = values;
            scale_to_unit_length(&mut scaled);
            assert_eq!(scaled, expected, "{values:?}");
        }
    }
}
