//! The options of a request, from its body, form fields or query string.

use crate::error::Error;
use crate::model::{Function, Level};
use crate::text::shown;

/// Unvalidated options. Options that are not given are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RawOptions {
    /// Number of predictions, at least 1. Not yet limited to the number of classes; numbers too large for
    /// `usize` become `usize::MAX`.
    pub top_k: Option<usize>,
    /// Minimum score. Whether it may be outside 0…1 depends on the function.
    pub min_score: Option<f32>,
    /// Function that converts logits to scores.
    pub function: Option<Function>,
    /// Whether to return classes or their categories.
    pub level: Option<Level>,
    /// Whether to return a heat map for each label.
    pub explain: Option<bool>,
}

impl RawOptions {
    /// The names of all options: those of this service, of Rekognition (`MaxLabels`, `MinConfidence`) and of
    /// Vertex AI (`maxPredictions`, `confidenceThreshold`).
    pub(super) const NAMES: [&str; 9] = [
        "top_k",
        "min_score",
        "function_to_apply",
        "level",
        "explain",
        "MaxLabels",
        "MinConfidence",
        "maxPredictions",
        "confidenceThreshold",
    ];

    /// Whether a form field of this name is an option.
    pub(crate) fn has(name: &str) -> bool {
        Self::NAMES.contains(&name)
    }

    /// Sets an option by its name. Unknown names are ignored.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "top_k" | "MaxLabels" | "maxPredictions" => self.top_k = parse_top_k(value)?.or(self.top_k),
            "min_score" | "confidenceThreshold" => {
                self.min_score = parse_min_score(value)?.or(self.min_score);
            }
            "function_to_apply" => self.function = parse_function(value)?.or(self.function),
            "level" => self.level = parse_level(value)?.or(self.level),
            "explain" => self.explain = parse_flag("explain", value)?.or(self.explain),
            "MinConfidence" => self.min_score = parse_percent(value)?.or(self.min_score),
            _ => {}
        }
        Ok(())
    }

    /// Returns these options, with missing ones taken from `others`.
    pub fn or(self, others: Self) -> Self {
        Self {
            top_k: self.top_k.or(others.top_k),
            min_score: self.min_score.or(others.min_score),
            function: self.function.or(others.function),
            level: self.level.or(others.level),
            explain: self.explain.or(others.explain),
        }
    }

    /// Checks constraints that involve several options.
    ///
    /// # Errors
    ///
    /// `InvalidParameter` if `min_score` is not from 0 to 1. With logits as scores, any number is valid.
    pub fn check(self) -> Result<Self, Error> {
        match self.min_score {
            Some(score) if self.function != Some(Function::None) && !(0.0..=1.0).contains(&score) => {
                Err(Error::InvalidParameter(format!(
                    "min_score must be a number from 0 to 1; \"{score}\" was found. With \"function_to_apply\": \"none\" \
                     it may be any number."
                )))
            }
            _ => Ok(self),
        }
    }
}

/// Parses `top_k`: a whole number of at least 1; `5.0` and `1e3` are also accepted. Numbers beyond `usize`
/// saturate. A blank is `None`, because the user left the field empty.
///
/// # Errors
///
/// `InvalidParameter` for anything else.
pub(super) fn parse_top_k(text: &str) -> Result<Option<usize>, Error> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let number = decimal(text).filter(|number| number.fract() == 0.0 || number.is_infinite());
    match number {
        // A float-to-int cast saturates, and is exact up to 2^53.
        Some(number) if number >= 1.0 => Ok(Some(number as usize)),
        _ => Err(Error::InvalidParameter(format!(
            "top_k must be a whole number of at least 1; {} was found.",
            shown(text)
        ))),
    }
}

/// Parses `min_score`: a number. A blank is `None`, as for `top_k`. [`RawOptions::check`] checks its range.
///
/// # Errors
///
/// `InvalidParameter` for anything else, including NaN.
pub(super) fn parse_min_score(text: &str) -> Result<Option<f32>, Error> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    match decimal(text) {
        Some(number) if (number as f32).is_finite() => Ok(Some(number as f32)),
        _ => Err(Error::InvalidParameter(format!(
            "min_score must be a number from 0 to 1; {} was found.",
            shown(text)
        ))),
    }
}

