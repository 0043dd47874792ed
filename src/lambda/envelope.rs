//! Parses the JSON of an event in one pass. The body is kept as a reference into the event; the remaining
//! fields are small and become values.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::objects::Sender;
use super::{front_door, other};
use crate::http::body::is_image_field;

/// An event that is a JSON object or a list of records.
pub(super) struct Envelope<'a> {
    /// The fields that identify events and from which requests are built.
    head: Value,
    /// The raw JSON value of the field `body`.
    pub(super) body: Option<&'a RawValue>,
    /// Whether a field is one of those in which a request body has images.
    pub(super) has_images: bool,
    /// Whether a field says that this is a ping.
    pub(super) says_ping: bool,
    /// Whether the event has no fields.
    pub(super) is_empty: bool,
}

impl Envelope<'_> {
    /// The value at a JSON pointer (RFC 6901), unless it is `null`.
    pub(super) fn at(&self, pointer: &str) -> Option<&Value> {
        self.head.pointer(pointer).filter(|value| !value.is_null())
    }

    /// The text at a JSON pointer.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).and_then(Value::as_str)
    }

    /// Whether the event has a mark. The mark `/pointer` matches any value at this pointer except `null` and
    /// `false`; `/pointer=text` matches only this text.
    pub(super) fn has(&self, mark: &str) -> bool {
        match mark.split_once('=') {
            Some((pointer, text)) => self.text(pointer) == Some(text),
            None => self.at(mark).is_some_and(|value| value != &Value::Bool(false)),
        }
    }
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Envelope<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or a list of records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let mut head = Map::new();
        let (mut body, mut has_images, mut says_ping, mut is_empty) = (None, false, false, true);
        while let Some(name) = map.next_key::<String>()? {
            is_empty = false;
            let value = if front_door::FIELDS.contains(&&*name) || other::TEXTS.contains(&&*name) {
                map.next_value()?
            } else if name == "Records" {
                first_record(map.next_value()?)
            } else if name == "body" {
                body = map.next_value()?;
                Value::Null
            } else if other::is_ping(&name) {
                says_ping |= is_set(map.next_value()?);
                continue;
            } else {
                // Only the presence of the field matters. Its value may have megabytes.
                let is_there = map.next_value::<Option<IgnoredAny>>()?.is_some();
                if is_image_field(&name) {
                    has_images |= is_there;
                } else if !other::is_mark(&name) && !Sender::is_mark(&name) {
                    continue;
                }
                Value::Bool(is_there)
            };
            // An event with a duplicate field is ambiguous.
            if head.insert(name, value).is_some() {
                return Err(A::Error::custom("a field stands there twice"));
            }
        }
        Ok(Envelope { head: Value::Object(head), body, has_images, says_ping, is_empty })
    }

    /// EventBridge Pipes sends a list of records. Each record names its service.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Envelope<'de>, A::Error> {
        let first: Option<Record> = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        let source = first.as_ref().and_then(|record| record.source.as_deref());
        let head = json!({"eventSource": source, "Records": [{"source": source}]});
        Ok(Envelope { head, body: None, has_images: false, says_ping: false, is_empty: false })
    }
}

/// Whether the value of a ping field is true. A caller who writes `false` does not mean a ping.
fn is_set(value: &RawValue) -> bool {
    !matches!(value.get(), "null" | "false" | "0" | "\"\"" | "\"false\"")
}

/// The fields of a record that identify its service.
#[derive(Deserialize)]
struct Record {
    #[serde(alias = "eventSource", alias = "EventSource")]
    source: Option<String>,
    cf: Option<IgnoredAny>,
}

/// Returns a list with only the `source` and `cf` of the first record.
fn first_record(records: &RawValue) -> Value {
    let records: Vec<Record> = serde_json::from_str(records.get()).unwrap_or_default();
    records.first().map_or(Value::Null, |first| json!([{"source": first.source, "cf": first.cf.is_some()}]))
}
