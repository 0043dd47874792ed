//! Images in the JSON formats of other services: numbers, objects that contain base64, and lists of these.
//!
//! Requests written for another service are accepted if they are unambiguous. Image URLs are rejected,
//! because this service does not fetch URLs. An S3 object becomes a reference.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Upload;
use super::disposition::shown;
use super::intake::Intake;
use super::numbers::{self, is_numbered, is_numbers};
use super::reference;
use super::text::{self, Origin, Spaces};
use super::value::{self, List, wrong_type};
use crate::error::Error;

/// Fields that hold the image, or an object that holds it. The comments name the services that use each
/// field.
const HOLDERS: [&str; 13] = [
    "b64",                // TensorFlow Serving, KServe v1
    "b64_json",           // OpenAI
    "base64",             // Clarifai
    "Bytes",              // Rekognition
    "bytes",              // Rekognition by SDKs, TensorFlow
    "bytesBase64Encoded", // Vertex AI
    "bytesContents",      // KServe v2 by gRPC, as JSON
    "bytes_contents",     // KServe v2 by gRPC
    "content",            // Vision
    "contents",           // KServe v2 by gRPC
    "data",               // Node's Buffer, KServe v2, Gradio, Clarifai
    "image",              // Vision, TensorFlow Serving by the name of its input
    "image_bytes",        // TensorFlow Serving by the name of its input
];

/// Fields that hold the location of the image, unless their value is a data URL or an object.
const REFERENCES: [&str; 13] = [
    "Bucket",
    "S3Object",
    "bucket",
    "gcsUri",
    "image_url",
    "imageUri",
    "key",
    "path",
    "s3",
    "source",
    "src",
    "uri",
    "url",
];

/// Maximum nesting depth of objects and lists.
const MAX_DEPTH: usize = 5;

/// Whether a list contains no objects, lists or numbers, judged by its first entry.
pub(super) fn is_strings(list: &str) -> bool {
    numbers::first(list).is_some_and(|byte| !matches!(byte, b'{' | b'[' | b'-' | b'0'..=b'9'))
}

/// Adds the image or images of a value. `what` describes its position for error messages.
///
/// # Errors
///
/// Errors of the request as a whole. An error of a single image is stored in place of that image.
pub(super) fn add(intake: &mut Intake, value: &str, what: &str) -> Result<(), Error> {
    add_within(intake, value, what, 0)
}

fn add_within(intake: &mut Intake, value: &str, what: &str, depth: usize) -> Result<(), Error> {
    let origin = Origin { what, spaces: Spaces::AreNothing, max_bytes: intake.limits.max_bytes };
    let refused = |wanted| Err(wrong_type(what, wanted, value));
    match value.bytes().next() {
        _ if depth > MAX_DEPTH => intake.add(refused("an image, which is not within so many objects")),
        Some(b'[') if is_numbers(value) => add_bytes(intake, value, origin),
        Some(b'[') => {
            let list = List::read(value, intake)?;
            add_entries(intake, &list, what, depth + 1)
        }
        Some(b'{') if is_numbered(value) => add_bytes(intake, value, origin),
        Some(b'{') => {
            let found = Known::read(value)?;
            match found.holders[..] {
                [(ref name, inner)] if reference::is_one(name, inner.get()) => {
                    reference::add(intake, name, inner.get(), &format!("{} of the {what}", shown(name)))
                }
                [(ref name, inner)] => {
                    add_within(intake, inner.get(), &format!("{} of the {what}", shown(name)), depth + 1)
                }
                [] if found.is_reference => intake.add(Err(Error::MissingImage(format!(
                    "The {what} says where an image is. Nothing is fetched from addresses: send its bytes, as \
                     {{\"image\": \"<base64>\"}}. An object of S3 is named as {{\"s3\": {{\"bucket\": \"…\", \"key\": \
                     \"…\"}}}}, where this service may read the bucket."
                )))),
                [] => intake.add(refused("a string that holds base64 or a data URL, or a list of bytes")),
                [(ref one, _), (ref other, _), ..] => intake.add(Err(Error::InvalidJson(format!(
                    "The {what} could hold its image in {} or in {}. Send one of them, best as \
                     {{\"image\": \"<base64>\"}}.",
                    shown(one),
                    shown(other)
                )))),
            }
        }
        _ => {
            let image =
                value::string(value, what, "a string that holds base64 or a data URL, or a list of bytes")
                    .and_then(|text| text::image(&text, origin));
            intake.add(image.map(|bytes| Upload { bytes, file_name: None }))
        }
    }
}

