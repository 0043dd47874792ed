//! Responses of requests that succeed, and parts of all responses.

use std::collections::BTreeMap;

use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{AllOfBuilder, AnyOfBuilder, Array, OneOfBuilder};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Response, Schema, Type};
use utoipa::{PartialSchema as _, ToSchema};

use super::super::answer::{Bare, Full, OneOf, Results};
use super::super::embed::Embedded;
use super::super::envelope;
use super::super::images::CACHE;
use super::super::info::{Health, Info};
use super::super::uploads::Offer;
use super::{Facts, examples};
use crate::Error;
use crate::config::CorsOrigins;

/// Component name of the header `x-request-id`, which every response has.
pub(super) const REQUEST_ID: &str = "RequestId";

/// Component name of the header `server-timing`, which every response has.
pub(super) const SERVER_TIMING: &str = "ServerTiming";

/// Component name of the response of `POST /classify`.
pub(super) const CLASSIFIED: &str = "Classified";

/// Component name of the response of `POST /predict`.
pub(super) const PREDICTED: &str = "Predicted";

/// Component name of the response of `POST /embed`.
pub(super) const EMBEDDED: &str = "Embedded";

/// Component name of the response to every `OPTIONS`.
pub(super) const PREFLIGHT: &str = "Preflight";

const JSON: &str = "application/json";

/// The responses that operations reference.
pub(super) fn shared(facts: &Facts<'_>) -> Result<BTreeMap<String, Response>, Error> {
    Ok(BTreeMap::from([
        (PREFLIGHT.to_owned(), preflight(facts)),
        (CLASSIFIED.to_owned(), classified(facts)?),
        (PREDICTED.to_owned(), predicted()?),
        (EMBEDDED.to_owned(), embedded()),
    ]))
}

/// `POST /classify`.
fn classified(facts: &Facts<'_>) -> Result<Response, Error> {
    let results = Ref::from_schema_name(Results::<OneOf<'_, Full<'_>>>::name());
    let schema = one_or_several::<Full<'_>>(results);
    Ok(answer("The labels of one image, or an entry for each of several.")
        .header(CACHE.as_str(), cache())
        .content(JSON, with_examples(schema, examples::classified(facts)?))
        .build())
}

