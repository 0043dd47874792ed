//! Removes the part of a path that a gateway added: the stage, the base path of a custom domain, or the
//! prefix of a routing rule.

use std::borrow::Cow;

use axum::http::Method;

use super::envelope::Envelope;
use super::front_door::{FrontDoor, ReplyForm};
use crate::http::{is_route, leads_to_route, without_repeated_slashes};

/// The path for routing. `path` is the path in the event.
pub(super) fn of_route<'a>(
    envelope: &'a Envelope<'_>,
    door: &FrontDoor,
    method: &Method,
    path: &'a str,
) -> Cow<'a, str> {
    // The value of a greedy path parameter contains neither stage nor base path.
    if let Some(proxy) = envelope.text("/pathParameters/proxy") {
        return format!("/{}", proxy.trim_start_matches('/')).into();
    }
    let path = without_repeated_slashes(path);
    let stage = envelope.text("/requestContext/stage").unwrap_or("$default");
    let path = match envelope.text("/requestContext/path") {
        // The path of a REST API event does not contain the stage; the path in its request context does.
        Some(full) if without_repeated_slashes(full) != path => path,
        _ => without_stage(path, stage),
    };
    if is_route(&path) {
        return path;
    }
    // The gateway's own route has no base path, but it may have a prefix that its owner chose.
    let own_route = own_route(envelope);
    if let Some(route) =
        own_route.filter(|route| is_route(route)).or_else(|| without_prefix(method, own_route?))
    {
        return route.to_owned().into();
    }
    match door.prefix(envelope) {
        Prefix::BasePath if is_one_segment(&path) => "/".into(),
        Prefix::BasePath | Prefix::OfRule => match without_prefix(method, &path) {
            Some(rest) => rest.to_owned().into(),
            None => path,
        },
        Prefix::None => path,
    }
}

/// The path of the gateway's route, unless it has parameters: the resource of a REST API, or the path in an
/// HTTP API's route key, `POST /predict`.
fn own_route<'a>(envelope: &'a Envelope<'_>) -> Option<&'a str> {
    let of_http_api = || envelope.text("/requestContext/routeKey")?.split_once(' ').map(|(_, path)| path);
    let route = envelope.text("/resource").or_else(of_http_api)?;
    (route.starts_with('/') && !route.contains('{')).then_some(route)
}

/// The kinds of prefixes of a path.
enum Prefix {
    None,
    /// Any base path of a custom domain. It may be the whole path.
    BasePath,
    /// The prefix of a routing rule. If no known route follows, the path may be a misspelled route.
    OfRule,
}

impl FrontDoor {
    /// The kind of prefix that the path of an event may have. Events do not say which prefix it is.
    fn prefix(&self, envelope: &Envelope<'_>) -> Prefix {
        let domain = envelope.text("/requestContext/domainName");
        match (self.reply, domain) {
            (ReplyForm::LoadBalancer | ReplyForm::Lattice, _) => Prefix::OfRule,
            // CloudFront may be in front of it, with its own routing rules.
            (_, Some(domain)) if domain.contains(".lambda-url.") => Prefix::OfRule,
            (_, Some(domain)) if domain.contains(".execute-api.") => Prefix::None,
            (_, Some(_)) => Prefix::BasePath,
            (_, None) if envelope.text("/resource") == Some("$default") => Prefix::BasePath,
            (_, None) => Prefix::None,
        }
    }
}

/// The path as the client sees it, if the gateway reports it. Behind a custom domain, an HTTP API reports a
/// path with the stage instead of the base path of the domain, so that path is not used.
pub(super) fn public<'a>(envelope: &'a Envelope<'_>) -> Option<&'a str> {
    let of_http_api = || {
        let is_own_address = envelope.text("/requestContext/domainName")?.contains(".execute-api.");
        envelope.text("/requestContext/http/path").filter(|_| is_own_address)
    };
    envelope.text("/requestContext/path").or_else(of_http_api)
}

fn is_one_segment(path: &str) -> bool {
    path.trim_matches('/').split('/').count() == 1
}

/// The rest of the path that leads to a route other than `/`, if there is one.
fn without_prefix<'a>(method: &Method, path: &'a str) -> Option<&'a str> {
    let slashes = path.match_indices('/').skip(1);
    slashes.filter_map(|(at, _)| path.get(at..)).find(|rest| leads_to_route(method, rest))
}

/// The path without the stage at its start.
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
    fn a_prefix_is_what_stands_before_a_route() {
        for (path, expected) in [
            ("/v1", None),
            ("/v1/", None),
            ("/predict", None),
            ("/v1/predict", Some("/predict")),
            ("/team/v1/predict/", Some("/predict/")),
            ("/v1/predict/photo.jpg", Some("/predict/photo.jpg")),
            ("/v1/photo.jpg", None),
            ("/v1/nothing", None),
            ("/v1/nothing/", None),
        ] {
            assert_eq!(without_prefix(&Method::PUT, path), expected);
        }
        assert_eq!(without_prefix(&Method::POST, "/v1/predict/photo.jpg"), None);
    }
}
