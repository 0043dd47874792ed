//! Trains the layer on examples, and measures how good it is.

use super::PictureHash;
use super::cross_validation::{Validation, cross_validate};
use super::examples::Example;
use super::folds::folds;
use super::logistic::Table;

/// A layer that was fitted to all examples, and the results of the cross-validation.
#[derive(Debug, PartialEq)]
pub(crate) struct Trained {
    /// `[classes, channels]`, for embeddings as the model gives them.
    pub(crate) weight: Vec<f32>,
    /// `[classes]`.
    pub(crate) bias: Vec<f32>,
    /// The strength of the penalty as scikit-learn's `C`, for embeddings as the model gives them.
    pub(crate) c: f64,
    /// The mean log loss of the examples, each measured while it was held out.
    pub(crate) log_loss: f64,
    /// The confusion matrix of the examples, each classified while it was held out. Rows are the actual
    /// classes, columns the predicted ones.
    pub(crate) confusion: Vec<Vec<usize>>,
}

impl Trained {
    /// Trains a layer of `classes` classes. The same examples, in the same order, and the same seed give the same layer.
    pub(crate) fn on(examples: &[Example], classes: usize, seed: u64) -> Self {
        let pictures: Vec<(usize, PictureHash)> =
            examples.iter().map(|example| (example.class, example.hash)).collect();
        let scale = Scale::of(examples);
        let values = examples.iter().flat_map(|example| scale.apply(&example.embedding));
        let table = Table::new(values, pictures.iter().map(|&(class, _)| class).collect(), classes);
        let Validation { c, answered, log_loss } = cross_validate(&table, &folds(&pictures, seed));
        let mut confusion = vec![vec![0; classes]; classes];
        for (&(class, _), answer) in pictures.iter().zip(answered) {
            confusion[class][answer] += 1;
        }
        let weights = table.fit(c, |_| true, table.zero()).0;
        let channels = weights.nrows() - 1;
        let (mut weight, mut bias) = (Vec::with_capacity(classes * channels), Vec::with_capacity(classes));
        for column in weights.columns() {
            // Convert the weight of a scaled value and the intercept to those of the unscaled value.
            let of_channels = || column.iter().take(channels).map(|weight| weight / scale.length);
            let shift: f64 = of_channels().zip(&scale.mean).map(|(weight, mean)| weight * mean).sum();
            weight.extend(of_channels().map(|weight| weight as f32));
            bias.push((column[channels] - shift) as f32);
        }
        Self { weight, bias, c: c / (scale.length * scale.length), log_loss, confusion }
    }

    /// Number of examples that were classified correctly while they were held out.
    pub(crate) fn right(&self) -> usize {
        (0..self.confusion.len()).map(|class| self.confusion[class][class]).sum()
    }
}

/// Scales the embeddings of all models to the same range: their mean is 0, and their mean square length 1.
///
/// The intercept absorbs the mean, and the strength of the penalty absorbs the length. So scaling does not
/// change which layers can be found, only which strengths are tried, and the layer applies to the unscaled
/// embedding. Standardising each channel, or scaling each embedding to length 1, was not better:
/// docs/train.md has the figures.
struct Scale {
    mean: Vec<f64>,
    length: f64,
}

impl Scale {
    fn of(examples: &[Example]) -> Self {
        let count = examples.len().max(1) as f64;
        let mut mean = vec![0.0; examples.first().map_or(0, |example| example.embedding.len())];
        for example in examples {
            mean.iter_mut()
                .zip(&example.embedding)
                .for_each(|(mean, &value)| *mean += f64::from(value) / count);
        }
        let scale = Self { mean, length: 1.0 };
        let squares: f64 = examples
            .iter()
            .flat_map(|example| scale.apply(&example.embedding))
            .map(|value| value * value)
            .sum();
        let length = (squares / count).sqrt();
        // If all embeddings are equal, there is nothing to scale.
        Self { length: if length > 0.0 { length } else { 1.0 }, ..scale }
    }

    fn apply<'a>(&'a self, embedding: &'a [f32]) -> impl Iterator<Item = f64> + 'a {
        embedding.iter().zip(&self.mean).map(|(&value, mean)| (f64::from(value) - mean) / self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes of `count` examples each. Their embeddings differ in the first value. The second value is
    /// constant and far from 0, and the third is noise.
    fn examples(count: u8) -> Vec<Example> {
        let of_class = |class: usize| {
            (0..count).map(move |index| {
                let noise = f32::from(index.wrapping_mul(37) % 16) / 16.0;
                let embedding = vec![3.0 * class as f32 + noise, 100.0, noise * noise];
                Example { path: "".into(), hash: [index + 100 * class as u8; 32], class, embedding }
            })
        };
        of_class(0).chain(of_class(1)).collect()
    }

    fn logits(trained: &Trained, embedding: &[f32]) -> Vec<f32> {
        let rows = trained.weight.chunks(embedding.len()).zip(&trained.bias);
        rows.map(|(row, bias)| row.iter().zip(embedding).map(|(w, e)| w * e).sum::<f32>() + bias).collect()
    }

    #[test]
    fn what_can_be_told_apart_is_and_the_layer_is_for_embeddings_as_they_are() {
        let examples = examples(20);
        let trained = Trained::on(&examples, 2, 0);
        assert_eq!(trained.confusion, [[20, 0], [0, 20]]);
        assert_eq!(trained.right(), 40);
        for example in &examples {
            let logits = logits(&trained, &example.embedding);
            assert!(logits[example.class] > logits[1 - example.class] + 1.0, "{logits:?}");
        }
    }

    #[test]
    fn the_same_examples_and_seed_give_the_same_layer() {
        assert_eq!(Trained::on(&examples(9), 2, 5), Trained::on(&examples(9), 2, 5));
    }

    #[test]
    fn embeddings_that_do_not_differ_give_finite_weights() {
        let mut examples = examples(5);
        examples.iter_mut().for_each(|example| example.embedding = vec![0.25; 3]);
        let trained = Trained::on(&examples, 2, 0);
        assert!(trained.weight.iter().chain(&trained.bias).all(|number| number.is_finite()), "{trained:?}");
        assert!(trained.log_loss > 0.6, "{trained:?}");
    }
}
