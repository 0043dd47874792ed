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
    /// Finds out what the output of a model is. `declared` is what its bundle says; where it says nothing, numbers from 0
    /// to 1 that sum to 1 are probabilities. `is_f16` tells that the model answers half-precision numbers; `run` gives
    /// the output for the first and, only where that looks like probabilities, for the second of two unlike pictures.
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
        let tolerance = if is_f16 { TOLERANCE_F16 } else { TOLERANCE };
        let mut probabilities = true;
        for picture in 0..2 {
            let output = run(picture)?;
            if let Some(class) = output.iter().position(|value| !value.is_finite()) {
                return Err(format!("its output for class {class} is {}", output[class]));
            }
            let within = output.iter().all(|value| (0.0..=1.0).contains(value));
            let sum: f64 = output.iter().copied().map(f64::from).sum();
            let off = (sum - 1.0).abs();
            let single = problem == Problem::SingleLabel;
            if declared == Some(Output::Probabilities) && !within {
                return Err("its output is declared to be probabilities, but is not from 0 to 1".to_owned());
            }
            let suspicious = declared.is_none() && within && off <= SUSPICIOUS;
            if single && off > tolerance && (declared == Some(Output::Probabilities) || suspicious) {
                return Err(format!(
                    "its probabilities sum to {sum:.6}, not to 1; if they are logits, say so with \"graph_output\": \
                     \"logits\" in config.json"
                ));
            }
            probabilities &= within && (!single || off <= tolerance);
            if declared.is_some() || !probabilities {
                break;
            }
        }
        let probabilities = declared.map_or(probabilities, |declared| declared == Output::Probabilities);
        Ok(match problem {
            _ if probabilities => Self::AsItIs,
            Problem::SingleLabel => Self::Softmax,
            Problem::MultiLabel => Self::Sigmoid,
        })
    }

    /// Turns an output into scores, 0 to 1, in place.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if a value is not finite, or if there is none.
    pub(super) fn scores(self, output: &mut [f32]) -> Result<(), Error> {
        if let Some(class) = output.iter().position(|value| !value.is_finite()) {
            return Err(Error::internal(format!("the output for class {class} is {}", output[class])));
        }
        match self {
            Self::Softmax => top_k::softmax(output)?,
            Self::Sigmoid => output.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp())),
            Self::AsItIs => {}
        }
        Ok(())
    }
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
            (MultiLabel, None, [&[0.9, 0.9], &[0.1, 1.0]], Head::AsItIs),
            (MultiLabel, None, [&[0.9, 0.9], &[-0.1, 1.0]], Head::Sigmoid),
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
    fn sigmoid_scores_each_class_by_itself() {
        let mut output = [0.0, 100.0, -200.0];
        Head::Sigmoid.scores(&mut output).unwrap();
        assert_eq!(output, [0.5, 1.0, 0.0]);
        assert!(Head::AsItIs.scores(&mut [f32::NAN]).is_err());
    }
}
