//! What browsers and crawlers ask every host for, whether it has it or not. A 404 would count as an error of a caller.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::IntoResponse;

use crate::Error;

/// Files at the root.
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

/// How the names of icons begin. A size may follow.
const ICONS: [&str; 5] = ["android-chrome", "apple-touch-icon", "favicon", "mstile", "safari-pinned-tab"];

/// How the names of icons end.
const ICON_ENDS: [&str; 3] = [".ico", ".png", ".svg"];

/// Answers a path without a route. Where browsers ask for it by themselves, 204 says for a day that there is nothing.
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
    // RFC 8615 keeps this folder for such files.
    FILES.contains(&name) || name.starts_with(".well-known/") || is_icon()
}
