//! Reads a JSON object key by key, with error messages for users. Afterwards the keys that nothing has read
//! can be listed.

use serde_json::{Map, Value};

/// The keys of a JSON object that were not read yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Parses a JSON object.
    ///
    /// # Errors
    ///
    /// The position of a syntax error, or a message that the text is not an object.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err("it must hold a JSON object, {…}".to_owned()),
            Err(error) => {
                Err(format!("it is not valid JSON: line {}, column {}", error.line(), error.column()))
            }
        }
    }

    /// Whether the key is there, with any value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Whether the key is there, and its value is null.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(Value::is_null)
    }

    /// Whether the value of a key is this text.
    pub(super) fn is(&self, key: &str, text: &str) -> bool {
        self.0.get(key).and_then(Value::as_str) == Some(text)
    }

    /// Takes the value of a key, unchanged.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    /// Reads a switch. Null means `false`, as in Python.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(false)),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(unexpected(key, "true or false", &other)),
        }
    }

    /// Reads a number; null counts as absent.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>, String> {
        self.given(key, "a number", Value::as_f64)
    }

    /// Reads a text; null counts as absent.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        self.given(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// Reads an object; null counts as absent.
    pub(super) fn object(&mut self, key: &str) -> Result<Option<Self>, String> {
        self.given(key, "an object", |value| value.as_object().cloned().map(Self))
    }

    /// Reads a value for each of the three channels, or one for all; null counts as absent.
    pub(super) fn channels(&mut self, key: &str) -> Result<Option<[f64; 3]>, String> {
        self.given(key, "three numbers", |value| match value {
            Value::Array(values) => match values[..] {
                [ref all] => all.as_f64().map(|all| [all; 3]),
                [ref red, ref green, ref blue] => Some([red.as_f64()?, green.as_f64()?, blue.as_f64()?]),
                _ => None,
            },
            all => all.as_f64().map(|all| [all; 3]),
        })
    }

    /// Converts the value of a key with `read`. Null counts as absent.
    pub(super) fn given<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.take(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(&value).map(Some).ok_or_else(|| unexpected(key, expected, &value)),
        }
    }

    /// The keys that were not read, with their values.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }
}

/// Reads a length in whole pixels.
pub(super) fn pixels(value: &Value) -> Option<u32> {
    let whole = value.as_f64().filter(|number| number.fract() == 0.0)?;
    // The cast saturates; values out of range are refused.
    (0.0..=f64::from(u32::MAX)).contains(&whole).then_some(whole as u32)
}

fn unexpected(key: &str, expected: &str, found: &Value) -> String {
    format!("{key} must be {expected}, not {}", shown(found))
}

/// Formats a value for a message; cuts a long one.
pub(super) fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_without_the_parser_s_words() {
        let parse = |text| Fields::parse(text).unwrap_err();
        assert_eq!(parse("{\"a\": 1,\n]"), "it is not valid JSON: line 2, column 1");
        assert_eq!(parse("[]"), "it must hold a JSON object, {…}");
        let mut fields = Fields::parse(r#"{"a": "x", "b": 3, "c": [1, 2], "d": null}"#).unwrap();
        assert_eq!(fields.number("a").unwrap_err(), "a must be a number, not \"x\"");
        assert_eq!(fields.flag("b").unwrap_err(), "b must be true or false, not 3");
        assert_eq!(fields.channels("c").unwrap_err(), "c must be three numbers, not [1,2]");
        assert_eq!((fields.number("d"), fields.number("e")), (Ok(None), Ok(None)));
    }
}
