//! Paths that browsers and crawlers request from every host, whether they exist or not. They are answered
//! with 204, because a 404 would count as a client error.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::IntoResponse;

use crate::Error;

/// Files at the root of the host.
const FILES: [&str; 16] = [
    "ads.txt",
    "app-ads.txt",
    "apple-app-site-association",
    "browserconfig.xml",
    "clientaccesspolicy.xml",
    "crossdomain.xml",
    "humans.txt",
    "llms.txt",
    "manifest.json",
    "manifest.webmanifest",
    "robots.txt",
    "security.txt",
    "service-worker.js",
    "site.webmanifest",
    "sitemap.xml",
    "sw.js",
];

/// Prefixes of icon file names. A size may follow.
const ICONS: [&str; 5] = ["android-chrome", "apple-touch-icon", "favicon", "mstile", "safari-pinned-tab"];

/// Extensions of icon files.
const ICON_ENDS: [&str; 3] = [".ico", ".png", ".svg"];

/// Answers paths that have no route. Paths that browsers request on their own get a 204 that may be cached
/// for a day; all others get a 404.
pub(super) async fn answer(method: Method, uri: Uri) -> Result<impl IntoResponse, Error> {
    if matches!(method, Method::GET | Method::HEAD) && has(uri.path()) {
        Ok((StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "public, max-age=86400")]))
    } else {
        Err(Error::NotFound)
    }
}

/// Whether browsers and crawlers ask every host for this path.
pub(super) fn has(path: &str) -> bool {
    let Some(name) = path.strip_prefix('/') else { return false };
    let is_icon = || {
        !name.contains('/')
            && ICONS.iter().any(|start| name.starts_with(start))
            && ICON_ENDS.iter().any(|end| name.ends_with(end))
    };
    // RFC 8615 reserves this folder for such files.
    FILES.contains(&name) || name.starts_with(".well-known/") || is_icon()
}
