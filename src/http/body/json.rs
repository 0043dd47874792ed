//! JSON: `{"image": …}`, `{"images": […]}`, Hugging Face's `{"inputs": …, "parameters": {…}}`, and a bare
//! list.
//!
//! Values are kept as raw text until their type is known: a string of base64 without escapes is decoded
//! where it stands, a value of the wrong type is named with its field, and nesting, however deep, is
//! skipped without recursion.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::intake::Intake;
use super::options::{RawOptions, parse_min_score, parse_top_k};
use super::text::{self, Origin, Spaces};
use super::{Limits, Submission, Upload};
use crate::error::Error;

/// All fields that mean something; others are ignored, and `null` is as good as absent.
#[derive(Deserialize, ToSchema)]
#[schema(as = ClassifyRequest, description = "Images as base64 or data URLs, one or several, and options.")]
pub(in crate::http) struct Document<'a> {
    /// One image, as base64 or a data URL.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    image: Option<&'a RawValue>,
    /// Several images; the answer is a list, even of one.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    images: Option<&'a RawValue>,
    /// One image or several, as the Hugging Face API names them.
    #[serde(borrow)]
    #[schema(value_type = Option<OneOrMany>)]
    inputs: Option<&'a RawValue>,
    /// Options, as the Hugging Face API has them.
    #[serde(borrow)]
    #[schema(value_type = Option<Parameters>)]
    parameters: Option<&'a RawValue>,
    /// How many labels; more than there are classes gives all.
    #[serde(borrow)]
    #[schema(value_type = Option<u32>, minimum = 1)]
    top_k: Option<&'a RawValue>,
    /// Leaves out labels whose score is lower.
    #[serde(borrow)]
    #[schema(value_type = Option<f32>, minimum = 0, maximum = 1)]
    min_score: Option<&'a RawValue>,
}

/// Options of a request.
#[derive(Deserialize, ToSchema)]
#[schema(as = Parameters)]
struct Parameters<'a> {
    /// How many labels; more than there are classes gives all.
    #[serde(borrow)]
    #[schema(value_type = Option<u32>, minimum = 1)]
    top_k: Option<&'a RawValue>,
    /// Leaves out labels whose score is lower.
    #[serde(borrow)]
    #[schema(value_type = Option<f32>, minimum = 0, maximum = 1)]
    min_score: Option<&'a RawValue>,
}

/// What `inputs` may hold.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Reads a body that begins with `{` or `[`.
///
/// `image`, `images` and `inputs` may stand together: all of them count, in this order.
pub(super) fn read(text: &str, limits: Limits) -> Result<Submission, Error> {
    let mut intake = Intake::new(limits);
    if text.starts_with('[') {
        add_list(&mut intake, text, None)?;
    } else {
        let document: Document<'_> = serde_json::from_str(text).map_err(syntax)?;
        let parameters = parameters(document.parameters)?;
        intake.options = RawOptions {
            top_k: option([document.top_k, parameters.top_k], parse_top_k)?,
            min_score: option([document.min_score, parameters.min_score], parse_min_score)?,
        };
        let fields = [("image", document.image), ("images", document.images), ("inputs", document.inputs)];
        intake.list = document.images.is_some();
        for (name, value) in fields {
            match value.map(RawValue::get) {
                None => {}
                Some(list) if name != "image" && list.starts_with('[') => {
                    add_list(&mut intake, list, Some(name))?;
                }
                Some(other) if name == "images" => {
                    return Err(wrong_type("field \"images\"", "an array of strings", other));
                }
                Some(value) => add(&mut intake, value, &format!("field \"{name}\""))?,
            }
        }
    }
    if intake.any() { intake.finish() } else { Err(missing_image()) }
}

