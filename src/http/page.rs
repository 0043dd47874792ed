//! `GET /`: the web page. Its files are compiled into the binary.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::App;

/// A request extension that holds the path as the client sees it, including the stage that a gateway removed.
#[derive(Clone, Debug)]
pub struct PublicPath(pub String);

/// The Content-Security-Policy of the page. The page loads only its own files, and connects only to this
/// service and to the storage for uploads. It must not be embedded in another page, because that allows
/// clickjacking.
fn content_security_policy(uploads: Option<&str>) -> HeaderValue {
    let policy = |connect: &str| {
        HeaderValue::from_str(&format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src {connect}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ))
    };
    let with_uploads = uploads.map(|origin| policy(&format!("'self' {origin}")));
    let only_own = || policy("'self'").unwrap_or(HeaderValue::from_static("default-src 'none'"));
    with_uploads.and_then(Result::ok).unwrap_or_else(only_own)
}

/// Characters that must be percent-encoded in a path segment (the path percent-encode set of the WHATWG URL
/// standard, plus the backslash, which browsers read as a slash).
const NOT_IN_SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// One file of the page.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    text: &'static str,
    /// A weak ETag, because the local server compresses the text for clients that accept it.
    etag: LazyLock<String>,
}

macro_rules! asset {
    ($path:literal is $file:literal, $content_type:literal) => {
        Asset {
            path: $path,
            content_type: $content_type,
            text: include_str!(concat!("../../web/", $file)),
            etag: LazyLock::new(|| weak_etag(include_str!(concat!("../../web/", $file)))),
        }
    };
}

static ASSETS: [Asset; 10] = [
    asset!("/" is "index.html", "text/html; charset=utf-8"),
    asset!("/style.css" is "style.css", "text/css; charset=utf-8"),
    asset!("/app.js" is "app.js", "text/javascript; charset=utf-8"),
    asset!("/canvas.js" is "canvas.js", "text/javascript; charset=utf-8"),
    asset!("/card.js" is "card.js", "text/javascript; charset=utf-8"),
    asset!("/picture.js" is "picture.js", "text/javascript; charset=utf-8"),
    asset!("/service.js" is "service.js", "text/javascript; charset=utf-8"),
    asset!("/texts.js" is "texts.js", "text/javascript; charset=utf-8"),
    asset!("/heat.js" is "heat.js", "text/javascript; charset=utf-8"),
    asset!("/icon.svg" is "icon.svg", "image/svg+xml"),
];

/// The routes of the page and its assets. `uploads` is the origin of the storage to which the page may upload
/// pictures.
pub(super) fn routes(uploads: Option<&str>) -> Router<Arc<App>> {
    let policy = content_security_policy(uploads);
    ASSETS.iter().fold(Router::new(), |routes, asset| {
        let policy = policy.clone();
        let handler = move |request: Request| {
            let answer = answer(asset, &policy, &request);
            async move { answer }
        };
        routes.route(asset.path, get(handler))
    })
}

/// Whether this is the path of the page or one of its assets.
pub(super) fn has(path: &str) -> bool {
    ASSETS.iter().any(|asset| asset.path == path)
}

fn answer(asset: &Asset, policy: &HeaderValue, request: &Request) -> Response {
    if let Some(location) = with_slash(request) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, location);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        return response;
    }
    let known = is_known(request.headers(), &asset.etag);
    let mut response = Response::new(if known { Body::empty() } else { Body::from(asset.text) });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    let fixed: [(HeaderName, &'static str); 3] = [
        (header::CONTENT_TYPE, asset.content_type),
        // Caches may store the file but must revalidate it: a new version shows at once, and an unchanged one
        // costs no transfer.
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// The redirect target if the public path of the page does not end in a slash, like `/Prod`. The assets have
/// relative URLs. Without the slash, browsers would resolve them next to the stage instead of inside it.
fn with_slash(request: &Request) -> Option<HeaderValue> {
    let PublicPath(path) = request.extensions().get()?;
    let (_, last) = path.rsplit_once('/')?;
    if last.is_empty() || request.uri().path() != "/" {
        return None;
    }
    // Without `./`, a name that contains a colon would be parsed as a URL scheme.
    HeaderValue::from_str(&format!("./{}/", utf8_percent_encode(last, NOT_IN_SEGMENT))).ok()
}

/// Whether the client already has this version (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

fn weak_etag(text: &str) -> String {
    let hash: String = Sha256::digest(text).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hash}\"")
}
