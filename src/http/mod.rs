//! The routes: the same router under Lambda and in the local server.
//!
//! A request passes through these modules:
//!
//! - `token` checks the token.
//! - `receive` reads the body.
//! - [`body`] parses the body into images and options.
//! - `images` processes each image on a blocking thread, as defined by `classify` and `embed`.
//! - `answer` writes the response.
//!
//! `envelope` wraps all routes: it gives every request an id, turns an [`Error`] into a problem document, and
//! passes the record of the request to [`crate::telemetry`], which logs and counts it.

pub mod body;

mod answer;
mod classify;
mod cors;
mod embed;
mod envelope;
mod habits;
mod images;
mod info;
mod metrics;
mod openapi;
mod page;
mod path;
mod places;
mod problem;
mod receive;
mod references;
mod refused;
mod token;
mod uploads;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware;
use axum::routing::{get, post};
use bytes::Bytes;

pub use envelope::{REQUEST_ID, TRACE_ID};
pub(crate) use images::CACHE;
pub use page::PublicPath;
pub(crate) use path::without_repeated_slashes;
pub use references::{Authenticated, Deadline};
pub use refused::Refused;
pub use token::Trusted;

use crate::config::Config;
use crate::objects::Objects;
use crate::telemetry::Observer;
use crate::{Classifier, Error};
use places::Places;

/// State shared by all handlers.
pub(crate) struct App {
    classifier: Arc<Classifier>,
    config: Config,
    body_limits: body::Limits,
    places: Places,
    /// Concurrency limit for requests whose images are read from storage.
    reading: Places,
    objects: Objects,
    observer: Arc<Observer>,
    /// The OpenAPI document, built on the first request for it.
    openapi: OnceLock<Bytes>,
}

/// Builds the router for a loaded classifier.
pub fn router(classifier: Arc<Classifier>, config: &Config) -> Router {
    observed(classifier, config, Arc::new(Observer::new(config)))
}

/// The same, where whoever calls has something to do with the observer, too.
pub(crate) fn observed(classifier: Arc<Classifier>, config: &Config, observer: Arc<Observer>) -> Router {
    let body_limits =
        body::Limits { max_bytes: config.limits.max_body_bytes, max_images: config.limits.max_images };
    let app = Arc::new(App {
        classifier,
        config: config.clone(),
        body_limits,
        places: Places::new(config),
        reading: Places::for_reading(config),
        objects: Objects::new(config),
        observer: Arc::clone(&observer),
        openapi: OnceLock::new(),
    });
    let routes = Router::new()
        .route("/", post(classify::classify).put(classify::classify))
        .route("/classify", post(classify::classify).put(classify::classify))
        .route("/predict", post(classify::predict).put(classify::predict))
        .route("/embed", post(embed::embed).put(embed::embed))
        .merge(uploads::routes(config))
        .route("/health", get(info::health))
        .route("/info", get(info::info))
        .merge(if config.web_ui {
            page::routes(app.objects.upload_origin().as_deref())
        } else {
            Router::new()
        })
        .route("/openapi.json", get(openapi::answer))
        .merge(if config.serves_metrics() { metrics::routes() } else { Router::new() })
        .method_not_allowed_fallback(async |method: Method| Error::MethodNotAllowed {
            method: method.to_string(),
        })
        .fallback(habits::answer)
        // The body is already in memory and within its own limit.
        .layer(DefaultBodyLimit::disable())
        .with_state(app);
    around(routes, config, body_limits, observer)
}

/// Whether the service has a route for this path. Looks only at the path: it ignores trailing slashes, and
/// settings that disable routes.
pub(crate) fn is_route(path: &str) -> bool {
    const READ: [&str; 4] = ["/health", "/info", "/openapi.json", "/metrics"];
    let path = path::without_trailing_slash(path);
    IMAGES.contains(&path)
        || path == uploads::PATH
        || READ.contains(&path)
        || page::has(path)
        || habits::has(path)
}

/// Whether a path other than `/` leads to a route. With `PUT`, a file name may follow the route.
pub(crate) fn leads_to_route(method: &Method, path: &str) -> bool {
    let path = path::without_file_name(method, path::without_trailing_slash(path));
    path != "/" && is_route(path)
}

/// The paths that accept images.
const IMAGES: [&str; 4] = ["/", "/classify", "/predict", "/embed"];

/// Adds the middleware that all routes share.
fn around(routes: Router, config: &Config, limits: body::Limits, observer: Arc<Observer>) -> Router {
    let intake = Arc::new(receive::Intake::new(limits, config));
    let guard = (config.api_token.clone(), Arc::clone(&intake));
    // The last layer is the outermost. The layers run after routing, so that the record can contain the
    // route.
    let routes = routes
        .layer(middleware::from_fn(refused::answer))
        .layer(middleware::from_fn_with_state(intake, receive::whole_body))
        .layer(middleware::from_fn_with_state(guard, token::check))
        .layer(middleware::from_fn(envelope::catch_panic))
        .layer(cors::layer(&config.cors_allow_origins))
        .layer(middleware::from_fn(cors::finish))
        .layer(middleware::from_fn_with_state(observer, envelope::wrap));
    // Middleware that rewrites the path must run before routing, so it wraps everything else.
    Router::new().fallback_service(routes).layer(middleware::map_request(path::plain))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use clap::Parser as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::cli::Arguments;

    #[tokio::test]
    async fn a_panic_is_a_problem_that_pages_of_other_origins_can_read() {
        let settings =
            Arguments::parse_from(["", "--cors-allow-origins", "https://a.example", "serve"]).settings;
        let config = Config::from_settings(&settings).unwrap();
        let routes = Router::new().route("/", get(async || -> &'static str { panic!("a fault") }));
        let router = around(
            routes,
            &config,
            body::Limits { max_bytes: 1, max_images: 1 },
            Arc::new(Observer::new(&config)),
        );
        let request = Request::get("/").header("origin", "https://a.example").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["access-control-allow-origin"], "https://a.example");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(response.headers().contains_key(REQUEST_ID));
    }
}
