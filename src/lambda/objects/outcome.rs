//! Interprets the response for an object.

use std::fmt;

use axum::http::StatusCode;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::Error;
use crate::objects::Location;

/// The outcome for an object.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// A permanent result as JSON: labels, or why the object cannot be classified. A retry would give the
    /// same.
    Answer(String),
    /// There was nothing to read. The JSON says why.
    Skipped(String),
    /// The request was rejected. Retries fail until a setting or an option is changed.
    Refused {
        /// The problem document.
        json: String,
        /// The reason, for the report of the service.
        why: String,
    },
    /// There is no result, for this reason. A retry may succeed.
    Failed(String),
}

/// Fields that differ between runs. They are removed, so that retries give identical results.
const FLEETING: [&str; 3] = ["cached", "request_id", "timing_ms"];

/// The field that identifies the object.
const REFERENCE: &str = "s3";

impl Outcome {
    /// Interprets a response of the router.
    pub(super) fn of(status: StatusCode, body: &str, object: &Location) -> Self {
        let problem: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
        let meaning = match status {
            // A 400 for an invalid key concerns only this object, not the options.
            StatusCode::BAD_REQUEST if object.check().is_err() => Meaning::Answer,
            _ => Meaning::of(status.as_u16(), text("code")),
        };
        let why = format!("{}: {}", text("code"), text("detail"));
        match (meaning, lasting(body, object)) {
            (Meaning::Answer, Some(json)) => Self::Answer(json),
            (Meaning::Refusal, Some(json)) => Self::Refused { json, why: format!("{object}: {why}") },
            (Meaning::Failure, Some(_)) => Self::failed(object, &why),
            (_, None) => Self::failed(object, "its answer is not a JSON object"),
        }
    }

    /// A part of the event that cannot be parsed.
    pub(super) fn not_understood(why: String) -> Self {
        let problem = Error::InvalidEvent(why);
        let (status, code) = (problem.status(), problem.code());
        let json =
            json!({"status": status, "code": code, "title": problem.title(), "detail": problem.to_string()});
        Self::Refused { json: json.to_string(), why: problem.to_string() }
    }

    /// A failure, with the object that has no result.
    pub(super) fn failed(object: &Location, why: &str) -> Self {
        Self::Failed(format!("{object}: {why}"))
    }

    /// An object that is not read. `object` is `None` if the event is not about an object to read.
    pub(super) fn skipped(why: &str, object: Option<&Location>) -> Self {
        let mut entry = json!({"skipped": why});
        if let Some(object) = object {
            entry[REFERENCE] = reference(object);
        }
        Self::Skipped(entry.to_string())
    }
}

/// What a status means when no client is waiting for it.
#[derive(Debug, PartialEq)]
enum Meaning {
    Answer,
    Refusal,
    Failure,
}

impl Meaning {
    fn of(status: u16, code: &str) -> Self {
        match (status, code) {
            // The operator must change something: the options or the buckets.
            (400, "invalid_parameter" | "invalid_json") | (401 | 403, _) => Self::Refusal,
            // A property of the object: it does not exist, is too large, is not a picture or is corrupt.
            (200 | 400 | 404 | 413 | 415 | 422, _) => Self::Answer,
            (408 | 409 | 429 | 500.., _) => Self::Failure,
            _ => Self::Refusal,
        }
    }
}

/// Removes the fields that differ between runs, and adds the object.
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

/// The fields of a JSON object in their order, with raw values.
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
        Location::new("photos", "a b.jpg")
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
    fn a_key_that_cannot_be_read_is_an_answer() {
        let body = r#"{"code":"invalid_parameter"}"#;
        for (key, is_answer) in [("a.jpg", false), ("a//b.jpg", true), ("../a.jpg", true)] {
            let outcome = Outcome::of(StatusCode::BAD_REQUEST, body, &Location::new("photos", key));
            assert_eq!(matches!(outcome, Outcome::Answer(_)), is_answer, "{key}");
        }
    }

    #[test]
    fn each_status_is_an_answer_or_a_refusal_or_a_failure() {
        use Meaning::{Answer, Failure, Refusal};
        for (status, code, expected) in [
            (200, "", Answer),
            (400, "empty_body", Answer),
            (404, "object_not_found", Answer),
            (404, "object_archived", Answer),
            (413, "object_too_large", Answer),
            (413, "image_too_large", Answer),
            (415, "unsupported_format", Answer),
            (422, "undecodable_image", Answer),
            (400, "invalid_parameter", Refusal),
            (403, "bucket_not_allowed", Refusal),
            (409, "object_changed", Failure),
            (500, "internal", Failure),
            (502, "storage_denied", Failure),
            (503, "storage_unavailable", Failure),
            (503, "overloaded", Failure),
        ] {
            let body = json!({"code": code, "detail": "Because."}).to_string();
            let why = format!("s3://photos/a b.jpg: {code}: Because.");
            let found = match Outcome::of(StatusCode::from_u16(status).unwrap(), &body, &object()) {
                Outcome::Refused { why: found, .. } => {
                    assert_eq!(found, why);
                    Refusal
                }
                Outcome::Failed(found) => {
                    assert_eq!(found, why);
                    Failure
                }
                _ => Answer,
            };
            assert_eq!(found, expected, "{status} {code}");
        }
    }
}
