//! Explains predictions with heat maps: one run for outputs and feature map, and the weights that turn the
//! map into evidence.

use std::path::Path;

use ::image::{Rgb, RgbImage};

use super::head::Head;
use super::heat_map::{FeatureMap, HeatMap, Region};
use super::weights::{self, Wanted};
use super::{LinearHead, Model, Preprocessor, RunTimes, Session};
use crate::Error;
use upright::Raster;

/// The data of a run from which heat maps are made.
#[derive(Debug)]
pub struct Evidence {
    map: FeatureMap,
    region: Region,
}

impl Model {
    /// Checks whether heat maps are available for this model. The first call reads the weights of the
    /// classifier.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] gives the reason and a remedy.
    pub fn check_explains(&self) -> Result<(), Error> {
        self.classifier_weights().map(|_| ())
    }

    /// As [`Model::outputs`], and also returns the data for heat maps.
    ///
    /// # Errors
    ///
    /// Those of [`Model::outputs`] and of [`Model::check_explains`].
    pub fn explained(&self, raster: &Raster) -> Result<(Vec<f32>, Evidence, RunTimes), Error> {
        self.check_explains()?;
        let ((outputs, map), times) =
            self.timed(raster, |session, tensor, size| run(session, self.linear.as_ref(), tensor, size))?;
        self.head.check(&outputs)?;
        let (width, height) = raster.size();
        Ok((outputs, Evidence { map, region: self.preprocessor.region(width, height) }, times))
    }

    /// The contribution of each place of the feature map, row by row, to the logit of classes with these
    /// factors, `(class, factor)`. For one class with factor 1, the mean of the contributions is the logit
    /// minus the bias. In a model of 8-bit integers this is not exact, because it rounds the means before its
    /// classifier.
    ///
    /// # Errors
    ///
    /// Those of [`Model::check_explains`]. [`Error::Internal`] if there is no such class.
    pub fn evidence(
        &self,
        evidence: &Evidence,
        classes: impl Iterator<Item = (usize, f32)>,
    ) -> Result<Vec<f64>, Error> {
        let mut sum = Vec::new();
        for (class_id, factor) in classes {
            let weights = self.class_weights(class_id)?;
            sum.resize(weights.len(), 0.0);
            for (sum, weight) in sum.iter_mut().zip(weights) {
                *sum += factor * weight;
            }
        }
        Ok(evidence.map.evidence(&sum))
    }

    /// The heat map of classes with these factors, `(class, factor)`: of one class, or of all classes of a
    /// category.
    pub(super) fn heat_map(
        &self,
        evidence: &Evidence,
        classes: impl Iterator<Item = (usize, f32)>,
    ) -> Result<HeatMap, Error> {
        Ok(evidence.map.heat_map(&self.evidence(evidence, classes)?, evidence.region))
    }

    /// The weights of a class, one for each channel.
    fn class_weights(&self, class_id: usize) -> Result<&[f32], Error> {
        let weights = self.classifier_weights()?;
        let channels = (weights.len() / self.classes().max(1)).max(1);
        let found = weights.chunks_exact(channels).nth(class_id);
        found.ok_or_else(|| Error::internal(format!("no class {class_id}")))
    }

    /// The weights of the classifier, `[classes, channels]`.
    fn classifier_weights(&self) -> Result<&[f32], Error> {
        let refused = |what: &str| {
            Error::InvalidParameter(format!(
                "This model's answers cannot be explained: {what} Leave out explain."
            ))
        };
        if !self.session.has_feature_map() {
            return Err(refused(match self.embedding_len() {
                Some(_) => {
                    "its output \"features\" is a vector, which has no places. Use a model with a feature map."
                }
                None => "it has no output \"features\". Have `python -m ic_tools features` add it.",
            }));
        }
        if let Some(linear) = &self.linear {
            return Ok(linear.weight());
        }
        let read = self.weights.get_or_init(|| {
            let read = tried(&self.session, self.head, &self.preprocessor, &self.model_path, self.classes());
            read.inspect_err(|cause| tracing::warn!(cause, "there are no heat maps for this model"))
        });
        read.as_deref().map_err(|_| {
            refused("its classifier is not a linear layer on the mean of its feature map, or its weights cannot be read.")
        })
    }
}

/// Runs the model once and returns its outputs and its feature map.
fn run(
    session: &Session,
    linear: Option<&LinearHead>,
    tensor: &[f32],
    size: (u32, u32),
) -> Result<(Vec<f32>, FeatureMap), Error> {
    match linear {
        Some(linear) => {
            let map = session.feature_map(tensor, size)?;
            Ok((linear.logits(&map.means()), map))
        }
        None => session.run_with_map(tensor, size),
    }
}

/// Maximum error of the weights, relative to the logits: see [`distance`]. A model of 8-bit integers has some
/// error, because it rounds the means before its classifier. The weights of another layer have as large an
/// error as random ones.
const TOLERANCE: f64 = 0.1;

