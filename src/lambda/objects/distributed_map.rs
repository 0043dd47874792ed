//! Items of a Distributed Map of Step Functions: a single item or a batch.
//!
//! The formats are from the AWS Step Functions Developer Guide, "ItemBatcher" and "ItemReader". The objects
//! of a bucket have a `Key`; the rows of an S3 Inventory also have a `Bucket`. Lists of keys or of `s3://`
//! URLs are accepted, too.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Expects, Job, Notice, Work, given, key};
use crate::http::body::RawOptions;
use crate::objects::Location;

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Items")]
    /// Each value is an [`Item`]. An invalid one fails without affecting the others.
    items: Vec<Value>,
    #[serde(default, rename = "BatchInput")]
    input: Input,
}

/// Settings for all items: the bucket, if items do not name it, and the options of the requests.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    #[serde(alias = "Bucket")]
    bucket: Option<String>,
    /// Whether keys are URL-encoded, as in the CSV files of S3 Inventory.
    #[serde(deserialize_with = "flag")]
    url_encoded_keys: bool,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Text(String),
    Object(Object),
}

#[derive(Deserialize)]
struct Object {
    #[serde(alias = "Bucket")]
    bucket: Option<String>,
    #[serde(alias = "Key")]
    key: String,
    #[serde(alias = "VersionId")]
    version_id: Option<String>,
    /// Set in an inventory of versions: there is nothing to read.
    #[serde(default, rename = "IsDeleteMarker", deserialize_with = "flag")]
    is_delete_marker: bool,
}

/// Parses a batch.
pub(super) fn read_batch(payload: &[u8]) -> Result<Work, String> {
    let batch: Batch = serde_json::from_slice(payload).map_err(|_| {
        "\"Items\" is not a list, or \"BatchInput\" is not an object with \"bucket\" as a text and \"url_encoded_keys\" as \
         true or false."
            .to_owned()
    })?;
    let item = |value| {
        serde_json::from_value(value)
            .map_err(|_| "The item is neither an object with a \"Key\" nor a text.".to_owned())
    };
    let jobs = batch.items.into_iter().map(|value| batch.input.job(item(value))).collect();
    Ok(Work { jobs, options: batch.input.options(), expects: Expects::Items })
}

/// Parses a single item. It has the options of the request next to its key.
pub(super) fn read_item(payload: &[u8]) -> Result<Work, String> {
    let fault = |_| "The item's \"Key\" or \"Bucket\" is not a text.".to_owned();
    let item: Object = serde_json::from_slice(payload).map_err(fault)?;
    let input: Input = serde_json::from_slice(payload).map_err(fault)?;
    let jobs = vec![input.job(Ok(Item::Object(item)))];
    Ok(Work { jobs, options: input.options(), expects: Expects::Item })
}

impl Input {
    fn job(&self, item: Result<Item, String>) -> Job {
        Job::of(String::new(), item.and_then(|item| self.notice(item)))
    }

    fn notice(&self, item: Item) -> Result<Notice, String> {
        let object = match item {
            Item::Text(address) if address.starts_with("s3://") => {
                return address
                    .parse()
                    .map(Notice::Object)
                    .map_err(|_| "An item begins with s3:// and is not s3://bucket/key.".to_owned());
            }
            Item::Text(key) => Object { bucket: None, key, version_id: None, is_delete_marker: false },
            Item::Object(object) => object,
        };
        if object.is_delete_marker {
            return Ok(Notice::Other("delete marker".to_owned()));
        }
        let bucket = given(object.bucket).or_else(|| self.bucket.clone()).ok_or_else(|| {
            "No bucket is named. Put \"bucket\" into BatchInput, or \"Bucket\" into each item.".to_owned()
        })?;
        let key = if self.url_encoded_keys { key::decoded(&object.key)? } else { object.key };
        Ok(Notice::Object(Location { bucket, key, version_id: given(object.version_id) }))
    }

    /// Texts, numbers and booleans whose name is an option.
    fn options(&self) -> Vec<(String, String)> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let named = self.others.iter().filter(|(name, _)| RawOptions::has(name));
        named.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
    }
}

/// Parses `true` or `false`, also as text, because rows of a CSV file contain only texts. Missing values and
/// empty texts are `false`.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::Bool(flag) => return Ok(flag),
        Value::Null => return Ok(false),
        Value::String(text) => text.to_ascii_lowercase(),
        _ => String::from("another type"),
    };
    match text.as_str() {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        _ => Err(D::Error::custom("neither true nor false")),
    }
}
