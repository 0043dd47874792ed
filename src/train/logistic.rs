//! Multinomial logistic regression with an L2 penalty.
//!
//! The objective is that of scikit-learn's `LogisticRegression`: `C` times the sum of the log losses, plus
//! half the sum of the squared weights. The intercepts are not penalised. (With two classes, scikit-learn has
//! one vector of weights where there are two here. This is equivalent to half its `C`.)

use ndarray::{Array2, ArrayViewMut1, Axis, Slice};

use super::lbfgs::{Objective, minimise};

/// At the end, no component of the gradient of the mean loss is larger than this. scikit-learn's default is
/// 1e-4.
const TOLERANCE: f64 = 1e-5;

/// Rows of numbers with their classes.
pub(crate) struct Table {
    /// `[rows, columns + 1]`; the last column is 1, for the intercept.
    rows: Array2<f64>,
    /// A class for each row.
    classes: Vec<usize>,
    /// Number of classes.
    count: usize,
}

/// Weights `[columns + 1, classes]`; the last row holds the intercepts.
#[derive(Clone, Debug)]
pub(crate) struct Weights(pub(super) Array2<f64>);

impl Table {
    /// `values` holds the rows one after the other, as many as there are `classes`. Each class is below `count`.
    pub(crate) fn new(values: impl Iterator<Item = f64>, classes: Vec<usize>, count: usize) -> Self {
        let values: Vec<f64> = values.collect();
        let columns = values.len() / classes.len().max(1);
        let rows = Array2::from_shape_fn((classes.len(), columns + 1), |(row, column)| {
            if column < columns { values[row * columns + column] } else { 1.0 }
        });
        Self { rows, classes, count }
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.classes.len()
    }

    /// Weights of zero: all classes are equally likely.
    pub(crate) fn zero(&self) -> Weights {
        Weights(Array2::zeros((self.rows.ncols(), self.count)))
    }

    /// Fits the rows for which `included` returns true. The search begins at `start`; within the tolerance,
    /// the result does not depend on it.
    pub(crate) fn fit(&self, c: f64, included: impl Fn(usize) -> bool, start: Weights) -> Weights {
        let included: Vec<bool> = (0..self.len()).map(included).collect();
        let rows = included.iter().filter(|&&is_included| is_included).count() as f64;
        Weights(minimise(&Fit { table: self, included, rows, c }, start.0, TOLERANCE))
    }

    /// The probability of each class for each row, `[rows, classes]`.
    pub(crate) fn probabilities(&self, weights: &Weights) -> Array2<f64> {
        let mut scores = self.rows.dot(&weights.0);
        for row in scores.rows_mut() {
            softmax(row);
        }
        scores
    }

    /// The class of each row.
    pub(crate) fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// Number of classes.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

/// The objective: the mean loss of the included rows, plus the penalty divided by `C` times the number of
/// rows.
struct Fit<'a> {
    table: &'a Table,
    included: Vec<bool>,
    rows: f64,
    c: f64,
}

impl Objective for Fit<'_> {
    fn at(&self, weights: &Array2<f64>) -> (f64, Array2<f64>) {
        let mut residuals = self.table.rows.dot(weights);
        let mut loss = 0.0;
        for (index, mut row) in residuals.axis_iter_mut(Axis(0)).enumerate() {
            if !self.included[index] {
                row.fill(0.0);
                continue;
            }
            let class = self.table.classes[index];
            let score = row[class];
            loss += softmax(row.view_mut()) - score;
            row[class] -= 1.0;
        }
        let mut gradient = self.table.rows.t().dot(&residuals) / self.rows;
        let penalty = 1.0 / (self.c * self.rows);
        // All rows except that of the intercepts.
        let penalised = Slice::from(..-1);
        let weights = weights.slice_axis(Axis(0), penalised);
        gradient.slice_axis_mut(Axis(0), penalised).scaled_add(penalty, &weights);
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        (loss / self.rows + penalty / 2.0 * squares, gradient)
    }
}

/// Turns scores into probabilities. Returns the logarithm of the sum of the exponentials of the scores.
fn softmax(mut scores: ArrayViewMut1<'_, f64>) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.mapv_inplace(|score| (score - largest).exp());
    let sum = scores.sum();
    scores /= sum;
    largest + sum.ln()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        classes: usize,
        c: f64,
        labels: Vec<usize>,
        rows: Vec<Vec<f64>>,
        unknown: Vec<Vec<f64>>,
        probabilities: Vec<Vec<f64>>,
    }

    #[derive(Deserialize)]
    struct Expected {
        cases: Vec<Case>,
    }

    /// Written by `tools/make_logistic_golden.py`.
    fn cases() -> Vec<Case> {
        let text = include_str!("../../tests/fixtures/logistic/expected.json");
        serde_json::from_str::<Expected>(text).unwrap().cases
    }

    fn table(rows: &[Vec<f64>], labels: Vec<usize>, classes: usize) -> Table {
        Table::new(rows.iter().flatten().copied(), labels, classes)
    }

    fn best(of_classes: ndarray::ArrayView1<'_, f64>) -> usize {
        (0..of_classes.len()).max_by(|&one, &other| of_classes[one].total_cmp(&of_classes[other])).unwrap()
    }

    #[test]
    fn probabilities_are_those_of_scikit_learn() {
        let mut worst = 0.0_f64;
        for case in cases() {
            // With two classes scikit-learn has one vector of weights: see above.
            let c = if case.classes == 2 { case.c / 2.0 } else { case.c };
            let table = table(&case.rows, case.labels, case.classes);
            let weights = table.fit(c, |_| true, table.zero());
            let unknown = self::table(&case.unknown, vec![0; case.unknown.len()], case.classes);
            let found = unknown.probabilities(&weights);
            for (found, expected) in found.rows().into_iter().zip(&case.probabilities) {
                for (found, expected) in found.iter().zip(expected) {
                    worst = worst.max((found - expected).abs());
                }
                assert_eq!(best(found), best(expected[..].into()), "C = {c}: {found} {expected:?}");
            }
        }
        println!("largest difference of a probability: {worst:.6}");
        assert!(worst < 1e-3, "{worst}");
    }

    #[test]
    fn rows_that_are_not_included_have_no_part_in_it() {
        let case = cases().swap_remove(0);
        let half = case.rows.len() / 2;
        let part = table(&case.rows[..half], case.labels[..half].to_vec(), case.classes);
        let whole = table(&case.rows, case.labels, case.classes);
        let from_part = part.fit(case.c, |_| true, part.zero());
        let from_whole = whole.fit(case.c, |row| row < half, whole.zero());
        let difference = (&from_part.0 - &from_whole.0).mapv(f64::abs).sum();
        assert!(difference < 1e-6, "{difference}");
    }
}
