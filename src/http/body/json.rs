//! JSON: `{"image": …}`, `{"images": […]}`, Hugging Face's `{"inputs": …, "parameters": {…}}`, a bare list,
//! and the formats of other services.
//!
//! Values stay raw text until their type is known. This way a base64 string without escapes is decoded in
//! place, an error for a wrong type can name the field, and nesting of any depth is skipped without
//! recursion.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::intake::Intake;
use super::options::RawOptions;
use super::parameters::{self, Parameters};
use super::value::{List, syntax, wrong_type};
use super::{Limits, Submission, dialect, numbers, reference};
use crate::error::Error;

/// All supported fields. Other fields are ignored, and `null` is treated as absent.
#[derive(Deserialize, ToSchema)]
#[schema(as = ClassifyRequest, description = "Images as base64 or data URLs, one or several, and options. The fields \
         of other services are read where there are none of this one's.")]
pub(in crate::http) struct Document<'a> {
    /// One image, as base64, as a data URL, or as a list of its bytes.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    image: Option<&'a RawValue>,
    /// Several images. The answer is then a list, even for one image.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    images: Option<&'a RawValue>,
    /// One image or several, in the format of the Hugging Face API.
    #[serde(borrow)]
    #[schema(value_type = Option<OneOrMany>)]
    inputs: Option<&'a RawValue>,
    /// Options, in the format of the Hugging Face API.
    #[serde(borrow)]
    #[schema(value_type = Option<Parameters>)]
    parameters: Option<&'a RawValue>,
    /// Number of labels. If it exceeds the number of classes, all labels are returned.
    #[serde(borrow)]
    #[schema(value_type = Option<u32>, minimum = 1)]
    top_k: Option<&'a RawValue>,
    /// Minimum score; labels with a lower score are left out. From 0 to 1, unless the scores are logits.
    #[serde(borrow)]
    #[schema(value_type = Option<f32>)]
    min_score: Option<&'a RawValue>,
    /// Function that converts the model's logits to scores: `softmax`, `sigmoid` or `none`.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, pattern = "^(softmax|sigmoid|none)$")]
    function_to_apply: Option<&'a RawValue>,
    /// `leaf` returns classes, `basic` returns the everyday categories to which the classes belong.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, pattern = "^(leaf|basic)$")]
    level: Option<&'a RawValue>,
    /// Whether to return a heat map for each label.
    #[serde(borrow)]
    #[schema(value_type = Option<bool>)]
    explain: Option<&'a RawValue>,
    /// Images in the format of TensorFlow Serving and KServe v1: `[{"b64": "…"}]`.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<Object>>)]
    instances: Option<&'a RawValue>,
    /// Images in the format of Google Vision: `[{"image": {"content": "…"}}]`.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<Object>>)]
    requests: Option<&'a RawValue>,
    /// Images in the format of Gradio: `["data:…"]`.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    data: Option<&'a RawValue>,
    /// An image.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    file: Option<&'a RawValue>,
    /// An image that is an S3 object: `{"bucket": "…", "key": "…", "version_id": "…"}`. Without `version_id`,
    /// the latest version is used. Only for authenticated callers, and only from the buckets that the service
    /// may read.
    #[serde(borrow)]
    #[schema(value_type = Option<Object>)]
    s3: Option<&'a RawValue>,
    /// The id of an image that was uploaded to the URL from `POST /uploads`.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    upload: Option<&'a RawValue>,
    /// An image in the format of Rekognition: `{"Bytes": "…"}`, or
    /// `{"S3Object": {"Bucket": "…", "Name": "…"}}`.
    #[serde(borrow, rename = "Image")]
    #[schema(value_type = Option<Object>)]
    rekognition: Option<&'a RawValue>,
    /// Rekognition's name for `top_k`.
    #[serde(borrow, rename = "MaxLabels")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    max_labels: Option<&'a RawValue>,
    /// Rekognition's name for `min_score`, in percent.
    #[serde(borrow, rename = "MinConfidence")]
    #[schema(value_type = Option<f32>, minimum = 0, maximum = 100)]
    min_confidence: Option<&'a RawValue>,
}

/// The names of the fields that hold images.
pub(super) const IMAGE_FIELDS: [&str; 10] =
    ["image", "images", "inputs", "s3", "upload", "instances", "requests", "data", "file", "Image"];

/// Type of `inputs`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Reads a body that begins with `{` or `[`.
///
/// `image`, `images`, `inputs`, `s3` and `upload` may be combined; their images are added in this order.
pub(super) fn read(text: &str, limits: Limits) -> Result<Submission, Error> {
    match read_strictly(text, limits) {
        // Shells insert the output of `base64` into a string with its line breaks, which JSON does not allow.
        Err(Error::InvalidJson(fault)) => match without_line_breaks(text) {
            Some(mended) => read_strictly(&mended, limits),
            None => Err(Error::InvalidJson(fault)),
        },
        read => read,
    }
}

