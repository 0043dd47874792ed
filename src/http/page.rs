//! `GET /`: the web page, which is part of the binary.

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

/// Put into a request's extensions, the path as the client sees it: with the stage that a gateway took off.
#[derive(Clone, Debug)]
pub struct PublicPath(pub String);

/// The page needs nothing but its own files, and must not be shown within another one, which could have its visitors
/// click on what they do not see. It calls its own service, and the storage that uploads go to.
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

/// What a segment of a path must not hold as it is (the path percent-encode set of the WHATWG URL standard). Browsers
/// read a backslash as a slash.
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
    /// Weak, since the local server compresses the text for those who ask for it.
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

static ASSETS: [Asset; 9] = [
    asset!("/" is "index.html", "text/html; charset=utf-8"),
    asset!("/style.css" is "style.css", "text/css; charset=utf-8"),
    asset!("/app.js" is "app.js", "text/javascript; charset=utf-8"),
    asset!("/canvas.js" is "canvas.js", "text/javascript; charset=utf-8"),
    asset!("/card.js" is "card.js", "text/javascript; charset=utf-8"),
    asset!("/picture.js" is "picture.js", "text/javascript; charset=utf-8"),
    asset!("/service.js" is "service.js", "text/javascript; charset=utf-8"),
    asset!("/texts.js" is "texts.js", "text/javascript; charset=utf-8"),
    asset!("/icon.svg" is "icon.svg", "image/svg+xml"),
];

/// The routes of the page and its assets. `uploads` is the origin of the storage that the page may put pictures to.
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

/// Whether the page or one of its assets is at this path.
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
        // Kept, but asked for each time: a new version is seen at once, and an old one costs no transfer.
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// Where the page is if its own path does not end in a slash, like `/Prod`: its assets have relative addresses, and
/// would be looked for beside the stage instead of in it.
fn with_slash(request: &Request) -> Option<HeaderValue> {
    let PublicPath(path) = request.extensions().get()?;
    let (_, last) = path.rsplit_once('/')?;
    if last.is_empty() || request.uri().path() != "/" {
        return None;
    }
    // Without `./` a name with a colon would be the scheme of an address elsewhere.
    HeaderValue::from_str(&format!("./{}/", utf8_percent_encode(last, NOT_IN_SEGMENT))).ok()
}

/// Whether the client has this version already (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

fn weak_etag(text: &str) -> String {
    let hash: String = Sha256::digest(text).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hash}\"")
}
