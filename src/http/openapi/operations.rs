//! The operations of all routes.

use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Paths, Ref, RefOr, Response};

use super::super::uploads;
use super::answers;
use super::refusals::{self, Route};
use super::{Facts, request};
use crate::Error;

/// The name of the security scheme.
pub(super) const TOKEN: &str = "token";

/// Responses by status.
type Answers = Vec<(&'static str, RefOr<Response>)>;

pub(super) fn paths(facts: &Facts<'_>) -> Result<Paths, Error> {
    let mut paths = Paths::new();
    let full = "The full answer: of each label its class, too, and which model answered in what time.";
    const LABELS: (Route, &[&str]) = (Route::Image, &["TopK", "MinScore", "FunctionToApply", "Level"]);
    const EXPLAINED: (Route, &[&str]) =
        (Route::Image, &["TopK", "MinScore", "FunctionToApply", "Level", "Explain"]);
    for (path, id) in [("/", "classifyAtRoot"), ("/classify", "classify")] {
        upload(&mut paths, facts, path, id, ("Classify images", full), EXPLAINED, answers::CLASSIFIED);
    }
    let short = "The bare list, as the Hugging Face image-classification API answers it; for several images a list of \
                 such lists.";
    let summary = ("Classify images, with a short answer", short);
    upload(&mut paths, facts, "/predict", "predict", summary, LABELS, answers::PREDICTED);
    let vector = "The mean of each channel over the model's last feature map, or the vector before its classifier: \
                  pictures that look alike have embeddings of a similar direction.";
    let summary = ("Embed images", vector);
    const EMBEDDING: (Route, &[&str]) = (Route::Embed, &["Normalize", "Encoding"]);
    upload(&mut paths, facts, "/embed", "embed", summary, EMBEDDING, answers::EMBEDDED);
    if facts.config.storage.upload_bucket.is_some() {
        offer(&mut paths, facts);
    }
    let ok = |response| vec![("200", RefOr::T(response))];
    if facts.config.web_ui {
        get(&mut paths, facts, "/", "page", "The web page, unless `WEB_UI` is false", answers::page());
    }
    get(&mut paths, facts, "/health", "health", "Ask whether the process lives", ok(answers::health()?));
    get(&mut paths, facts, "/info", "info", "Ask what runs, within which limits", ok(answers::info(facts)));
    get(&mut paths, facts, "/openapi.json", "openapi", "This document", ok(answers::openapi()));
    let mut all = vec!["/", "/classify", "/predict", "/embed", "/health", "/info", "/openapi.json"];
    if facts.config.serves_metrics() {
        get(&mut paths, facts, "/metrics", "metrics", "Read the metrics", ok(answers::metrics()));
        all.push("/metrics");
    }
    if facts.config.storage.upload_bucket.is_some() {
        all.push(uploads::PATH);
    }
    for path in all {
        options(&mut paths, path);
    }
    Ok(paths)
}

/// Adds `POST` and `PUT`, which do the same.
fn upload(
    paths: &mut Paths,
    facts: &Facts<'_>,
    path: &str,
    id: &str,
    (summary, description): (&str, &str),
    (route, parameters): (Route, &[&str]),
    answer: &str,
) {
    let mut operation = operation(id, summary)
        .description(Some(description))
        .request_body_ref(Some(Ref::new(format!("#/components/requestBodies/{}", request::IMAGES))))
        .response("200", Ref::from_response_name(answer));
    for name in parameters {
        operation = operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
    }
    for (status, response) in refusals::of(facts, route) {
        operation = operation.response(status, response);
    }
    if facts.config.api_token.is_some() {
        operation = operation.security(SecurityRequirement::new(TOKEN, [""; 0]));
    }
    let operation = operation.build();
    let mut put = operation.clone();
    put.operation_id = Some(format!("{id}ByPut"));
    paths.add_path_operation(path, vec![HttpMethod::Post], operation);
    paths.add_path_operation(path, vec![HttpMethod::Put], put);
}

/// Adds `POST /uploads`, if a bucket for uploads is configured.
fn offer(paths: &mut Paths, facts: &Facts<'_>) {
    let description = "Answers a presigned address for a photo that the front door is too small for. Put the photo there, and \
                       then send `{\"upload\": …}` to a route that takes images.";
    let mut operation = operation("offerUpload", "Ask where to put a photo")
        .description(Some(description))
        .request_body(Some(request::upload()))
        .response("200", answers::offered());
    for (status, response) in refusals::of(facts, Route::Upload) {
        operation = operation.response(status, response);
    }
    if facts.config.api_token.is_some() {
        operation = operation.security(SecurityRequirement::new(TOKEN, [""; 0]));
    }
    paths.add_path_operation(uploads::PATH, vec![HttpMethod::Post], operation);
}

/// Adds `GET` and `HEAD`. `HEAD` returns the same response without a body.
fn get(paths: &mut Paths, facts: &Facts<'_>, path: &str, id: &str, summary: &str, answers: Answers) {
    let mut of_get = operation(id, summary);
    let mut of_head = operation(&format!("{id}Head"), &format!("{summary}: the headers alone"));
    for (status, response) in &answers {
        of_get = of_get.response(*status, response.clone());
        of_head = of_head.response(*status, answers::without_content(response));
    }
    for (status, response) in refusals::of(facts, Route::Read) {
        of_head = of_head.response(&status, refusals::without_content(&status));
        of_get = of_get.response(status, response);
    }
    paths.add_path_operation(path, vec![HttpMethod::Get], of_get);
    paths.add_path_operation(path, vec![HttpMethod::Head], of_head);
}

fn options(paths: &mut Paths, path: &str) {
    let name = match path.trim_start_matches('/') {
        "" => "root",
        name => name.trim_end_matches(".json"),
    };
    let operation =
        operation(&format!("{name}Options"), "A browser's question before a call from another origin")
            .response("204", Ref::from_response_name(answers::PREFLIGHT));
    paths.add_path_operation(path, vec![HttpMethod::Options], operation);
}

fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
        .parameter_ref(Ref::new("#/components/parameters/RequestId"))
}
