//! Chooses the strength of the penalty by cross-validation, and measures the result.

use std::thread;

use super::folds::FOLDS;
use super::logistic::{Table, Weights};

/// The strengths that are tried, from strong to weak: scikit-learn's `C`, for embeddings with a mean square
/// length of 1. Values outside this range classified photos worse, whatever the number of photos.
const GRID: [f64; 7] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];

/// The result for the held-out examples, with the chosen strength.
#[derive(Debug, PartialEq)]
pub(crate) struct Validation {
    /// The strength with the lowest mean log loss of the held-out examples.
    pub(crate) c: f64,
    /// The class that was predicted for each example while it was held out.
    pub(crate) answered: Vec<usize>,
    /// The mean log loss of the held-out examples.
    pub(crate) log_loss: f64,
}

/// The sum of the log losses, and the index and the predicted class of each held-out example.
type Held = (f64, Vec<(usize, usize)>);

/// For each fold and each strength, fits the rows of the other folds and classifies the rows of this fold.
/// `folds` holds the fold of each row. All folds run at the same time and share the table.
pub(crate) fn cross_validate(table: &Table, folds: &[usize]) -> Validation {
    let mut of_strengths: Vec<Held> = vec![Held::default(); GRID.len()];
    thread::scope(|scope| {
        let running: Vec<_> =
            (0..FOLDS).map(|fold| scope.spawn(move || hold_out(table, folds, fold))).collect();
        for fold in running {
            let found = fold.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            for (whole, part) in of_strengths.iter_mut().zip(found) {
                whole.0 += part.0;
                whole.1.extend(part.1);
            }
        }
    });
    let best = (0..GRID.len()).min_by(|&one, &other| of_strengths[one].0.total_cmp(&of_strengths[other].0));
    let best = best.unwrap_or_default();
    let (loss, held) = &of_strengths[best];
    let mut answered = vec![0; table.len()];
    held.iter().for_each(|&(row, class)| answered[row] = class);
    Validation { c: GRID[best], answered, log_loss: loss / table.len() as f64 }
}

/// Classifies the rows of a fold with each strength.
fn hold_out(table: &Table, folds: &[usize], fold: usize) -> Vec<Held> {
    let mut weights = table.zero();
    GRID.iter()
        .map(|&c| {
            // Start from the weights of the previous strength, which are near.
            weights = table.fit(c, |row| folds[row] != fold, weights.clone());
            held(table, &weights, |row| folds[row] == fold)
        })
        .collect()
}

fn held(table: &Table, weights: &Weights, is_held: impl Fn(usize) -> bool) -> Held {
    let probabilities = table.probabilities(weights);
    let mut found = Held::default();
    for (row, of_classes) in probabilities.rows().into_iter().enumerate().filter(|&(row, _)| is_held(row)) {
        found.0 -= of_classes[table.classes()[row]].max(f64::MIN_POSITIVE).ln();
        let best =
            (0..table.count()).rev().max_by(|&one, &other| of_classes[one].total_cmp(&of_classes[other]));
        found.1.push((row, best.unwrap_or_default()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_never_classified_by_a_layer_that_knows_it() {
        // Each row has its own column, which reveals its class to a layer that was trained on this row.
        let classes: Vec<usize> = (0..20).map(|row| row % 2).collect();
        let values = (0..400).map(|cell| f64::from(u8::from(cell / 20 == cell % 20)));
        let table = Table::new(values, classes.clone(), 2);
        let weights = table.fit(1000.0, |_| true, table.zero());
        let known = held(&table, &weights, |_| true).1;
        assert!(known.iter().all(|&(row, class)| class == classes[row]));
        let folds: Vec<usize> = (0..20).map(|row| row / 2 % FOLDS).collect();
        let found = cross_validate(&table, &folds);
        let right = found.answered.iter().zip(&classes).filter(|(answered, class)| answered == class).count();
        assert_eq!(right, 10, "no better than guessing");
    }
}
