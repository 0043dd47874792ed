//! The results of an evaluation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use crate::classifier::Classification;

/// A photo with its predictions and references.
pub(super) struct Photo<'a> {
    /// The correct class.
    pub(super) class_id: usize,
    /// Predictions for all classes, highest first.
    pub(super) answer: &'a Classification,
    /// The best class of the reference and its probability.
    pub(super) reference: Option<(usize, f64)>,
}

/// Statistics of the photos so far.
#[derive(Default)]
pub(super) struct Report {
    photos: usize,
    top1: usize,
    top5: usize,
    referenced: usize,
    agreeing: usize,
    difference: f64,
    milliseconds: Vec<f64>,
    /// Maps (correct label, predicted label) to the number of photos.
    confusions: BTreeMap<(String, String), usize>,
    skipped: Vec<String>,
}

impl Report {
    pub(super) fn add(&mut self, photo: &Photo<'_>) {
        let predictions = &photo.answer.predictions;
        let Some(first) = predictions.first() else { return };
        let label_of = |class_id| predictions.iter().find(|p| p.class_id == Some(class_id));
        self.photos += 1;
        self.milliseconds.push(photo.answer.timing.total);
        self.top5 += usize::from(predictions.iter().take(5).any(|p| p.class_id == Some(photo.class_id)));
        if first.class_id == Some(photo.class_id) {
            self.top1 += 1;
        } else if let Some(right) = label_of(photo.class_id) {
            let pair = (right.label.name.clone(), first.label.name.clone());
            *self.confusions.entry(pair).or_default() += 1;
        }
        if let Some((class_id, probability)) = photo.reference {
            self.referenced += 1;
            self.agreeing += usize::from(first.class_id == Some(class_id));
            let score = label_of(class_id).map_or(0.0, |prediction| f64::from(prediction.score));
            self.difference += (score - probability).abs();
        }
    }

    pub(super) fn skip(&mut self, path: &Path, why: &str) {
        self.skipped.push(format!("{}: {why}", path.display()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.photos == 0
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("photos                 {}", self.photos);
        // Writing to a string cannot fail.
        let _ = write!(text, "\ntop-1                  {}", share(self.top1, self.photos));
        let _ = write!(text, "\ntop-5                  {}", share(self.top5, self.photos));
        if self.referenced > 0 {
            let _ = write!(text, "\nagreement              {}", share(self.agreeing, self.referenced));
            let _ = write!(text, "\nmean |Δprobability|    {:.6}", self.mean_difference());
        }
        let _ = write!(text, "\nmedian time            {:.1} ms", self.median_ms());
        for ((right, answered), times) in self.worst_confusions() {
            let _ = write!(text, "\nconfused {times} x           {right} -> {answered}");
        }
        for line in &self.skipped {
            let _ = write!(text, "\nskipped                {line}");
        }
        text
    }

    pub(super) fn json(&self) -> String {
        let confusions: Vec<_> = self
            .worst_confusions()
            .into_iter()
            .map(|((right, answered), times)| json!({"label": right, "answered": answered, "times": times}))
            .collect();
        let reference = (self.referenced > 0).then(|| {
            json!({
                "photos": self.referenced,
                "agreeing": self.agreeing,
                "mean_abs_probability_difference": self.mean_difference(),
            })
        });
        json!({
            "photos": self.photos,
            "top1": self.top1,
            "top5": self.top5,
            "reference": reference,
            "median_ms": self.median_ms(),
            "confusions": confusions,
            "skipped": self.skipped,
        })
        .to_string()
    }

    fn mean_difference(&self) -> f64 {
        self.difference / self.referenced as f64
    }

    fn median_ms(&self) -> f64 {
        let mut sorted = self.milliseconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// The ten most frequent confusions, by frequency and then by name.
    fn worst_confusions(&self) -> Vec<(&(String, String), usize)> {
        let mut worst: Vec<_> = self.confusions.iter().map(|(pair, &times)| (pair, times)).collect();
        worst.sort_by_key(|&(_, times)| std::cmp::Reverse(times));
        worst.truncate(10);
        worst
    }
}

fn share(count: usize, of: usize) -> String {
    if of == 0 {
        return "none".to_owned();
    }
    format!("{count} of {of} ({:.1} %)", 100.0 * count as f64 / of as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::{ImageInfo, Timing};
    use crate::model::{Label, Prediction};
    use upright::Format;

    fn answer(ranking: &[(usize, f32)]) -> Classification {
        let prediction = |&(class_id, score): &(usize, f32)| {
            let label = Label { name: format!("class {class_id}"), ..Label::default() };
            Prediction { class_id: Some(class_id), score, label: label.into(), heat_map: None }
        };
        Classification {
            predictions: ranking.iter().map(prediction).collect(),
            image: ImageInfo { format: Format::Jpeg, width: 1, height: 1 },
            timing: Timing::default(),
            cached: false,
        }
    }

    #[test]
    fn right_wrong_and_differing_photos_are_counted() {
        let mut report = Report::default();
        let ranking = [(1, 0.5), (2, 0.2), (3, 0.1), (4, 0.1), (5, 0.05), (6, 0.05)];
        let answer = answer(&ranking);
        report.add(&Photo { class_id: 1, answer: &answer, reference: Some((1, 0.6)) });
        report.add(&Photo { class_id: 5, answer: &answer, reference: Some((2, 0.3)) });
        report.add(&Photo { class_id: 6, answer: &answer, reference: None });
        let figures: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!((&figures["top1"], &figures["top5"]), (&json!(1), &json!(2)));
        assert_eq!(figures["reference"]["agreeing"], 1);
        let difference = figures["reference"]["mean_abs_probability_difference"].as_f64().unwrap();
        assert!((difference - 0.1).abs() < 1e-6, "{difference}");
        assert!(report.text().contains("confused 1 x           class 5 -> class 1"));
    }
}
