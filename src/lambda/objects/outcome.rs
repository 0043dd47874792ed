//! What became of an object, by the answer to its request.

use std::fmt;

use axum::http::StatusCode;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::objects::Location;

/// What became of an object.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// An answer that would be the same tomorrow, as JSON: labels, or why the object cannot be classified.
    Answer(String),
    /// There was nothing to be read; JSON that says why.
    Skipped(String),
    /// No answer.
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    /// Another try may succeed without anybody doing something.
    pub(super) passes: bool,
    /// For whoever reads the service's report.
    pub(super) why: String,
}

/// Fields that differ from one run to the next. Without them the answer to an object is the same however often it is
/// given.
const FLEETING: [&str; 3] = ["cached", "request_id", "timing_ms"];

/// The field that says which object it is.
const REFERENCE: &str = "s3";

impl Outcome {
    /// What an answer of the router means.
    pub(super) fn of(status: StatusCode, body: &str, object: &Location) -> Self {
        let problem: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
        match Meaning::of(status.as_u16(), text("code")) {
            Meaning::Answer => match lasting(body, object) {
                Some(answer) => Self::Answer(answer),
                None => Self::failed(true, object, "the answer is no JSON object"),
            },
            Meaning::Failure { passes } => {
                Self::failed(passes, object, &format!("{}: {}", text("code"), text("detail")))
            }
        }
    }

    /// A failure with the object that has no answer.
    pub(super) fn failed(passes: bool, object: &Location, why: &str) -> Self {
        Self::Failed(Failure { passes, why: format!("{object}: {why}") })
    }

    /// An object that is not read, if it is one.
    pub(super) fn skipped(why: &str, object: Option<&Location>) -> Self {
        let mut entry = json!({"skipped": why});
        if let Some(object) = object {
            entry[REFERENCE] = reference(object);
        }
        Self::Skipped(entry.to_string())
    }
}

/// What a status means where nobody stands at the other end.
#[derive(Debug, PartialEq)]
enum Meaning {
    Answer,
    Failure { passes: bool },
}

impl Meaning {
    fn of(status: u16, code: &str) -> Self {
        match (status, code) {
            // What whoever runs the function must change: the options, the buckets.
            (400, "invalid_parameter" | "invalid_json") | (401 | 403, _) => Self::Failure { passes: false },
            // That it is not there, too large, no picture or a broken one is the object's own property.
            (200 | 400 | 404 | 413 | 415 | 422, _) => Self::Answer,
            (408 | 409 | 429 | 500.., _) => Self::Failure { passes: true },
            _ => Self::Failure { passes: false },
        }
    }
}

/// An answer without its fleeting fields, and with the object that it is about.
fn lasting(body: &str, object: &Location) -> Option<String> {
    let Fields(mut fields) = serde_json::from_str(body).ok()?;
    fields.retain(|(name, _)| name != REFERENCE && !FLEETING.contains(&&**name));
    fields.push((REFERENCE.to_owned(), to_raw_value(&reference(object)).ok()?));
    serde_json::to_string(&Fields(fields)).ok()
}

fn reference(object: &Location) -> Value {
    let mut reference = json!({"bucket": object.bucket, "key": object.key});
    if let Some(version) = &object.version_id {
        reference["version_id"] = json!(version);
    }
    reference
}

/// The fields of an object in their order, each with its value as it stands.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Location {
        Location { bucket: "photos".into(), key: "a b.jpg".into(), version_id: None }
    }

    #[test]
    fn an_answer_keeps_what_is_the_same_in_every_run() {
        let body = r#"{"predictions":[{"label":"espresso","score":0.9541841}],"timing_ms":{"total":1.5},
            "cached":false,"request_id":"x"}"#;
        assert_eq!(
            Outcome::of(StatusCode::OK, body, &object()),
            Outcome::Answer(
                r#"{"predictions":[{"label":"espresso","score":0.9541841}],"s3":{"bucket":"photos","key":"a b.jpg"}}"#
                    .into()
            )
        );
    }

    #[test]
    fn the_version_that_was_read_is_named() {
        let object = Location { version_id: Some("v1".into()), ..object() };
        let Outcome::Answer(answer) = Outcome::of(StatusCode::OK, "{}", &object) else { panic!() };
        assert_eq!(answer, r#"{"s3":{"bucket":"photos","key":"a b.jpg","version_id":"v1"}}"#);
    }

    #[test]
    fn each_status_is_an_answer_or_a_failure_that_passes_or_lasts() {
        const ANSWER: Option<bool> = None;
        const PASSES: Option<bool> = Some(true);
        const LASTS: Option<bool> = Some(false);
        for (status, code, expected) in [
            (200, "", ANSWER),
            (400, "empty_body", ANSWER),
            (404, "object_not_found", ANSWER),
            (413, "object_too_large", ANSWER),
            (413, "image_too_large", ANSWER),
            (415, "unsupported_format", ANSWER),
            (422, "undecodable_image", ANSWER),
            (400, "invalid_parameter", LASTS),
            (403, "bucket_not_allowed", LASTS),
            (409, "object_changed", PASSES),
            (500, "internal", PASSES),
            (502, "storage_denied", PASSES),
            (503, "storage_unavailable", PASSES),
            (503, "overloaded", PASSES),
        ] {
            let body = json!({"code": code, "detail": "Because."}).to_string();
            let outcome = Outcome::of(StatusCode::from_u16(status).unwrap(), &body, &object());
            let found = match outcome {
                Outcome::Failed(Failure { passes, why }) => {
                    assert_eq!(why, format!("s3://photos/a b.jpg: {code}: Because."));
                    Some(passes)
                }
                _ => None,
            };
            assert_eq!(found, expected, "{status} {code}");
        }
    }
}
