//! The path of a request, without what gateways put before it: the stage, or the base path of a domain of one's own.

use std::borrow::Cow;

use super::envelope::Envelope;
use crate::http::{is_route, without_repeated_slashes};

/// The path by which the request is routed. `path` is the one that the event has for it.
pub(super) fn of_route<'a>(envelope: &'a Envelope<'_>, path: &'a str) -> Cow<'a, str> {
    // A greedy path parameter has neither stage nor base path.
    if let Some(proxy) = envelope.text("/pathParameters/proxy") {
        return format!("/{}", proxy.trim_start_matches('/')).into();
    }
    let path = without_repeated_slashes(path);
    let stage = envelope.text("/requestContext/stage").unwrap_or("$default");
    let path = match envelope.text("/requestContext/path") {
        // A REST API's path does not have the stage; its context has one that does.
        Some(full) if without_repeated_slashes(full) != path => path,
        _ => without_stage(path, stage),
    };
    if is_route(&path) {
        return path;
    }
    // The resource of a REST API that has no parameters is the path without the base path.
    let resource = envelope.text("/resource").unwrap_or_default();
    if resource.starts_with('/') && !resource.contains('{') {
        return resource.to_owned().into();
    }
    if has_own_domain(envelope) { without_base_path(path) } else { path }
}

/// The path as the client sees it, where the gateway tells it. Behind a domain of its own an HTTP API tells one with
/// the stage instead of what the domain has in its place.
pub(super) fn public<'a>(envelope: &'a Envelope<'_>) -> Option<&'a str> {
    let of_http_api = || {
        let is_own_address = envelope.text("/requestContext/domainName")?.contains(".execute-api.");
        envelope.text("/requestContext/http/path").filter(|_| is_own_address)
    };
    envelope.text("/requestContext/path").or_else(of_http_api)
}

/// A domain that is not AWS's may map the API to any base path, and nothing in the event tells it.
fn has_own_domain(envelope: &Envelope<'_>) -> bool {
    match envelope.text("/requestContext/domainName") {
        Some(domain) => !domain.contains(".execute-api.") && !domain.contains(".lambda-url."),
        None => envelope.text("/resource") == Some("$default"),
    }
}

/// The rest of the path that is a route, if there is one; the path itself otherwise.
fn without_base_path(path: Cow<'_, str>) -> Cow<'_, str> {
    let is_one_segment = path.trim_matches('/').split('/').count() == 1;
    if is_one_segment {
        return "/".into();
    }
    let slashes = path.match_indices('/').skip(1);
    let rest = slashes.filter_map(|(at, _)| path.get(at..)).find(|rest| *rest != "/" && is_route(rest));
    rest.map(str::to_owned).map_or(path, Cow::from)
}

/// The path without the name of the stage at its start.
fn without_stage<'a>(path: Cow<'a, str>, stage: &str) -> Cow<'a, str> {
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    match rest {
        Some("") if !stage.is_empty() => "/".into(),
        Some(rest) if rest.starts_with('/') && !stage.is_empty() => rest.to_owned().into(),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stage_itself_is_taken_off() {
        for (path, stage, expected) in [
            ("/Prod/predict", "Prod", "/predict"),
            ("/Prod", "Prod", "/"),
            ("/Prod/", "Prod", "/"),
            ("/Production", "Prod", "/Production"),
            ("/predict", "$default", "/predict"),
            ("/predict", "", "/predict"),
        ] {
            assert_eq!(without_stage(path.into(), stage), expected);
        }
    }

    #[test]
    fn a_base_path_is_what_stands_before_a_route() {
        for (path, expected) in [
            ("/v1", "/"),
            ("/v1/", "/"),
            ("/v1/predict", "/predict"),
            ("/team/v1/predict/", "/predict/"),
            ("/v1/nothing", "/v1/nothing"),
            ("/v1/nothing/", "/v1/nothing/"),
        ] {
            assert_eq!(without_base_path(path.into()), expected);
        }
    }
}
