//! What browsers and crawlers ask every host for, whether it has it or not. A 404 would count as an error of a caller.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;

use super::App;

const PATHS: [&str; 11] = [
    "/favicon.ico",
    "/favicon.png",
    "/apple-touch-icon.png",
    "/apple-touch-icon-precomposed.png",
    "/apple-touch-icon-120x120.png",
    "/apple-touch-icon-120x120-precomposed.png",
    "/robots.txt",
    "/sitemap.xml",
    "/manifest.json",
    "/.well-known/security.txt",
    "/.well-known/appspecific/com.chrome.devtools.json",
];

/// Answers 204, which says that there is nothing, and for a day.
pub(super) fn routes() -> Router<Arc<App>> {
    PATHS.iter().fold(Router::new(), |routes, path| {
        routes.route(
            path,
            get(async || (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "public, max-age=86400")])),
        )
    })
}

/// Whether this is one of the paths.
pub(super) fn has(path: &str) -> bool {
    PATHS.contains(&path)
}
