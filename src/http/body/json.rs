//! JSON: `{"image": …}`, `{"images": […]}`, Hugging Face's `{"inputs": …, "parameters": {…}}`, a bare list, and what
//! other services have in their place.
//!
//! Values are kept as raw text until their type is known: a string of base64 without escapes is decoded
//! where it stands, a value of the wrong type is named with its field, and nesting, however deep, is
//! skipped without recursion.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::intake::Intake;
use super::options::RawOptions;
use super::{Limits, Submission, dialect};
use crate::error::Error;

/// All fields that mean something; others are ignored, and `null` is as good as absent.
#[derive(Deserialize, ToSchema)]
#[schema(as = ClassifyRequest, description = "Images as base64 or data URLs, one or several, and options. The fields \
         of other services are read where there are none of this one's.")]
pub(in crate::http) struct Document<'a> {
    /// One image, as base64 or a data URL; or as a list of its bytes.
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
    /// Leaves out labels whose score is lower: from 0 to 1, unless scores are logits.
    #[serde(borrow)]
    #[schema(value_type = Option<f32>)]
    min_score: Option<&'a RawValue>,
    /// What makes scores of the model's logits: `softmax`, `sigmoid` or `none`.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, pattern = "^(softmax|sigmoid|none)$")]
    function_to_apply: Option<&'a RawValue>,
    /// Images as TensorFlow Serving and KServe v1 have them: `[{"b64": "…"}]`.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<Object>>)]
    instances: Option<&'a RawValue>,
    /// Images as Google's Vision has them: `[{"image": {"content": "…"}}]`.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<Object>>)]
    requests: Option<&'a RawValue>,
    /// Images as Gradio has them: `["data:…"]`.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    data: Option<&'a RawValue>,
    /// An image.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    file: Option<&'a RawValue>,
    /// An image as Rekognition has it: `{"Bytes": "…"}`.
    #[serde(borrow, rename = "Image")]
    #[schema(value_type = Option<Object>)]
    rekognition: Option<&'a RawValue>,
    /// `top_k` for Rekognition.
    #[serde(borrow, rename = "MaxLabels")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    max_labels: Option<&'a RawValue>,
    /// `min_score` for Rekognition, in percent.
    #[serde(borrow, rename = "MinConfidence")]
    #[schema(value_type = Option<f32>, minimum = 0, maximum = 100)]
    min_confidence: Option<&'a RawValue>,
}

/// The names of the fields that hold images.
pub(super) const IMAGE_FIELDS: [&str; 8] =
    ["image", "images", "inputs", "instances", "requests", "data", "file", "Image"];

/// Options of a request, by the names that the Hugging Face API has for them.
#[derive(ToSchema)]
#[schema(as = Parameters)]
#[expect(dead_code, reason = "only its schema is used: an unknown name must be refused by that name")]
struct Parameters {
    /// How many labels; more than there are classes gives all.
    #[schema(minimum = 1)]
    top_k: Option<u32>,
    /// Leaves out labels whose score is lower: from 0 to 1, unless scores are logits.
    min_score: Option<f32>,
    /// What makes scores of the model's logits: `softmax`, `sigmoid` or `none`.
    #[schema(pattern = "^(softmax|sigmoid|none)$")]
    function_to_apply: Option<String>,
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
    match read_strictly(text, limits) {
        // A shell puts the lines of `base64` into a string as they are.
        Err(Error::InvalidJson(fault)) => match without_line_breaks(text) {
            Some(mended) => read_strictly(&mended, limits),
            None => Err(Error::InvalidJson(fault)),
        },
        read => read,
    }
}

fn read_strictly(text: &str, limits: Limits) -> Result<Submission, Error> {
    let mut intake = Intake::new(limits);
    if dialect::is_numbers(text) {
        dialect::add(&mut intake, text.trim_end(), "array")?;
    } else if text.starts_with('[') {
        add_list(&mut intake, text, None)?;
    } else {
        let document: Document<'_> = serde_json::from_str(text).map_err(syntax)?;
        intake.options = document.options()?;
        document.add_own(&mut intake)?;
        if !document.has_own() {
            document.add_foreign(&mut intake)?;
        }
    }
    if intake.any() { intake.finish() } else { Err(missing_image()) }
}

/// The text without the line breaks and tabs that stand in its strings, where JSON does not allow them; `None` if there
/// are none.
fn without_line_breaks(text: &str) -> Option<String> {
    let (mut is_string, mut is_escaped) = (false, false);
    let mut mended = text.to_owned();
    mended.retain(|character| {
        match character {
            '\r' | '\n' | '\t' if is_string => return false,
            '"' if !is_escaped => is_string = !is_string,
            _ => {}
        }
        is_escaped = is_string && character == '\\' && !is_escaped;
        true
    });
    (mended.len() < text.len()).then_some(mended)
}

