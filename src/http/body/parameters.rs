//! The field `parameters`: the options of a request, as the Hugging Face API has them.

use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::disposition;
use super::options::RawOptions;
use super::value::{string, syntax, wrong_type};
use crate::error::Error;

/// Options of a request, by the names that the Hugging Face API has for them.
#[derive(ToSchema)]
#[schema(as = Parameters)]
#[expect(dead_code, reason = "only its schema is used: an unknown name must be refused by that name")]
pub(super) struct Parameters {
    /// How many labels; more than there are classes gives all.
    #[schema(minimum = 1)]
    top_k: Option<u32>,
    /// Leaves out labels whose score is lower: from 0 to 1, unless scores are logits.
    min_score: Option<f32>,
    /// What makes scores of the model's logits: `softmax`, `sigmoid` or `none`.
    #[schema(pattern = "^(softmax|sigmoid|none)$")]
    function_to_apply: Option<String>,
    /// `leaf` answers classes, `basic` the everyday categories that they belong to.
    #[schema(pattern = "^(leaf|basic)$")]
    level: Option<String>,
}

/// The options in the field `parameters`. One that is not known is refused, as the Hugging Face API does it: whoever
/// names it counts on what it does.
pub(super) fn read(value: Option<&RawValue>) -> Result<RawOptions, Error> {
    let mut options = RawOptions::default();
    let object = match value.map(RawValue::get) {
        None => return Ok(options),
        Some(object) if object.starts_with('{') => object,
        Some(other) => return Err(wrong_type("field \"parameters\"", "an object", other)),
    };
    let named: Vec<(String, &RawValue)> =
        serde_json::Deserializer::from_str(object).deserialize_map(Named).map_err(syntax)?;
    for (name, value) in named {
        if !RawOptions::has(&name) {
            return Err(Error::InvalidParameter(format!(
                "{} is no parameter that is known. Those are {}.",
                disposition::shown(&name),
                RawOptions::NAMES.join(", ")
            )));
        }
        set(&mut options, &name, Some(value))?;
    }
    Ok(options)
}

/// The fields of an object, each of which may be there once.
struct Named;

impl<'a> Visitor<'a> for Named {
    type Value = Vec<(String, &'a RawValue)>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // One more than there are names: that one is unknown, or there twice.
        const MAX: usize = RawOptions::NAMES.len() + 1;
        let mut named: Self::Value = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if named.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom("twice"));
            }
            let value = map.next_value()?;
            if named.len() < MAX {
                named.push((name, value));
            }
        }
        Ok(named)
    }
}

/// Takes an option. It may be a number, or a string that holds one. The option's own parser refuses anything else.
pub(super) fn set(options: &mut RawOptions, name: &str, value: Option<&RawValue>) -> Result<(), Error> {
    let Some(value) = value.map(RawValue::get).filter(|value| *value != "null") else { return Ok(()) };
    let text = string(value, "option", "a number").unwrap_or(value.into());
    options.set(name, &text)
}
