//! `GET /openapi.json`: the OpenAPI document of the running service.
//!
//! The document is generated from the code of the service, so that it cannot become outdated. The schemas
//! come from the request and response types, the codes from the table of [`Error`], most examples from the
//! code that rejects requests, and the limits and the token from the configuration. `operations` lists the
//! routes, `request` describes requests, `answers` describes responses, and `examples` contains examples of
//! both.

mod answers;
mod examples;
mod operations;
mod refusals;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::info::LicenseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, Object, ObjectBuilder, OpenApi, OpenApiBuilder, RefOr,
    Schema, Server, Type,
};

use super::App;
use super::answer::{Bare, Full, OneOf, Results};
use super::body::Document;
use super::embed::Embedded;
use super::info::{self, Health, Info};
use super::problem::Problem;
use super::uploads::{Offer, Wanted};
use crate::Error;
use crate::config::Config;
use crate::model::Card;

/// Properties of the running service that the document contains.
struct Facts<'a> {
    config: &'a Config,
    card: &'a Card,
    classes: usize,
    /// The response of `GET /info`.
    info: Value,
}

/// Returns the document. It is built on the first request, so that it does not slow down cold starts that
/// never use it.
pub(super) async fn answer(State(app): State<Arc<App>>) -> Result<Response, Error> {
    let text = match app.openapi.get() {
        Some(text) => text.clone(),
        None => {
            let made = make(&app, info::explains(&app).await?)?;
            app.openapi.get_or_init(|| made).clone()
        }
    };
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn make(app: &App, explain: bool) -> Result<Bytes, Error> {
    let facts = Facts {
        config: &app.config,
        card: app.classifier.card(),
        classes: app.classifier.classes(),
        info: serde_json::to_value(Info::of(app, explain)).map_err(Error::internal)?,
    };
    serde_json::to_vec(&document(&facts)?).map(Bytes::from).map_err(Error::internal)
}

fn document(facts: &Facts<'_>) -> Result<OpenApi, Error> {
    let limits = facts.config.limits;
    let description = format!(
        "POST a photo, get its best labels. This service serves the model {name} with {classes} classes, and takes at \
         most {bytes} bytes and {images} images a request, and {pixels} pixels an image.\n\n\
         The body decides what it is; the content type only helps. A slash at the end of a path changes nothing, and several slashes are one. Every \
         answer carries `x-request-id`. Every error is an RFC 9457 problem document, on the paths below and on all \
         others, which are answered 404 `not_found`, but for the files of the web page and for what browsers ask every host for, \
         such as `/favicon.ico`, which is answered 204; a method that is not listed is \
         answered 405 `method_not_allowed` (see the responses `NotFound` and `MethodNotAllowed`), and where a token is \
         wanted, 401 `unauthorized` comes before either.",
        name = facts.card.name,
        classes = facts.classes,
        bytes = limits.max_body_bytes,
        images = limits.max_images,
        pixels = limits.max_pixels,
    );
    let about = InfoBuilder::new()
        .title("Image classifier")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(
            LicenseBuilder::new()
                .name(env!("CARGO_PKG_LICENSE"))
                .identifier(Some(env!("CARGO_PKG_LICENSE")))
                .build(),
        ));
    Ok(OpenApiBuilder::new()
        .info(about)
        // Relative to this document, so that it is valid behind any host and stage.
        .servers(Some([Server::new("./")]))
        .paths(operations::paths(facts)?)
        .components(Some(components(facts)?))
        .build())
}

fn components(facts: &Facts<'_>) -> Result<Components, Error> {
    let mut components = ComponentsBuilder::new()
        .schemas_from_iter(schemas())
        .header(answers::REQUEST_ID, answers::request_id())
        .header(answers::SERVER_TIMING, answers::server_timing())
        .request_body(request::IMAGES, request::body(facts));
    for (name, parameter) in request::parameters(facts) {
        components = components.parameter(name, parameter);
    }
    for (name, response) in answers::shared(facts)?.into_iter().chain(refusals::shared(facts)?) {
        components = components.response(name, response);
    }
    if facts.config.api_token.is_some() {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The token that whoever runs this service has set. Wanted of `POST` and `PUT`.",
            ))
            .build();
        components = components.security_scheme(operations::TOKEN, SecurityScheme::Http(bearer));
    }
    Ok(components.build())
}

/// The schemas of all request and response types.
fn schemas() -> Vec<(String, RefOr<Schema>)> {
    /// Adds a type and all types that it references.
    fn with_parts<T: ToSchema>(into: &mut Vec<(String, RefOr<Schema>)>) {
        into.push((T::name().into_owned(), T::schema()));
        T::schemas(into);
    }
    let mut schemas = Vec::new();
    with_parts::<Full<'_>>(&mut schemas);
    with_parts::<OneOf<'_, Full<'_>>>(&mut schemas);
    with_parts::<Results<OneOf<'_, Full<'_>>>>(&mut schemas);
    with_parts::<Bare<'_>>(&mut schemas);
    with_parts::<Embedded<'_>>(&mut schemas);
    with_parts::<Problem<'_>>(&mut schemas);
    with_parts::<Health>(&mut schemas);
    with_parts::<Info<'_>>(&mut schemas);
    with_parts::<Document<'_>>(&mut schemas);
    with_parts::<Wanted>(&mut schemas);
    with_parts::<Offer>(&mut schemas);
    schemas
}

/// The codes of all errors.
pub(super) fn codes() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("What a program decides by."))
        .enum_values(Some(Error::KINDS.iter().map(|kind| kind.code)))
        .build()
}
