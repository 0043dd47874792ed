//! Shows where in a picture the evidence for a label lies: the class activation map (Zhou et al., "Learning
//! Deep Features for Discriminative Localization", 2016).
//!
//! A classifier that is linear in the means of a feature map `[C, H, W]` has the logit
//! `bias + Σ weight[c] · mean(map[c])`. The sum over channels can be taken before the mean over places. This
//! gives one number for each place, and the logit is the bias plus the mean of these numbers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::Error;

/// The last feature map of one picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FeatureMap {
    /// `[channels, height, width]`, row by row.
    values: Vec<f32>,
    width: usize,
    height: usize,
}

/// A rectangle in the upright picture, in its pixels. The values can be fractions of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Region)]
pub struct Region {
    /// From the left; negative where the model sees a margin around the picture.
    pub x: f64,
    /// From the top; negative where the model sees a margin around the picture.
    pub y: f64,
    /// In pixels.
    pub width: f64,
    /// In pixels.
    pub height: f64,
}

/// Where in the upright picture the evidence for a label lies.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = HeatMap)]
pub struct HeatMap {
    /// Number of columns.
    #[schema(minimum = 1)]
    pub width: usize,
    /// Number of rows.
    #[schema(minimum = 1)]
    pub height: usize,
    /// The rows from top to bottom, each from left to right. 1 is the most evidence for this label; 0 is no
    /// evidence, or evidence against it. All values are 0 if nothing in the picture is evidence for the
    /// label.
    pub values: Vec<Vec<f32>>,
    /// The part of the picture that the model saw. The grid divides it evenly.
    pub region: Region,
}

impl FeatureMap {
    /// Makes a map of `channels` channels from values of the shape `[1, channels, height, width]`.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the shape is different or a value is not finite.
    pub(super) fn new(shape: &[i64], values: &[f32], channels: usize) -> Result<Self, Error> {
        let side = |at: usize| shape.get(at).and_then(|&side| usize::try_from(side).ok()).unwrap_or_default();
        let (height, width) = (side(2), side(3));
        if shape.len() != 4
            || side(1) != channels
            || values.is_empty()
            || values.len() != channels * height * width
        {
            return Err(Error::internal(format!(
                "the features have shape {shape:?}, not a map of {channels} channels"
            )));
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::internal("the feature map holds a value that is not finite"));
        }
        Ok(Self { values: values.to_vec(), width, height })
    }

    /// The mean of each channel.
    pub(super) fn means(&self) -> Vec<f32> {
        channel_means(&self.values, self.width * self.height)
    }

    /// The contribution of each place to a logit, row by row: the sum of its channels, each times its weight.
    /// The mean of the contributions is the logit minus the bias.
    pub(super) fn evidence(&self, weights: &[f32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.width * self.height];
        for (channel, &weight) in self.values.chunks_exact(sums.len()).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(channel) {
                *sum += f64::from(weight) * f64::from(value);
            }
        }
        sums
    }

    /// The map of a label, from its [`FeatureMap::evidence`]. Evidence against the label counts as 0.
    pub(super) fn heat_map(&self, evidence: &[f64], region: Region) -> HeatMap {
        let most = evidence.iter().copied().fold(0.0, f64::max);
        // Three digits are more than a colour can show.
        let scaled =
            |value: f64| if most > 0.0 { (value.max(0.0) / most * 1e3).round() as f32 / 1e3 } else { 0.0 };
        let rows = evidence.chunks_exact(self.width);
        let values = rows.map(|row| row.iter().copied().map(scaled).collect()).collect();
        HeatMap { width: self.width, height: self.height, values, region }
    }
}

/// The mean of each channel; a channel has `area` values, 1 or more.
pub(super) fn channel_means(values: &[f32], area: usize) -> Vec<f32> {
    let sum = |channel: &[f32]| channel.iter().copied().map(f64::from).sum::<f64>();
    values.chunks_exact(area).map(|channel| (sum(channel) / area as f64) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: Region = Region { x: 1.0, y: 2.0, width: 3.0, height: 4.0 };

    fn map() -> FeatureMap {
        FeatureMap::new(&[1, 2, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0, 1.0, 0.0, 0.0, 8.0], 2)
            .unwrap()
    }

    #[test]
    fn the_evidence_of_all_places_has_the_logit_less_the_bias_as_its_mean() {
        let (map, weights) = (map(), [2.0, -1.0]);
        let evidence = map.evidence(&weights);
        assert_eq!(evidence, [2.0, 4.0, 5.0, 8.0, 10.0, 4.0]);
        let logit: f64 =
            map.means().iter().zip(weights).map(|(&mean, weight)| f64::from(mean) * f64::from(weight)).sum();
        assert!((evidence.iter().sum::<f64>() / 6.0 - logit).abs() < 1e-6);
    }

    #[test]
    fn evidence_against_a_label_is_zero_and_the_most_is_one() {
        let map = map();
        let heat = map.heat_map(&[-5.0, 0.0, 1.0, 2.0, 3.0, 4.0], REGION);
        assert_eq!((heat.width, heat.height, heat.region), (3, 2, REGION));
        assert_eq!(heat.values, [[0.0, 0.0, 0.25], [0.5, 0.75, 1.0]]);
        assert_eq!(map.heat_map(&[-1.0; 6], REGION).values, [[0.0; 3]; 2]);
    }

    #[test]
    fn features_that_are_no_finite_map_are_a_fault() {
        for (shape, values) in [
            (&[1, 2][..], &[1.0, 2.0][..]),
            (&[1, 1, 1, 2], &[1.0, 2.0]),
            (&[1, 2, 1, 1], &[1.0, f32::NAN]),
            (&[1, 2, 0, 1], &[]),
        ] {
            assert_eq!(FeatureMap::new(shape, values, 2).unwrap_err().code(), "internal", "{shape:?}");
        }
    }
}
