//! `GET /metrics` of the local server.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::App;

/// The content type of the Prometheus exposition format, version 0.0.4.
pub(super) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics route.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(metrics))
}

/// Responds with the metrics in the Prometheus format.
async fn metrics(State(app): State<Arc<App>>) -> Response {
    let (working, waiting) = app.places.taken();
    let text = app.observer.text(working, waiting).unwrap_or_default();
    ([(header::CONTENT_TYPE, TEXT)], text).into_response()
}
