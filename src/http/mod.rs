//! The routes: the same router under Lambda and in the local server.
//!
//! The data's way: `body` turns the request's bytes into images and options, `classify` has each image
//! classified on a blocking thread, `answer` says what goes back, and `envelope`, around all routes, gives every
//! request an id, turns an [`Error`] into a problem document, and logs one line.

mod answer;
mod classify;
mod cors;
mod envelope;
mod info;
mod path;
mod problem;
mod receive;

pub mod body;

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

pub use envelope::REQUEST_ID;

use crate::config::Config;
use crate::{Classifier, Error};

/// What every handler has.
pub(crate) struct App {
    classifier: Arc<Classifier>,
    config: Config,
    /// A place for each image that is worked on at the same time.
    places: Arc<Semaphore>,
}

/// The router over a loaded classifier.
pub fn router(classifier: Arc<Classifier>, config: &Config) -> Router {
    let places = Arc::new(Semaphore::new(config.max_concurrency));
    let app = Arc::new(App { classifier, config: config.clone(), places });
    let routes = Router::new()
        .route("/", post(classify::classify))
        .route("/classify", post(classify::classify))
        .route("/predict", post(classify::predict))
        .route("/health", get(info::health))
        .route("/info", get(info::info))
        .method_not_allowed_fallback(async |method: Method| Error::MethodNotAllowed {
            method: method.to_string(),
        })
        .fallback(async || Error::NotFound)
        .with_state(app);
    // Layers of a router run after its routes are chosen, so what rewrites the path stands around it.
    Router::new()
        .fallback_service(routes)
        .layer(middleware::map_request(path::without_trailing_slash))
        .layer(cors::layer(&config.cors_allow_origins))
        .layer(middleware::from_fn(cors::no_content))
        .layer(middleware::from_fn(envelope::wrap))
}

/// A router that answers everything with 400 `invalid_event`: for an event that cannot be a request.
pub fn refusal(detail: String) -> Router {
    Router::new()
        .fallback(async move || Error::InvalidEvent(detail.clone()))
        .layer(middleware::from_fn(envelope::wrap))
}
