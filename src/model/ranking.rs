//! Turns outputs into scores, and scores into the best labels.

use std::sync::Arc;

use super::categories::{Categories, Level};
use super::head::{Function, Head};
use super::{Evidence, Model, Prediction, top_k};
use crate::Error;

/// Maximum number of labels per image that get a heat map. A map of 7 x 7 takes about 400 bytes of a
/// response, and Lambda limits responses to 6 MB.
pub(super) const MOST_HEAT_MAPS: usize = 5;

/// How outputs become scores.
#[derive(Clone, Copy, Debug)]
pub struct Scoring {
    head: Head,
    level: Level,
}

impl Scoring {
    /// The scores of all classes: probabilities from 0 to 1, unless the caller asked for the raw outputs.
    fn of(self, outputs: &[f32]) -> Result<Vec<f32>, Error> {
        let mut scores = outputs.to_vec();
        self.head.scores(&mut scores)?;
        Ok(scores)
    }
}

impl Model {
    /// Returns the scoring for `function`, or by default the model's own; for the classes or for their
    /// categories.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] if the model does not support this function or this level.
    pub fn scoring(&self, function: Option<Function>, level: Level) -> Result<Scoring, Error> {
        let head = self.head.applying(function)?;
        if level == Level::Basic {
            if self.categories().is_none() {
                return Err(Error::InvalidParameter(
                    "This model's labels have no categories: level can only be \"leaf\".".to_owned(),
                ));
            }
            if head.function() != Function::Softmax {
                return Err(Error::InvalidParameter(
                    "Only the scores of softmax can be summed: ask for \"level\": \"basic\" without function_to_apply."
                        .to_owned(),
                ));
            }
        }
        Ok(Scoring { head, level })
    }

    /// The levels that this model supports.
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        let has_categories = self.categories().is_some();
        Level::ALL.into_iter().filter(move |&level| level == Level::Leaf || has_categories)
    }

    fn categories(&self) -> Option<&Categories> {
        let make = || Categories::of(&self.labels, |class_id| self.denied.holds(class_id));
        self.categories.get_or_init(make).as_ref()
    }

    /// Returns the `top_k` labels with the highest scores, highest first, ties by class id. Denied labels and
    /// labels with a score below `min_score` are left out.
    ///
    /// If `top_k` exceeds the number of labels, returns all of them.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if there are no outputs.
    pub fn rank(
        &self,
        outputs: &[f32],
        scoring: Scoring,
        top_k: usize,
        min_score: f32,
    ) -> Result<Vec<Prediction>, Error> {
        self.rank_explained(outputs, scoring, top_k, min_score, None)
    }

    /// As [`Model::rank`], with a heat map for each of the first five labels if `evidence` is given. The map
    /// of a category combines those of its classes, weighted by their scores.
    ///
    /// # Errors
    ///
    /// Those of [`Model::rank`] and of [`Model::check_explains`].
    pub fn rank_explained(
        &self,
        outputs: &[f32],
        scoring: Scoring,
        top_k: usize,
        min_score: f32,
        evidence: Option<&Evidence>,
    ) -> Result<Vec<Prediction>, Error> {
        let scores = scoring.of(outputs)?;
        let categories = if scoring.level == Level::Basic { self.categories() } else { None };
        let best = match categories {
            Some(categories) => top_k::top_k(&categories.sums(&scores), top_k, |_| true),
            None => top_k::top_k(&scores, top_k, |class_id| !self.denied.holds(class_id)),
        };
        let best = best.into_iter().filter(|&(_, score)| score >= min_score);
        let heat_map = |index: usize| match (evidence, categories) {
            (None, _) => Ok(None),
            (Some(evidence), None) => self.heat_map(evidence, [(index, 1.0)].into_iter()).map(Some),
            (Some(evidence), Some(categories)) => {
                let classes = categories.classes(index).map(|class_id| (class_id, scores[class_id]));
                self.heat_map(evidence, classes).map(Some)
            }
        };
        let predictions = best.enumerate().filter_map(|(rank, (index, score))| {
            let (class_id, label) = match categories {
                Some(categories) => (None, categories.label(index)?),
                None => (Some(index), self.labels.get(index)?),
            };
            let label = Arc::clone(label);
            let map = if rank < MOST_HEAT_MAPS { heat_map(index) } else { Ok(None) };
            Some(map.map(|heat_map| Prediction { class_id, score, label, heat_map }))
        });
        predictions.collect()
    }
}
