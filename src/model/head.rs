//! What the model's output means, and how it becomes scores.

use serde::Deserialize;

use super::top_k;
use crate::Error;

/// What the graph answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Output {
    /// Any numbers.
    Logits,
    /// Numbers from 0 to 1: softmax, or sigmoid for several labels, is in the graph already.
    Probabilities,
}

/// Whether the classes exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// One class is right: softmax, and probabilities sum to 1.
    SingleLabel,
    /// Each class is right or wrong by itself: sigmoid.
    MultiLabel,
}

/// How an output becomes scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Softmax,
    Sigmoid,
    AsItIs,
}

/// What probabilities may sum to beside 1.
const TOLERANCE: f64 = 1e-4;

/// Half-precision numbers have 11 bits: a thousand of them sum to 1 only so well.
const TOLERANCE_F16: f64 = 5e-3;

/// What probabilities that are meant to sum to 1 still sum to where they are wrong.
const SUSPICIOUS: f64 = 1e-2;

impl Head {
    /// Finds out what the output of a model is. `declared` is what its bundle says. Where that says nothing, the numbers
    /// are logits, but for those of one right class that are from 0 to 1 and sum to 1, for two unlike pictures.
    /// `is_f16` tells that the model answers half-precision numbers; `run` gives the output for the first and, only where
    /// that looks like probabilities, for the second of two pictures.
    ///
    /// # Errors
    ///
    /// What is wrong with the output.
    pub(super) fn detect(
        problem: Problem,
        declared: Option<Output>,
        is_f16: bool,
        mut run: impl FnMut(usize) -> Result<Vec<f32>, String>,
    ) -> Result<Self, String> {
        let first = finite(run(0)?)?;
        let single = problem == Problem::SingleLabel;
        if single && first.len() == 1 {
            return Err("it has one class, which would always be right; with \"problem_type\": \
                        \"multi_label_classification\" in config.json its score is that of yes against no"
                .to_owned());
        }
        let tolerance = if is_f16 { TOLERANCE_F16 } else { TOLERANCE };
        let (within, sum) = (is_within(&first), sum(&first));
        let off = (sum - 1.0).abs();
        let wrong_sum = || {
            format!(
                "its probabilities sum to {sum:.6}, not to 1; if they are logits, say so with \"graph_output\": \
                 \"logits\" in config.json"
            )
        };
        match declared {
            Some(Output::Probabilities) if !within => {
                Err("its output is declared to be probabilities, but is not from 0 to 1".to_owned())
            }
            Some(Output::Probabilities) if single && off > tolerance => Err(wrong_sum()),
            Some(Output::Probabilities) => Ok(Self::AsItIs),
            None if single && within && off <= tolerance => {
                let second = finite(run(1)?)?;
                let also = is_within(&second) && (self::sum(&second) - 1.0).abs() <= tolerance;
                Ok(if also { Self::AsItIs } else { Self::Softmax })
            }
            None if single && within && off <= SUSPICIOUS => Err(wrong_sum()),
            _ if single => Ok(Self::Softmax),
            _ => Ok(Self::Sigmoid),
        }
    }

    /// Turns an output into scores, 0 to 1, in place.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if a value is not finite, or is no probability where it should be, or if there is none.
    pub(super) fn scores(self, output: &mut [f32]) -> Result<(), Error> {
        if let Some(class) = output.iter().position(|value| !value.is_finite()) {
            return Err(Error::internal(format!("the output for class {class} is {}", output[class])));
        }
        match self {
            Self::Softmax => top_k::softmax(output)?,
            Self::Sigmoid => output.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp())),
            Self::AsItIs if is_within(output) => {}
            Self::AsItIs => return Err(Error::internal("the model's probabilities are not from 0 to 1")),
        }
        Ok(())
    }
}

fn finite(output: Vec<f32>) -> Result<Vec<f32>, String> {
    match output.iter().position(|value| !value.is_finite()) {
        Some(class) => Err(format!("its output for class {class} is {}", output[class])),
        None => Ok(output),
    }
}

/// From 0 to 1, but for rounding.
fn is_within(output: &[f32]) -> bool {
    const ROUNDING: f32 = 1e-3;
    output.iter().all(|value| (-ROUNDING..=1.0 + ROUNDING).contains(value))
}

fn sum(output: &[f32]) -> f64 {
    output.iter().copied().map(f64::from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(problem: Problem, declared: Option<Output>, outputs: [&[f32]; 2]) -> Result<Head, String> {
        Head::detect(problem, declared, false, |picture| Ok(outputs[picture].to_vec()))
    }

    #[test]
    fn softmax_is_applied_once_whatever_the_graph_ends_in() {
        use Output::{Logits, Probabilities};
        use Problem::{MultiLabel, SingleLabel};
        let table: [(_, _, [&[f32]; 2], _); 9] = [
            (SingleLabel, None, [&[2.0, -1.0], &[0.5, 0.5]], Head::Softmax),
            (SingleLabel, None, [&[0.25, 0.75], &[0.5, 0.5]], Head::AsItIs),
            // By chance, once.
            (SingleLabel, None, [&[0.25, 0.75], &[0.5, 3.0]], Head::Softmax),
            (SingleLabel, None, [&[0.25, 0.25], &[0.5, 0.5]], Head::Softmax),
            (SingleLabel, Some(Logits), [&[0.25, 0.75], &[0.5, 0.5]], Head::Softmax),
            (SingleLabel, Some(Probabilities), [&[0.25, 0.75], &[0.0, 0.0]], Head::AsItIs),
            // Numbers from 0 to 1 prove nothing where they need not sum to 1.
            (MultiLabel, None, [&[0.9, 0.9], &[0.1, 1.0]], Head::Sigmoid),
            (MultiLabel, Some(Probabilities), [&[0.9, 0.9], &[0.1, 1.0]], Head::AsItIs),
            (MultiLabel, Some(Logits), [&[0.9, 0.9], &[0.1, 1.0]], Head::Sigmoid),
        ];
        for (problem, declared, outputs, expected) in table {
            assert_eq!(
                detect(problem, declared, outputs),
                Ok(expected),
                "{problem:?} {declared:?} {outputs:?}"
            );
        }
    }

    #[test]
    fn probabilities_that_are_none_are_refused() {
        let probabilities = Some(Output::Probabilities);
        for (declared, output, expected) in [
            (None, [0.5, 0.501], "its probabilities sum to 1.001000"),
            (probabilities, [0.5, 0.25], "its probabilities sum to 0.750000"),
            (probabilities, [1.5, -0.5], "is not from 0 to 1"),
            (None, [f32::NAN, 0.0], "its output for class 0 is NaN"),
            (None, [0.0, f32::INFINITY], "its output for class 1 is inf"),
        ] {
            let message = detect(Problem::SingleLabel, declared, [&output; 2]).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn one_class_is_refused_unless_it_is_yes_or_no() {
        let message = detect(Problem::SingleLabel, None, [&[0.7]; 2]).unwrap_err();
        assert!(message.contains("multi_label_classification"), "{message}");
        assert_eq!(detect(Problem::MultiLabel, None, [&[0.7]; 2]), Ok(Head::Sigmoid));
    }

    #[test]
    fn sigmoid_scores_each_class_by_itself() {
        let mut output = [0.0, 100.0, -200.0];
        Head::Sigmoid.scores(&mut output).unwrap();
        assert_eq!(output, [0.5, 1.0, 0.0]);
        assert!(Head::AsItIs.scores(&mut [f32::NAN]).is_err());
        assert!(Head::AsItIs.scores(&mut [12.4, -3.0]).is_err());
    }
}