impl Document<'_> {
    fn options(&self) -> Result<RawOptions, Error> {
        let mut options = parameters(self.parameters)?;
        if let Some(requests) = self.requests {
            options.top_k = dialect::vision_max_results(requests.get())?.or(options.top_k);
        }
        let named = [
            ("MaxLabels", self.max_labels),
            ("MinConfidence", self.min_confidence),
            ("top_k", self.top_k),
            ("min_score", self.min_score),
            ("function_to_apply", self.function_to_apply),
        ];
        for (name, value) in named {
            set_option(&mut options, name, value)?;
        }
        Ok(options)
    }

    fn has_own(&self) -> bool {
        self.image.is_some() || self.images.is_some() || self.inputs.is_some()
    }

    fn add_own(&self, intake: &mut Intake) -> Result<(), Error> {
        intake.list = self.images.is_some();
        let fields = [("image", self.image), ("images", self.images), ("inputs", self.inputs)];
        for (name, value) in fields {
            let Some(value) = value.map(RawValue::get) else { continue };
            let what = format!("field \"{name}\"");
            let is_list = value.starts_with('[');
            match name {
                "image" if is_list && !dialect::is_numbers(value) => {
                    return Err(wrong_type(&what, "a string that holds base64 or a data URL", value));
                }
                "images" if !is_list => return Err(wrong_type(&what, "an array of strings", value)),
                "images" => add_list(intake, value, Some(name))?,
                "inputs" if dialect::is_strings(value) => {
                    add_list(intake, value, Some(name))?;
                }
                _ => dialect::add(intake, value, &what)?,
            }
        }
        Ok(())
    }

    /// Adds the images of the one field of another service.
    fn add_foreign(&self, intake: &mut Intake) -> Result<(), Error> {
        let fields = [
            ("instances", self.instances),
            ("requests", self.requests),
            ("data", self.data),
            ("file", self.file),
            ("Image", self.rekognition),
        ];
        let mut found = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let Some((name, value)) = found.next() else { return Ok(()) };
        if let Some((other, _)) = found.next() {
            return Err(Error::InvalidJson(format!(
                "The image could be in \"{name}\" or in \"{other}\". Send it as {{\"image\": \"<base64>\"}}."
            )));
        }
        dialect::add(intake, value.get(), &format!("field \"{name}\""))
    }
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

fn add_list(intake: &mut Intake, text: &str, name: Option<&str>) -> Result<(), Error> {
    intake.list = true;
    for (index, value) in List::read(text, intake)?.iter().enumerate() {
        let what = format!(
            "entry {} of {}",
            index + 1,
            name.map_or("the array".into(), |name| format!("\"{name}\""))
        );
        let images = intake.count();
        dialect::add(intake, value.get(), &what)?;
        if intake.count() == images {
            intake.add(Err(wrong_type(&what, "an image", value.get())))?;
        }
    }
    Ok(())
}

/// The entries of an array as far as they are accepted, and the number of all: an array of millions of zeros
/// must not take more memory than its text.
pub(super) struct List {
    max: usize,
}

impl List {
    /// The entries of an array, unless there are more than the request may have images.
    pub(super) fn read<'a>(text: &'a str, intake: &Intake) -> Result<Vec<&'a RawValue>, Error> {
        let mut json = serde_json::Deserializer::from_str(text);
        let (entries, found) =
            json.deserialize_seq(Self { max: intake.limits.max_images }).map_err(syntax)?;
        json.end().map_err(syntax)?;
        intake.announce(found)?;
        Ok(entries)
    }
}

impl<'a> Visitor<'a> for List {
    type Value = (Vec<&'a RawValue>, usize);

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut array: A) -> Result<Self::Value, A::Error> {
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
        Ok((entries, found))
    }
}

/// The options in the field `parameters`. One that is not known is refused, as the Hugging Face API does it: whoever
/// names it counts on what it does.
fn parameters(value: Option<&RawValue>) -> Result<RawOptions, Error> {
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
                super::disposition::shown(&name),
                RawOptions::NAMES.join(", ")
            )));
        }
        set_option(&mut options, &name, Some(value))?;
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
fn set_option(options: &mut RawOptions, name: &str, value: Option<&RawValue>) -> Result<(), Error> {
    let Some(value) = value.map(RawValue::get).filter(|value| *value != "null") else { return Ok(()) };
    let text = string(value, "option", "a number").unwrap_or(value.into());
    options.set(name, &text)
}

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
            "The {what} has an escape that is no character, such as half a surrogate pair."
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

/// The library's own messages name Rust types; its position is what helps.
pub(super) fn syntax(error: serde_json::Error) -> Error {
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
