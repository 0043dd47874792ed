//! Error responses.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use utoipa::ToSchema as _;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::AllOfBuilder;
use utoipa::openapi::{ObjectBuilder, Ref, Response, Type};

use super::super::problem::Problem;
use super::answers::{answer, header, with_examples};
use super::{Facts, examples};
use crate::Error;
use crate::error::Kind;

/// Groups of routes that can fail with the same errors.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Route {
    /// Classifies an image.
    Image,
    /// Computes the embedding of an image.
    Embed,
    /// Requests a URL for an upload.
    Upload,
    /// Reads a resource.
    Read,
    /// No such path or method.
    Nowhere,
}

impl Route {
    fn of(code: &str) -> &'static [Self] {
        match code {
            "not_found" | "method_not_allowed" => &[Self::Nowhere],
            // Errors that occur before routing.
            "invalid_event" | "request_timeout" | "body_too_large" | "internal" | "overloaded" => {
                &[Self::Image, Self::Embed, Self::Upload, Self::Read]
            }
            "no_features" => &[Self::Embed],
            "invalid_json"
            | "invalid_parameter"
            | "unauthorized"
            | "object_too_large"
            | "storage_unavailable" => &[Self::Image, Self::Embed, Self::Upload],
            _ => &[Self::Image, Self::Embed],
        }
    }

    /// The kinds of errors that this service can return for a route, by status.
    fn kinds(self, facts: &Facts<'_>) -> BTreeMap<u16, Vec<Kind>> {
        let mut kinds: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
        for kind in Error::KINDS {
            let possible = kind.code != "unauthorized" || facts.config.api_token.is_some();
            if possible && Self::of(kind.code).contains(&self) {
                kinds.entry(kind.status).or_default().push(*kind);
            }
        }
        kinds
    }

    /// Component name of a response with this status for this group of routes.
    fn name(self, status: u16) -> String {
        let words = reason(status).replace([' ', '-', '\''], "");
        match self {
            // Routes that only read have fewer kinds of errors.
            Self::Read if status != 500 => format!("{words}OfRead"),
            Self::Embed if status == 404 => format!("{words}OfEmbed"),
            // 404 means here that an object was not found. It does not mean that the path does not exist.
            Self::Image if status == 404 => format!("{words}OfImage"),
            Self::Upload if status != 401 && status != 500 => format!("{words}OfUpload"),
            _ => words,
        }
    }
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

/// The error responses of a group of routes, as references.
pub(super) fn of(facts: &Facts<'_>, route: Route) -> Vec<(String, Ref)> {
    let statuses = route.kinds(facts).into_keys();
    statuses.map(|status| (status.to_string(), Ref::from_response_name(route.name(status)))).collect()
}

/// The error responses that operations reference, and those of unknown paths and methods.
pub(super) fn shared(facts: &Facts<'_>) -> Result<BTreeMap<String, Response>, Error> {
    let mut shared = BTreeMap::new();
    let examples = examples::problems(facts)?;
    let has_uploads = facts.config.storage.upload_bucket.is_some();
    let routes = [Route::Image, Route::Embed, Route::Upload, Route::Read, Route::Nowhere];
    for route in routes.into_iter().filter(|route| has_uploads || *route != Route::Upload) {
        for (status, kinds) in route.kinds(facts) {
            shared.insert(route.name(status), problem(status, &kinds, &examples)?);
        }
    }
    Ok(shared)
}

fn problem(status: u16, kinds: &[Kind], examples: &[Error]) -> Result<Response, Error> {
    let narrowed = ObjectBuilder::new()
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status])))
        .property(
            "code",
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(kinds.iter().map(|kind| kind.code))),
        );
    let schema = AllOfBuilder::new().item(Ref::from_schema_name(Problem::name())).item(narrowed);
    let mut shown = Vec::new();
    for error in examples.iter().filter(|error| kinds.iter().any(|kind| kind.code == error.code())) {
        shown.push((error.code(), ExampleBuilder::new().value(Some(examples::problem(error)?))));
    }
    let titles: Vec<String> = kinds.iter().map(|kind| format!("`{}`: {}", kind.code, kind.title)).collect();
    let mut response = answer(&format!("{}. {}", reason(status), titles.join("; ")))
        .content("application/problem+json", with_examples(schema, shown));
    for (of, name, description) in [
        (401, "WWW-Authenticate", "`Bearer`."),
        (405, "Allow", "The methods that the path answers, separated by commas."),
        (503, "Retry-After", "Seconds to wait before the next attempt."),
    ] {
        if of == status {
            response = response.header(name, header(description));
        }
    }
    Ok(response.build())
}

/// An error response to `HEAD`.
pub(super) fn without_content(status: &str) -> Response {
    answer(status.parse().map_or("Error", reason)).build()
}