fn read_strictly(text: &str, limits: Limits) -> Result<Submission, Error> {
    let mut intake = Intake::new(limits);
    if numbers::is_numbers(text) {
        dialect::add(&mut intake, text.trim_end(), "array")?;
    } else if text.starts_with('[') {
        add_list(&mut intake, text, None)?;
    } else {
        let document: Document<'_> = serde_json::from_str(text).map_err(syntax)?;
        intake.options = document.options()?;
        document.add_own(&mut intake)?;
        if !document.has_own() {
            document.add_foreign(&mut intake, text)?;
        }
    }
    if intake.any() { intake.finish() } else { Err(missing_image()) }
}

/// Removes line breaks and tabs inside strings, where JSON does not allow them. Returns `None` if there are
/// none.
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
        let mut options = parameters::read(self.parameters, || self.has_tensors())?;
        if let Some(requests) = self.requests {
            options.top_k = dialect::vision_max_results(requests.get())?.or(options.top_k);
        }
        let named = [
            ("MaxLabels", self.max_labels),
            ("MinConfidence", self.min_confidence),
            ("top_k", self.top_k),
            ("min_score", self.min_score),
            ("function_to_apply", self.function_to_apply),
            ("level", self.level),
            ("explain", self.explain),
        ];
        for (name, value) in named {
            parameters::set(&mut options, name, value)?;
        }
        Ok(options)
    }

    /// Whether `inputs` contains tensors in the format of KServe v2.
    fn has_tensors(&self) -> bool {
        #[derive(Deserialize)]
        struct Tensor {
            datatype: Option<IgnoredAny>,
        }
        let inputs = self.inputs.map_or("", RawValue::get);
        let is_of_objects = inputs.strip_prefix('[').is_some_and(|list| list.trim_start().starts_with('{'));
        let tensors = || serde_json::from_str::<Vec<Tensor>>(inputs).unwrap_or_default();
        is_of_objects && tensors().iter().any(|tensor| tensor.datatype.is_some())
    }

    fn has_own(&self) -> bool {
        [self.image, self.images, self.inputs, self.s3, self.upload].iter().any(Option::is_some)
    }

    fn add_own(&self, intake: &mut Intake) -> Result<(), Error> {
        intake.list = self.images.is_some();
        let fields = [
            ("image", self.image),
            ("images", self.images),
            ("inputs", self.inputs),
            ("s3", self.s3),
            ("upload", self.upload),
        ];
        for (name, value) in fields {
            let Some(value) = value.map(RawValue::get) else { continue };
            let what = format!("field \"{name}\"");
            let is_list = value.starts_with('[');
            match name {
                "image" if is_list && !numbers::is_numbers(value) => {
                    return Err(wrong_type(&what, "a string that holds base64 or a data URL", value));
                }
                "images" if !is_list => return Err(wrong_type(&what, "an array of strings", value)),
                "images" => add_list(intake, value, Some(name))?,
                "inputs" if dialect::is_strings(value) => {
                    add_list(intake, value, Some(name))?;
                }
                "s3" | "upload" => reference::add(intake, name, value, &what)?,
                _ => dialect::add(intake, value, &what)?,
            }
        }
        Ok(())
    }

    /// Adds the images in the field of another service, or the image that the body itself is.
    fn add_foreign(&self, intake: &mut Intake, text: &str) -> Result<(), Error> {
        let fields = [
            ("instances", self.instances),
            ("requests", self.requests),
            ("data", self.data),
            ("file", self.file),
            ("Image", self.rekognition),
        ];
        let mut found = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let Some((name, value)) = found.next() else { return dialect::add_body(intake, text) };
        if let Some((other, _)) = found.next() {
            return Err(Error::InvalidJson(format!(
                "The image could be in \"{name}\" or in \"{other}\". Send it as {{\"image\": \"<base64>\"}}."
            )));
        }
        let what = format!("field \"{name}\"");
        if name == "data" {
            dialect::add_arguments(intake, value.get(), &what)
        } else {
            dialect::add(intake, value.get(), &what)
        }
    }
}

/// The content of a body that is a single JSON string: an image, or JSON that was encoded twice.
pub(super) fn top_level_string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// Whether the text is a JSON scalar, such as `null`, a number or `true`. Most of these are also valid
/// base64.
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
    for (number, value) in List::read(text, intake)? {
        let what =
            format!("entry {number} of {}", name.map_or("the array".into(), |name| format!("\"{name}\"")));
        let images = intake.count();
        dialect::add(intake, value.get(), &what)?;
        if intake.count() == images {
            intake.add(Err(wrong_type(&what, "an image", value.get())))?;
        }
    }
    Ok(())
}