/// The content of a body that is one JSON string: an image, or JSON that was encoded twice.
pub(super) fn top_level_string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// `null`, a number, `true`…: valid JSON of which most is valid base64, too.
pub(super) fn is_scalar(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

pub(super) fn missing_image() -> Error {
    Error::MissingImage(
        "The JSON holds no image. Send base64 or a data URL as {\"image\": \"…\"}, several as {\"images\": \
         [\"…\"]}, or in Hugging Face's form as {\"inputs\": \"…\"}."
            .into(),
    )
}

pub(super) fn not_json(why: &str) -> Error {
    Error::InvalidJson(format!(
        "The content type says JSON, but the request body is not: {why}. Send {{\"image\": \"<base64>\"}}, \
         or the bytes of the image."
    ))
}

fn add(intake: &mut Intake, value: &str, what: &str) -> Result<(), Error> {
    let origin = Origin { what, spaces: Spaces::AreNothing, max_bytes: intake.limits.max_bytes };
    let image = string(value, what, "a string that holds base64 or a data URL")
        .and_then(|text| text::image(&text, origin))
        .map(|bytes| Upload { bytes, file_name: None });
    intake.add(image)
}

fn add_list(intake: &mut Intake, text: &str, name: Option<&str>) -> Result<(), Error> {
    intake.list = true;
    let mut json = serde_json::Deserializer::from_str(text);
    let list = json.deserialize_seq(List { max: intake.limits.max_images }).map_err(syntax)?;
    json.end().map_err(syntax)?;
    intake.announce(list.found)?;
    for (index, value) in list.entries.iter().enumerate() {
        let what = format!(
            "entry {} of {}",
            index + 1,
            name.map_or("the array".into(), |name| format!("\"{name}\""))
        );
        add(intake, value.get(), &what)?;
    }
    Ok(())
}

/// The entries of an array as far as they are accepted, and the number of all: an array of millions of zeros
/// must not take more memory than its text.
struct Entries<'a> {
    entries: Vec<&'a RawValue>,
    found: usize,
}

struct List {
    max: usize,
}

impl<'a> Visitor<'a> for List {
    type Value = Entries<'a>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut array: A) -> Result<Entries<'a>, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < self.max
            && let Some(entry) = array.next_element()?
        {
            entries.push(entry);
        }
        let mut found = entries.len();
        while array.next_element::<IgnoredAny>()?.is_some() {
            found += 1;
        }
        Ok(Entries { entries, found })
    }
}

fn parameters(value: Option<&RawValue>) -> Result<Parameters<'_>, Error> {
    match value.map(RawValue::get) {
        None => Ok(Parameters { top_k: None, min_score: None }),
        Some(object) if object.starts_with('{') => serde_json::from_str(object).map_err(syntax),
        Some(other) => Err(wrong_type("field \"parameters\"", "an object", other)),
    }
}

/// The first of the values that is not left out, as a number or as a string that holds one; the parser
/// refuses what is neither.
fn option<T>(
    values: [Option<&RawValue>; 2],
    parse: fn(&str) -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    for value in values.into_iter().flatten().map(RawValue::get) {
        let text = string(value, "option", "a number").unwrap_or(value.into());
        if let Some(option) = parse(&text)? {
            return Ok(Some(option));
        }
    }
    Ok(None)
}

/// The content of a JSON string, borrowed if it has no escapes.
fn string<'a>(value: &'a str, what: &str, wanted: &str) -> Result<Cow<'a, str>, Error> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Err(wrong_type(what, wanted, value));
    };
    if !inner.contains('\\') {
        return Ok(inner.into());
    }
    serde_json::from_str::<String>(value).map(Cow::from).map_err(|_| {
        Error::InvalidJson(format!(
            "The {what} has an escape that is no character, such as half a surrogate pair."
        ))
    })
}

fn wrong_type(what: &str, wanted: &str, found: &str) -> Error {
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

/// The library's own messages name Rust types; its position is what helps.
fn syntax(error: serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    Error::InvalidJson(match error.classify() {
        serde_json::error::Category::Eof => {
            format!("The JSON ends too early, at line {line}, column {column}. Was it cut off?")
        }
        serde_json::error::Category::Data => {
            format!("The JSON has a field twice, before line {line}, column {column}.")
        }
        _ => format!("The JSON is not valid at line {line}, column {column}."),
    })
}
