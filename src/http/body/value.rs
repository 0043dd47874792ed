//! JSON values whose type is only known when they are read: their content, and the error for a wrong type.

use std::borrow::Cow;

use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::intake::Intake;
use crate::error::Error;

/// The content of a JSON string, borrowed if it has no escapes.
pub(super) fn string<'a>(value: &'a str, what: &str, wanted: &str) -> Result<Cow<'a, str>, Error> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Err(wrong_type(what, wanted, value));
    };
    if !inner.contains('\\') {
        return Ok(inner.into());
    }
    serde_json::from_str::<String>(value).map(Cow::from).map_err(|_| {
        Error::InvalidJson(format!(
            "The {what} has an escape that is no character, such as half a surrogate pair. Send base64, which needs no escapes."
        ))
    })
}

pub(super) fn wrong_type(what: &str, wanted: &str, found: &str) -> Error {
    let found = match found.bytes().next() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    Error::InvalidJson(format!("The {what} must be {wanted}; {found} was found."))
}

/// Converts a JSON error. The library's messages name Rust types, so only the position is used.
pub(super) fn syntax(error: serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    Error::InvalidJson(match error.classify() {
        serde_json::error::Category::Eof => {
            format!(
                "The JSON ends too early, at line {line}, column {column}. Was it cut off? Send it again."
            )
        }
        serde_json::error::Category::Data => {
            format!("The JSON has a field twice, before line {line}, column {column}. Send each field once.")
        }
        _ => format!(
            "The JSON is not valid at line {line}, column {column}. Correct it there, or send {{\"image\": \"<base64>\"}}."
        ),
    })
}

/// Collects the wanted entries of an array up to the accepted number, and counts all wanted entries. This way
/// an array of millions of zeros takes no more memory than its text.
pub(super) struct List {
    max: usize,
    is_wanted: fn(&RawValue) -> bool,
}

impl List {
    /// The entries of an array, numbered from 1. Fails if there are more entries than the allowed number of
    /// images.
    pub(super) fn read<'a>(text: &'a str, intake: &Intake) -> Result<Vec<(usize, &'a RawValue)>, Error> {
        Self::read_only(text, intake, |_| true)
    }

    /// Like [`Self::read`], but only for wanted entries. Other entries are skipped and not counted.
    pub(super) fn read_only<'a>(
        text: &'a str,
        intake: &Intake,
        is_wanted: fn(&RawValue) -> bool,
    ) -> Result<Vec<(usize, &'a RawValue)>, Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        let (entries, found) =
            json.deserialize_seq(Self { max: intake.limits.max_images, is_wanted }).map_err(syntax)?;
        json.end().map_err(syntax)?;
        intake.announce(found)?;
        Ok(entries)
    }
}

impl<'a> Visitor<'a> for List {
    type Value = (Vec<(usize, &'a RawValue)>, usize);

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        let (mut number, mut found) = (0, 0);
        while let Some(entry) = array.next_element::<&RawValue>()? {
            number += 1;
            if (self.is_wanted)(entry) {
                found += 1;
                if found <= self.max {
                    entries.push((number, entry));
                }
            }
        }
        Ok((entries, found))
    }
}