fn add_entries(
    intake: &mut Intake,
    entries: &[(usize, &RawValue)],
    what: &str,
    depth: usize,
) -> Result<(), Error> {
    for (number, entry) in entries {
        add_within(intake, entry.get(), &format!("entry {number} of the {what}"), depth)?;
    }
    Ok(())
}

/// Adds the image of a body that is itself the value: `{"b64": "…"}`, or a JavaScript typed array. Other
/// bodies contain no image.
pub(super) fn add_body(intake: &mut Intake, object: &str) -> Result<(), Error> {
    let known = Known::read(object)?;
    let is_image = is_numbered(object) || known.is_reference || !known.holders.is_empty();
    if is_image { add(intake, object, "JSON") } else { Ok(()) }
}

/// Adds the images among function arguments, as in Gradio's `data`. Other arguments are numbers, booleans and
/// `null`, and are skipped.
pub(super) fn add_arguments(intake: &mut Intake, value: &str, what: &str) -> Result<(), Error> {
    if !value.starts_with('[') {
        return add(intake, value, what);
    }
    let images = List::read_only(value, intake, |argument| {
        matches!(argument.get().as_bytes()[..], [b'"' | b'{' | b'[', ..])
    })?;
    if images.is_empty() && is_numbers(value) {
        return add(intake, value, what);
    }
    add_entries(intake, &images, what, 1)
}

/// Adds an image that is given as a list of byte values.
fn add_bytes(intake: &mut Intake, value: &str, origin: Origin<'_>) -> Result<(), Error> {
    intake.add(numbers::read(value, origin).map(|bytes| Upload { bytes, file_name: None }))
}

/// The relevant fields of an object.
struct Known<'a> {
    /// Fields that hold an image. One is expected; at most two are kept, which is enough to detect the
    /// conflict.
    holders: Vec<(String, &'a RawValue)>,
    is_reference: bool,
}

impl<'a> Known<'a> {
    fn read(object: &'a str) -> Result<Self, Error> {
        let known = Self { holders: Vec::new(), is_reference: false };
        serde_json::Deserializer::from_str(object).deserialize_map(known).map_err(value::syntax)
    }
}

impl<'de> Visitor<'de> for Known<'de> {
    type Value = Self;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        // TensorFlow Serving uses the name of the model's input as the field name.
        let mut inputs = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let Some(value) = map.next_value::<Option<&RawValue>>()? else { continue };
            let found = if HOLDERS.contains(&&*name) || reference::is_one(&name, value.get()) {
                &mut self.holders
            } else if REFERENCES.contains(&&*name) {
                if is_elsewhere(value.get()) {
                    self.is_reference = true;
                    continue;
                }
                &mut self.holders
            } else if is_tensorflow(value.get()) {
                &mut inputs
            } else {
                continue;
            };
            // A duplicate name gives two entries, which are rejected.
            if found.len() < 2 {
                found.push((name, value));
            }
        }
        if self.holders.is_empty() {
            self.holders = inputs;
        }
        Ok(self)
    }
}

/// Whether the value of a field in [`REFERENCES`] is a URL, that is, neither an object nor a data URL.
fn is_elsewhere(value: &str) -> bool {
    const DATA: &str = "\"data:";
    let is_data = value.get(..DATA.len()).is_some_and(|start| start.eq_ignore_ascii_case(DATA));
    !is_data && !value.starts_with('{')
}

/// Whether the value is `{"b64": …}` or a list of such objects.
fn is_tensorflow(value: &str) -> bool {
    let object = value.strip_prefix('[').map_or(value, str::trim_start);
    object.strip_prefix('{').is_some_and(|fields| fields.trim_start().starts_with("\"b64\""))
}

/// The `maxResults` of a Google Vision request.
///
/// # Errors
///
/// [`Error::InvalidParameter`] if the request asks for features other than labels.
pub(super) fn vision_max_results(requests: &str) -> Result<Option<usize>, Error> {
    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        features: Vec<Feature>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Feature {
        r#type: Option<String>,
        max_results: Option<usize>,
    }
    // Requests in another format have no options.
    let Ok(requests) = serde_json::from_str::<Vec<Request>>(requests) else { return Ok(None) };
    let mut features = requests.iter().flat_map(|request| &request.features).peekable();
    if features.peek().is_none() {
        return Ok(None);
    }
    let labels = |feature: &&Feature| feature.r#type.as_deref().is_none_or(|name| name == "LABEL_DETECTION");
    let feature = features.find(labels).ok_or_else(|| {
        Error::InvalidParameter(
            "The features of the requests ask for other things than labels. The only type that is known is \
             \"LABEL_DETECTION\"."
                .to_owned(),
        )
    })?;
    Ok(feature.max_results.filter(|max| *max > 0))
}