/// Parses `function_to_apply`.
fn parse_function(text: &str) -> Result<Option<Function>, Error> {
    let name = text.trim();
    let function = Function::ALL.into_iter().find(|function| function.name().eq_ignore_ascii_case(name));
    match function {
        None if !name.is_empty() => Err(Error::InvalidParameter(format!(
            "function_to_apply must be \"softmax\", \"sigmoid\" or \"none\"; {} was found.",
            shown(text)
        ))),
        function => Ok(function),
    }
}

/// Parses `level`.
fn parse_level(text: &str) -> Result<Option<Level>, Error> {
    let name = text.trim();
    match Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name)) {
        None if !name.is_empty() => Err(Error::InvalidParameter(format!(
            "level must be \"leaf\" or \"basic\"; {} was found.",
            shown(text)
        ))),
        level => Ok(level),
    }
}

/// Parses a boolean option. A blank is `None`, as for `top_k`.
///
/// # Errors
///
/// `InvalidParameter` for anything else.
pub(in crate::http) fn parse_flag(name: &str, text: &str) -> Result<Option<bool>, Error> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => {
            Err(Error::InvalidParameter(format!("{name} must be true or false; {} was found.", shown(text))))
        }
    }
}

/// Parses `MinConfidence`: a `min_score` in percent.
fn parse_percent(text: &str) -> Result<Option<f32>, Error> {
    match decimal(text) {
        _ if text.trim().is_empty() => Ok(None),
        Some(number) if (0.0..=100.0).contains(&number) => Ok(Some((number / 100.0) as f32)),
        _ => Err(Error::InvalidParameter(format!(
            "MinConfidence must be a number from 0 to 100; {} was found.",
            shown(text)
        ))),
    }
}

/// Parses a number in decimal notation. Unlike `str::parse`, it rejects `inf` and `nan`.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_k_is_a_whole_number_of_at_least_one() {
        let cases = [
            ("1", Some(1)),
            (" 5 ", Some(5)),
            ("+5", Some(5)),
            ("5.0", Some(5)),
            ("1e3", Some(1000)),
            ("1001", Some(1001)),
            ("9999999999999999999999", Some(usize::MAX)),
            ("1e999", Some(usize::MAX)),
            ("0", None),
            ("-0", None),
            ("-1", None),
            ("-9999999999999999999999", None),
            ("5.5", None),
            ("0.5", None),
            ("abc", None),
            ("inf", None),
            ("NaN", None),
            ("infinity", None),
            ("0x10", None),
            ("1_000", None),
            ("٣", None),
            ("5 5", None),
            ("true", None),
            ("\r\n\u{202e}", None),
        ];
        for (text, expected) in cases {
            let found = parse_top_k(text);
            assert_eq!(found.as_ref().ok().copied().flatten(), expected, "{text:?}");
            assert!(found.map_or_else(|error| error.code() == "invalid_parameter", |_| true), "{text:?}");
        }
    }

    #[test]
    fn min_score_is_a_number_and_from_zero_to_one_unless_scores_are_logits() {
        let good = [("0", 0.0), ("1", 1.0), ("0.25", 0.25), (".5", 0.5), ("1e-2", 0.01), ("-0", 0.0)];
        for (text, expected) in good {
            assert_eq!(parse_min_score(text).unwrap(), Some(expected), "{text:?}");
        }
        for text in ["nan", "inf", "0,5", "50%", "high", "1e999", "1e99"] {
            assert_eq!(parse_min_score(text).unwrap_err().code(), "invalid_parameter", "{text:?}");
        }
        for text in ["-0.1", "1.01"] {
            let mut options =
                RawOptions { min_score: parse_min_score(text).unwrap(), ..RawOptions::default() };
            for function in [None, Some(Function::Softmax), Some(Function::Sigmoid)] {
                options.function = function;
                assert_eq!(options.check().unwrap_err().code(), "invalid_parameter", "{text:?}");
            }
            options.function = Some(Function::None);
            assert_eq!(options.check().unwrap(), options);
        }
    }

    #[test]
    fn a_blank_option_is_one_left_out() {
        for text in ["", " ", "\r\n\t"] {
            assert_eq!(parse_top_k(text).unwrap(), None, "{text:?}");
            assert_eq!(parse_min_score(text).unwrap(), None, "{text:?}");
        }
    }

    #[test]
    fn what_the_caller_wrote_is_shown_short_and_on_one_line() {
        let detail = parse_top_k(&format!("a\r\nb\"{}", "x".repeat(10_000))).unwrap_err().to_string();
        assert!(detail.len() < 200 && !detail.contains('\n'), "{detail}");
    }
}
