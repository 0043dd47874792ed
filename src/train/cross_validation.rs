//! Chooses the strength of the penalty by cross-validation, and measures what it gives.

use std::thread;

use super::folds::FOLDS;
use super::logistic::{Table, Weights};

/// The strengths that are tried, as scikit-learn's `C` for embeddings whose mean square length is 1: from strong to
/// weak. Outside of them photos were classified worse, whatever their number.
const GRID: [f64; 7] = [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];

/// What the held-out examples were taken for, with the strength that was chosen.
#[derive(Debug, PartialEq)]
pub(crate) struct Validation {
    /// The strength with the lowest mean log loss of the held-out examples.
    pub(crate) c: f64,
    /// The class that each example got while it was held out.
    pub(crate) answered: Vec<usize>,
    /// The mean log loss.
    pub(crate) log_loss: f64,
}

/// The sum of the log losses, and for each held-out example its index and the class that it got.
type Held = (f64, Vec<(usize, usize)>);

/// Fits the rows of all folds but one for each strength, and classifies the rows of that one. `folds` holds the fold of
/// each row. All folds are worked on at the same time; they share the table.
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

/// What the rows of a fold are taken for with each strength.
fn hold_out(table: &Table, folds: &[usize], fold: usize) -> Vec<Held> {
    let mut weights = table.zero();
    GRID.iter()
        .map(|&c| {
            // The weights of the strength before are near.
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
        // Each row has a column of its own, which tells its class to whoever has learnt from it.
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