/// `POST /predict`.
fn predicted() -> Result<Response, Error> {
    let one = Ref::from_schema_name(Bare::name());
    let several = Array::new(OneOf::<Bare<'_>>::schema());
    // An empty list matches both schemas.
    let schema = AnyOfBuilder::new().item(one).item(several);
    Ok(answer("The labels of one image, or a list for each of several.")
        .header(CACHE.as_str(), cache())
        .content(JSON, with_examples(schema, examples::predicted()?))
        .build())
}

/// `POST /embed`.
fn embedded() -> Response {
    // Defined inline, because the component `Results` is for labels.
    let results = ObjectBuilder::new()
        .property("results", Array::new(OneOf::<Embedded<'_>>::schema()))
        .required("results");
    let schema = one_or_several::<Embedded<'_>>(results);
    answer("The embedding of one image, or an entry for each of several.")
        .header(CACHE.as_str(), cache())
        .content(JSON, ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

/// The result for one image, or `results` for several.
fn one_or_several<T: ToSchema>(results: impl Into<RefOr<Schema>>) -> OneOfBuilder {
    // A single result also has these fields.
    let whole = AllOfBuilder::new()
        .item(Ref::from_schema_name(T::name()))
        .item(ObjectBuilder::new().required("model").required("request_id"));
    OneOfBuilder::new().item(whole).item(results)
}

/// `POST /uploads`.
pub(super) fn offered() -> Response {
    let schema = Ref::from_schema_name(Offer::name());
    answer("Where to put the photo, and how.")
        .content(JSON, ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

/// `GET /health`.
pub(super) fn health() -> Result<Response, Error> {
    let example = serde_json::to_value(super::super::info::HEALTH).map_err(Error::internal)?;
    let shown = [("alive", ExampleBuilder::new().value(Some(example)))];
    let schema = Ref::from_schema_name(Health::name());
    Ok(answer("The process lives. The model is not run.").content(JSON, with_examples(schema, shown)).build())
}

/// `GET /info`.
pub(super) fn info(facts: &Facts<'_>) -> Response {
    let shown = [("this", ExampleBuilder::new().summary("This service").value(Some(facts.info.clone())))];
    let schema = Ref::from_schema_name(Info::name());
    answer("What runs, and within which limits.").content(JSON, with_examples(schema, shown)).build()
}

/// `GET /metrics`, if it is enabled.
pub(super) fn metrics() -> Response {
    let text = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
    answer("What was counted and measured since the process began, in the text format of Prometheus.")
        .content("text/plain", text)
        .build()
}

/// `GET /openapi.json`.
pub(super) fn openapi() -> Response {
    let schema = ObjectBuilder::new()
        .property("openapi", ObjectBuilder::new().schema_type(Type::String).pattern(Some("^3\\.1\\.")))
        .required("openapi");
    answer("An OpenAPI 3.1 document.")
        .content(JSON, ContentBuilder::new().schema(Some(schema)).build())
        .build()
}

/// `GET /`, if the page is enabled.
pub(super) fn page() -> Vec<(&'static str, RefOr<Response>)> {
    let etag = |response: ResponseBuilder| response.header("ETag", header("The version of the page."));
    let html = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
    let moved = "Behind a stage whose path lacks its slash: the page is at `Location`.";
    vec![
        ("200", etag(answer("The page.").content("text/html", html)).into()),
        ("304", etag(answer("The version of `If-None-Match` is the latest one.")).into()),
        ("308", answer(moved).header("Location", header("Relative to the path of the request.")).into()),
    ]
}

fn preflight(facts: &Facts<'_>) -> Response {
    if facts.config.cors_allow_origins == CorsOrigins::None {
        return answer("No page of another origin may call: `CORS_ALLOW_ORIGINS` is not set.").build();
    }
    let text = "What a page of another origin may do. The headers of CORS are there if its origin is one of \
                `CORS_ALLOW_ORIGINS`; `Access-Control-Allow-Origin` and `Access-Control-Expose-Headers` are then on \
                all other answers, too, errors included.";
    [
        ("Access-Control-Allow-Origin", "`*`, or the origin of the request."),
        ("Access-Control-Allow-Methods", "Methods of cross-origin requests."),
        ("Access-Control-Allow-Headers", "Headers of cross-origin requests."),
        ("Access-Control-Max-Age", "Seconds for which this holds."),
        ("Vary", "The answer depends on the origin and what the page asks for."),
    ]
    .into_iter()
    .fold(answer(text), |response, (name, description)| response.header(name, header(description)))
    .build()
}

/// The corresponding response to `HEAD`.
pub(super) fn without_content(response: &RefOr<Response>) -> Response {
    let mut response = match response {
        RefOr::T(response) => response.clone(),
        RefOr::Ref(_) => Response::default(),
    };
    response.content.clear();
    response
}

/// The header `x-request-id`, which every response has.
pub(super) fn request_id() -> Header {
    header("The id of the request, as in the log: that of the request, or a new one.")
}

/// The header that says whether the result comes from the cache.
fn cache() -> Header {
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["hit", "miss"]));
    let text = "`hit` where the answer for every image of the request was remembered, else `miss`.";
    HeaderBuilder::new().schema(Some(schema)).description(Some(text)).build()
}

/// The header with the time per step.
pub(super) fn server_timing() -> Header {
    header(
        "Milliseconds of the request's parts, as in `decode;dur=3.1, total;dur=12.8`: `body`, `queue`, `storage`, `decode`, \
         `preprocess`, `inference` where there were any, and `total`.",
    )
}

/// A response with the common headers, to which content can be added.
pub(super) fn answer(description: &str) -> ResponseBuilder {
    [(envelope::REQUEST_ID, REQUEST_ID), (envelope::SERVER_TIMING.as_str(), SERVER_TIMING)]
        .into_iter()
        .fold(ResponseBuilder::new().description(description), |answer, (name, shared)| {
            answer.header_ref(name, Ref::new(format!("#/components/headers/{shared}")))
        })
}

pub(super) fn header(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

pub(super) fn with_examples<'a>(
    schema: impl Into<RefOr<Schema>>,
    examples: impl IntoIterator<Item = (&'a str, ExampleBuilder)>,
) -> Content {
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}
