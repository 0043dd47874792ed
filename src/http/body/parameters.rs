//! The field `parameters`: options of a request in the format of the Hugging Face API.

use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::disposition;
use super::options::RawOptions;
use super::value::{string, syntax, wrong_type};
use crate::error::Error;

/// Options of a request, in the format of the Hugging Face API.
#[derive(ToSchema)]
#[schema(as = Parameters)]
#[expect(dead_code, reason = "only its schema is used: an unknown name must be refused by that name")]
pub(super) struct Parameters {
    /// Number of labels. If it exceeds the number of classes, all labels are returned.
    #[schema(minimum = 1)]
    top_k: Option<u32>,
    /// Minimum score; labels with a lower score are left out. From 0 to 1, unless the scores are logits.
    min_score: Option<f32>,
    /// Function that converts the model's logits to scores: `softmax`, `sigmoid` or `none`.
    #[schema(pattern = "^(softmax|sigmoid|none)$")]
    function_to_apply: Option<String>,
    /// `leaf` returns classes, `basic` returns the everyday categories to which the classes belong.
    #[schema(pattern = "^(leaf|basic)$")]
    level: Option<String>,
    /// Whether to return a heat map for each label.
    explain: Option<bool>,
}

/// Parses the options in the field `parameters`. Unknown options are rejected, as the Hugging Face API does:
/// a caller who sets an option relies on its effect. In KServe v2 requests they are ignored, because most
/// parameters there are for the server and not for the model.
pub(super) fn read(value: Option<&RawValue>, is_kserve: impl Fn() -> bool) -> Result<RawOptions, Error> {
    let mut options = RawOptions::default();
    let object = match value.map(RawValue::get) {
        None => return Ok(options),
        Some(object) if object.starts_with('{') => object,
        Some(other) => return Err(wrong_type("field \"parameters\"", "an object", other)),
    };
    let named = Named { known: Vec::new(), unknown: None };
    let named = serde_json::Deserializer::from_str(object).deserialize_map(named).map_err(syntax)?;
    if let Some(name) = named.unknown.filter(|_| !is_kserve()) {
        return Err(Error::InvalidParameter(format!(
            "{} is no parameter that is known. Those are {}.",
            disposition::shown(&name),
            RawOptions::NAMES.join(", ")
        )));
    }
    for (name, value) in named.known {
        set(&mut options, &name, Some(value))?;
    }
    Ok(options)
}

/// The fields of an object: the options, each of which may occur once, and the first unknown field.
struct Named<'a> {
    known: Vec<(String, &'a RawValue)>,
    unknown: Option<String>,
}

impl<'a> Visitor<'a> for Named<'a> {
    type Value = Self;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value()?;
            if !RawOptions::has(&name) {
                self.unknown.get_or_insert(name);
            } else if self.known.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom("twice"));
            } else {
                self.known.push((name, value));
            }
        }
        Ok(self)
    }
}

/// Sets an option from a number or from a string that contains one. The option's own parser rejects anything
/// else.
pub(super) fn set(options: &mut RawOptions, name: &str, value: Option<&RawValue>) -> Result<(), Error> {
    let Some(value) = value.map(RawValue::get).filter(|value| *value != "null") else { return Ok(()) };
    let text = string(value, "option", "a number").unwrap_or(value.into());
    options.set(name, &text)
}