/// Reads the weights of the model's own classifier. Checks with two pictures that the weights explain the
/// difference between their logits. The bias is in both logits, so it does not matter.
fn tried(
    session: &Session,
    head: Head,
    preprocessor: &Preprocessor,
    model_path: &Path,
    classes: usize,
) -> Result<Vec<f32>, String> {
    let (logits, features, channels) = session.outlets().ok_or("there are no features")?;
    let candidates = weights::read(model_path, Wanted { logits, features, classes, channels })?;
    let answer = |picture: RgbImage| {
        let tensor = preprocessor.tensor(&picture.into(), session.input().layout)?;
        session.run_with_map(&tensor, preprocessor.output_size())
    };
    let runs = pictures().into_iter().map(answer).collect::<Result<Vec<_>, _>>();
    let runs = runs.map_err(|error| format!("a trial fails: {:?}", std::error::Error::source(&error)))?;
    let [first, second] = &runs[..] else { return Err("there are no two trials".to_owned()) };
    let mut nearest = f64::INFINITY;
    for weights in candidates {
        let off = distance(&weights, first, second, head);
        if off <= TOLERANCE {
            return Ok(weights);
        }
        nearest = nearest.min(off);
    }
    Err(format!("the best weights found are off by {nearest:.3} of the logits"))
}

/// Two pictures that differ in colour and in structure.
fn pictures() -> [RgbImage; 2] {
    // 64 steps of 4 fit into a byte.
    let level = |step: u32| (step % 64 * 4) as u8;
    [
        RgbImage::from_fn(64, 64, |x, y| Rgb([level(x), level(y), 255])),
        RgbImage::from_fn(64, 64, |x, y| Rgb([40, level(x ^ y), level(63 - y)])),
    ]
}

/// Compares the difference between the logits of two runs with the difference that the weights give for their
/// feature maps. Returns the error relative to the difference between the logits; infinite if the runs do not
/// differ.
fn distance(
    weights: &[f32],
    first: &(Vec<f32>, FeatureMap),
    second: &(Vec<f32>, FeatureMap),
    head: Head,
) -> f64 {
    let means = first.1.means().into_iter().zip(second.1.means());
    let change: Vec<f64> = means.map(|(first, second)| f64::from(first) - f64::from(second)).collect();
    let classes = weights.chunks_exact(change.len().max(1)).zip(first.0.iter().zip(&second.0));
    let (mut found, mut expected): (Vec<f64>, Vec<f64>) = classes
        .filter_map(|(weights, (&first, &second))| {
            let product =
                weights.iter().zip(&change).map(|(&weight, change)| f64::from(weight) * change).sum::<f64>();
            Some((head.logit(first)? - head.logit(second)?, product))
        })
        .unzip();
    if head.is_up_to_a_constant() {
        center(&mut found);
        center(&mut expected);
    }
    let squares = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|number| number * number).sum::<f64>();
    let error = squares(&mut found.iter().zip(&expected).map(|(found, expected)| found - expected));
    let all = squares(&mut found.iter().copied());
    if all > 0.0 { (error / all).sqrt() } else { f64::INFINITY }
}

/// Subtracts the mean from all numbers.
fn center(numbers: &mut [f64]) {
    let mean = numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
    numbers.iter_mut().for_each(|number| *number -= mean);
}

#[cfg(test)]
mod tests {
    use super::super::head::Function;
    use super::*;

    /// Outputs, and a map with two channels and one place.
    fn answered(outputs: &[f32], means: [f32; 2]) -> (Vec<f32>, FeatureMap) {
        (outputs.to_vec(), FeatureMap::new(&[1, 2, 1, 1], &means, 2).unwrap())
    }

    #[test]
    fn weights_are_those_of_the_model_if_they_explain_how_its_outputs_differ() {
        const WEIGHTS: [f32; 6] = [1.0, 2.0, -1.0, 0.5, 0.25, 0.0];
        const BIAS: [f32; 3] = [0.5, 0.0, -0.5];
        let means = [[1.0_f32, 0.25], [0.5, 1.0]];
        let logits = means.map(|mean| {
            [0, 1, 2]
                .map(|class| BIAS[class] + WEIGHTS[2 * class] * mean[0] + WEIGHTS[2 * class + 1] * mean[1])
        });
        let softmax = logits.map(|logits| {
            let powers = logits.map(f32::exp);
            powers.map(|power| power / powers.iter().sum::<f32>())
        });
        let sigmoid = logits.map(|logits| logits.map(|logit| 1.0 / (1.0 + (-logit).exp())));
        for (head, outputs) in [
            (Head::Apply(Function::Softmax), logits),
            (Head::Apply(Function::Sigmoid), logits),
            (Head::Applied(Function::Softmax), softmax),
            (Head::Applied(Function::Sigmoid), sigmoid),
        ] {
            let [first, second] = [0, 1].map(|run| answered(&outputs[run], means[run]));
            assert!(distance(&WEIGHTS, &first, &second, head) < 1e-5, "{head:?}");
            let mut others = WEIGHTS;
            others.reverse();
            assert!(distance(&others, &first, &second, head) > 2.0 * TOLERANCE, "{head:?}");
            // Two equal runs allow no comparison.
            assert_eq!(distance(&WEIGHTS, &first, &first, head), f64::INFINITY);
        }
    }
}
