//! What the model's output means, and how it becomes scores.

use super::top_k;
use crate::Error;

/// What the graph outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Any numbers.
    Logits,
    /// Numbers from 0 to 1: the graph already contains softmax, or sigmoid for several labels.
    Probabilities,
}

/// Whether the classes exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// One class is right: softmax, and probabilities sum to 1.
    SingleLabel,
    /// Each class is right or wrong independently: sigmoid.
    MultiLabel,
}

impl Problem {
    /// The function that turns logits into scores.
    fn function(self) -> Function {
        match self {
            Self::SingleLabel => Function::Softmax,
            Self::MultiLabel => Function::Sigmoid,
        }
    }
}

/// The function that turns logits into scores, by its name in the Hugging Face API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Probabilities that sum to 1.
    Softmax,
    /// An independent probability for each class.
    Sigmoid,
    /// The logits themselves.
    None,
}

impl Function {
    /// All functions.
    pub const ALL: [Self; 3] = [Self::Softmax, Self::Sigmoid, Self::None];

    /// The name of the function in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
            Self::None => "none",
        }
    }
}

/// How an output becomes scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The output is logits, and this function makes the scores.
    Apply(Function),
    /// The output is scores: the graph ends in this function.
    Applied(Function),
}

/// Maximum difference of the sum of probabilities from 1.
const TOLERANCE: f64 = 1e-4;

/// The same for half-precision numbers. They have 11 bits, so the sum of a thousand of them is less exact.
const TOLERANCE_F16: f64 = 5e-3;

/// The same if the bundle says that the outputs are probabilities: rounding to 8-bit integers causes this
/// much.
const TOLERANCE_DECLARED: f64 = 1e-2;

impl Head {
    /// Determines what the output of a model is. `declared` is what its bundle says. If the bundle does not
    /// say, the outputs for two different pictures decide: numbers outside 0 to 1 are logits; numbers from 0
    /// to 1 that sum to 1 are probabilities of one right class. A model of one class is scored by sigmoid,
    /// whatever `problem` says. `is_f16` means that the outputs are half-precision numbers. `run` returns the
    /// output for one of the two pictures; the second is run only if the first output is from 0 to 1.
    ///
    /// # Errors
    ///
    /// What is wrong with the output, or a message that it could be either.
    pub(super) fn detect(
        problem: Problem,
        declared: Option<Output>,
        is_f16: bool,
        mut run: impl FnMut(usize) -> Result<Vec<f32>, String>,
    ) -> Result<Self, String> {
        let first = finite(run(0)?)?;
        let is_single = problem == Problem::SingleLabel && first.len() > 1;
        if problem == Problem::SingleLabel && first.len() == 1 {
            tracing::info!("the model has one class: its score is that of yes against no, by sigmoid");
        }
        let function = if is_single { Function::Softmax } else { Function::Sigmoid };
        let tolerance = if is_f16 { TOLERANCE_F16 } else { TOLERANCE };
        let off = |output: &[f32]| (sum(output) - 1.0).abs();
        match declared {
            Some(Output::Logits) => Ok(Self::Apply(function)),
            Some(Output::Probabilities) if !is_within(&first) => {
                Err("its output is declared to be probabilities, but is not from 0 to 1".to_owned())
            }
            Some(Output::Probabilities) if is_single && off(&first) > TOLERANCE_DECLARED => Err(format!(
                "its probabilities sum to {:.6}, not to 1: if they are logits, say so with \"graph_output\": \"logits\" \
                 in config.json, and if each class is right or wrong by itself, with \"problem_type\": \
                 \"multi_label_classification\"",
                sum(&first)
            )),
            Some(Output::Probabilities) => Ok(Self::Applied(function)),
            None if !is_within(&first) => Ok(Self::Apply(function)),
            None => {
                let second = finite(run(1)?)?;
                if !is_within(&second) {
                    Ok(Self::Apply(function))
                } else if is_single && off(&first).max(off(&second)) <= tolerance {
                    Ok(Self::Applied(function))
                } else {
                    Err(format!(
                        "its output is from 0 to 1 and sums to {:.6} and {:.6} for two pictures, so it could be logits \
                         or probabilities: say in config.json \"graph_output\": \"logits\" or \"probabilities\", and \
                         \"problem_type\": \"multi_label_classification\" if each class is right or wrong by itself",
                        sum(&first),
                        sum(&second)
                    ))
                }
            }
        }
    }

    /// The head of a model whose outputs are known to be logits; `None` if its bundle says otherwise.
    pub(super) fn of_logits(problem: Problem, declared: Option<Output>) -> Option<Self> {
        (declared != Some(Output::Probabilities)).then_some(Self::Apply(problem.function()))
    }

    /// The same head with `function` in place of the model's own.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] if the graph ends in another function, which cannot be undone.
    pub(super) fn applying(self, function: Option<Function>) -> Result<Self, Error> {
        match (self, function) {
            (_, None) => Ok(self),
            (Self::Apply(_), Some(function)) => Ok(Self::Apply(function)),
            (Self::Applied(own), Some(function)) if own == function => Ok(self),
            (Self::Applied(own), Some(_)) => Err(Error::InvalidParameter(format!(
                "This model answers probabilities, not logits: function_to_apply can only be \"{}\".",
                own.name()
            ))),
        }
    }

    /// The function that makes its scores.
    pub(super) fn function(self) -> Function {
        match self {
            Self::Apply(function) | Self::Applied(function) => function,
        }
    }

    /// Recovers the logit from an output of this model. `None` for probabilities so near 0 or 1 that rounding
    /// has changed them too much. The logits of softmax may all be off by the same number.
    pub(super) fn logit(self, output: f32) -> Option<f64> {
        let output = f64::from(output);
        match self {
            Self::Apply(_) | Self::Applied(Function::None) => Some(output),
            Self::Applied(_) if !(1e-4..=0.99).contains(&output) => None,
            Self::Applied(Function::Softmax) => Some(output.ln()),
            Self::Applied(Function::Sigmoid) => Some((output / (1.0 - output)).ln()),
        }
    }

    /// Whether the results of [`Head::logit`] are off by a number that is the same for all classes.
    pub(super) fn is_up_to_a_constant(self) -> bool {
        self == Self::Applied(Function::Softmax)
    }

    /// Checks an output.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if it is empty, if a value is not finite, or if a value should be a probability
    /// and is not.
    pub(super) fn check(self, output: &[f32]) -> Result<(), Error> {
        if let Some(class) = output.iter().position(|value| !value.is_finite()) {
            return Err(Error::internal(format!("the output for class {class} is {}", output[class])));
        }
        match self {
            _ if output.is_empty() => Err(Error::internal("the model answered nothing")),
            Self::Applied(_) if !is_within(output) => {
                Err(Error::internal("the model's probabilities are not from 0 to 1"))
            }
            _ => Ok(()),
        }
    }

    /// Turns a checked output into scores, in place.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the output is empty.
    pub(super) fn scores(self, output: &mut [f32]) -> Result<(), Error> {
        match self {
            Self::Apply(Function::Softmax) => top_k::softmax(output)?,
            Self::Apply(Function::Sigmoid) => {
                output.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp()));
            }
            Self::Apply(Function::None) | Self::Applied(_) => {}
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

/// Whether all values are from 0 to 1, apart from rounding.
fn is_within(output: &[f32]) -> bool {
    const ROUNDING: f32 = 1e-3;
    output.iter().all(|value| (-ROUNDING..=1.0 + ROUNDING).contains(value))
}

fn sum(output: &[f32]) -> f64 {
    output.iter().copied().map(f64::from).sum()
}

#[cfg(test)]
mod tests;
