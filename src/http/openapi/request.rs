//! Requests: parameters and bodies.

use serde_json::json;
use utoipa::ToSchema as _;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::encoding::EncodingBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder};
use utoipa::openapi::{Object, Ref, Required, Type};

use super::super::body::Document;
use super::super::envelope;
use super::super::uploads::Wanted;
use super::{Facts, examples};
use crate::model::{Function, Level};
use upright::{Accepted, Format};

/// The component name of the request body.
pub(super) const IMAGES: &str = "Images";

/// The parameters of all operations, by their component names.
pub(super) fn parameters(facts: &Facts<'_>) -> [(&'static str, Parameter); 8] {
    let query = |name: &str, schema: ObjectBuilder, description: String| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema))
            .build()
    };
    let top_k = format!(
        "How many labels. More than there are classes, {}, gives all. Wins over `top_k` in the body.",
        facts.classes
    );
    let min_score =
        "Leaves out labels whose score is lower: from 0 to 1, unless scores are logits. Wins over \
                     `min_score` in the body."
            .to_owned();
    let function =
        "What makes scores of the model's logits; what the model is for unless it is given. A model that \
                    answers probabilities takes no other. Wins over `function_to_apply` in the body."
            .to_owned();
    let level = "`leaf` answers classes. `basic` answers the everyday categories that they belong to, such as `dog` for \
                 all its breeds, each with the sum of their scores; only where the model has categories. Wins over \
                 `level` in the body."
        .to_owned();
    let explain =
        "Adds a heat map to each of the first five labels of an image: where in the upright picture the evidence for it lies. Only where \
                   `model.explain` of `GET /info` is true. Wins over `explain` in \
                   the body."
            .to_owned();
    let request_id = ParameterBuilder::new()
        .name(envelope::REQUEST_ID)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "An id of your own for the request: 1 to 128 letters, digits and `-_.:=;/+`. The answer and the log carry \
             it; anything else is replaced by a new one. Behind Lambda it is Lambda's own.",
        ))
        .schema(Some(text()))
        .build();
    [
        ("TopK", query("top_k", top_k_schema().default(Some(json!(facts.config.top_k))), top_k)),
        (
            "MinScore",
            query(
                "min_score",
                min_score_schema().default(Some(json!(shortest(facts.config.min_score)))),
                min_score,
            ),
        ),
        ("FunctionToApply", query("function_to_apply", function_schema(), function)),
        ("Level", query("level", level_schema(), level)),
        ("Explain", query("explain", explain_schema().default(Some(json!(false))), explain)),
        (
            "Normalize",
            query(
                "normalize",
                ObjectBuilder::new().schema_type(Type::Boolean).default(Some(json!(false))),
                "Scales each embedding to unit length, so that a scalar product is the cosine.".to_owned(),
            ),
        ),
        (
            "Encoding",
            query(
                "encoding",
                text().enum_values(Some(["numbers", "base64"])).default(Some(json!("numbers"))),
                "How the embedding is written: a list of numbers, or base64 of little-endian f32.".to_owned(),
            ),
        ),
        ("RequestId", request_id),
    ]
}

/// Converts an f32 to the shortest decimal number, without the digits that a direct conversion to f64 adds.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// The body of a `POST` in all its formats.
pub(super) fn body(facts: &Facts<'_>) -> RequestBody {
    let limits = facts.config.limits;
    let description = format!(
        "At most {} bytes of images, after base64 is undone, {} images, and {} pixels each: {}. The body decides what \
         it is: images are found by their first bytes, whatever content type is sent, or none.",
        limits.max_body_bytes, limits.max_images, limits.max_pixels, Accepted,
    );
    let several = ArrayBuilder::new().items(base64()).min_items(Some(1)).max_items(Some(limits.max_images));
    let json = AnyOfBuilder::new()
        .item(Ref::from_schema_name(Document::name()))
        .item(base64())
        .item(several)
        .description(Some("An object; or a list of images; or one image."));
    let images: Vec<String> = Format::ALL.iter().map(|format| format.media_type()).collect();
    let encoding = EncodingBuilder::new()
        .content_type(Some(format!("{}, application/octet-stream, text/plain", images.join(", "))));
    let file = ObjectBuilder::new()
        .schema_type(Type::String)
        .content_media_type("application/octet-stream")
        .description(Some(
            "The image. Every part that is a file, or holds base64, is an image, whatever its name.",
        ));
    RequestBodyBuilder::new()
        .description(Some(description))
        .required(Some(Required::True))
        // Raw bytes. OpenAPI 3.1 has no schema for them.
        .content("image/*", Content::default())
        .content("application/octet-stream", Content::default())
        .content("text/plain", example(ContentBuilder::new().schema(Some(base64())), "text/plain"))
        .content("application/json", example(ContentBuilder::new().schema(Some(json)), "application/json"))
        .content(
            "multipart/form-data",
            ContentBuilder::new().schema(Some(form(file))).encoding("image", encoding.build()).build(),
        )
        .content(
            "application/x-www-form-urlencoded",
            example(ContentBuilder::new().schema(Some(form(base64()))), "application/x-www-form-urlencoded"),
        )
        .build()
}

/// The body of `POST /uploads`.
pub(super) fn upload() -> RequestBody {
    let schema = Ref::from_schema_name(Wanted::name());
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

fn example(content: ContentBuilder, content_type: &str) -> Content {
    content.examples_from_iter(examples::bodies(content_type)).build()
}

fn form(image: impl Into<utoipa::openapi::RefOr<utoipa::openapi::Schema>>) -> Object {
    ObjectBuilder::new()
        .property("image", image)
        .required("image")
        .property("top_k", top_k_schema())
        .property("min_score", min_score_schema())
        .property("function_to_apply", function_schema())
        .property("level", level_schema())
        .property("explain", explain_schema())
        .build()
}

fn top_k_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1))
}

fn min_score_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number)
}

fn function_schema() -> ObjectBuilder {
    text().enum_values(Some(Function::ALL.map(Function::name)))
}

fn level_schema() -> ObjectBuilder {
    text().enum_values(Some(Level::ALL.map(Level::name)))
}

fn explain_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn base64() -> ObjectBuilder {
    text().description(Some(
        "An image as base64, standard or URL-safe, with or without padding; or as a data URL.",
    ))
}
