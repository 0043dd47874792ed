//! The everyday categories of the classes, and scores for categories instead of classes.

use std::collections::HashMap;
use std::sync::Arc;

use super::labels::{Label, Labels};

/// Whether an answer names classes or categories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// The classes themselves.
    #[default]
    Leaf,
    /// The first parent of each class: `dog` for 118 breeds.
    Basic,
}

impl Level {
    /// All levels.
    pub const ALL: [Self; 2] = [Self::Leaf, Self::Basic];

    /// The name of the level in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leaf => "leaf",
            Self::Basic => "basic",
        }
    }
}

/// The categories of a model whose classes all have parents.
#[derive(Debug)]
pub(super) struct Categories {
    /// The category of each class; `None` if the class is denied.
    of_class: Vec<Option<usize>>,
    /// The names of the categories.
    labels: Vec<Arc<Label>>,
}

impl Categories {
    /// Collects the categories of the classes that are not denied; `None` if a class has no parent.
    pub(super) fn of(labels: &Labels, is_denied: impl Fn(usize) -> bool) -> Option<Self> {
        let mut categories: Vec<Arc<Label>> = Vec::new();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut of_class = Vec::with_capacity(labels.len());
        for (class_id, label) in labels.iter().enumerate() {
            let (category, above) = label.parents.split_first()?;
            if is_denied(class_id) {
                of_class.push(None);
                continue;
            }
            let number = *numbers.entry(&category.name).or_insert_with(|| {
                let (name, name_zh) = (category.name.clone(), category.name_zh.clone());
                categories.push(Arc::new(Label { name, name_zh, wnid: None, parents: above.into() }));
                categories.len() - 1
            });
            of_class.push(Some(number));
        }
        Some(Self { of_class, labels: categories })
    }

    /// The score of each category: the sum of the scores of its classes.
    pub(super) fn sums(&self, scores: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.labels.len()];
        for (&score, category) in scores.iter().zip(&self.of_class) {
            if let Some(sum) = category.and_then(|category| sums.get_mut(category)) {
                *sum += f64::from(score);
            }
        }
        sums.into_iter().map(|sum: f64| sum as f32).collect()
    }

    /// The classes that belong to a category.
    pub(super) fn classes(&self, category: usize) -> impl Iterator<Item = usize> {
        let classes = self.of_class.iter().enumerate();
        classes.filter_map(move |(class_id, &of_class)| (of_class == Some(category)).then_some(class_id))
    }

    pub(super) fn label(&self, category: usize) -> Option<&Arc<Label>> {
        self.labels.get(category)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str =
        "class_id\ten\tparents\n0\tpug\tdog|animal\n1\ttench\tfish|animal\n2\tbeagle\tdog|animal\n";

    #[test]
    fn the_scores_of_a_category_are_summed() {
        let labels = Labels::from_tsv(TABLE).unwrap();
        let scores = [0.25, 0.5, 0.125];
        for (denied, expected) in
            [(None, vec![("dog", 0.375), ("fish", 0.5)]), (Some(1), vec![("dog", 0.375)])]
        {
            let categories = Categories::of(&labels, |class_id| Some(class_id) == denied).unwrap();
            let names = categories.labels.iter().map(|label| &*label.name);
            assert_eq!(names.zip(categories.sums(&scores)).collect::<Vec<_>>(), expected);
            assert_eq!(categories.label(0).unwrap().parents[0].name, "animal");
        }
    }

    #[test]
    fn a_class_without_a_parent_leaves_the_model_without_categories() {
        let labels = Labels::from_tsv(&TABLE.replace("fish|animal", "")).unwrap();
        assert!(Categories::of(&labels, |_| false).is_none());
    }

    #[test]
    fn every_class_of_imagenet_has_one_category_and_its_kind() {
        let table =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/model/labels.tsv")).unwrap();
        let labels = Labels::from_tsv(&table).unwrap();
        let categories = Categories::of(&labels, |_| false).unwrap();
        assert_eq!(categories.of_class.len(), 1000);
        assert!((60..=80).contains(&categories.labels.len()), "{}", categories.labels.len());
        for label in labels.iter() {
            assert_eq!(label.parents.len(), 2, "{}", label.name);
            assert!(label.parents.iter().all(|parent| parent.name_zh.is_some()), "{}", label.name);
        }
        let dogs = labels.iter().filter(|label| label.parents[0].name == "dog").count();
        assert_eq!(dogs, 118);
    }
}
