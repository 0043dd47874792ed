//! Lambda event → HTTP request → answer. The only module that knows events.
//!
//! Events of API Gateway (HTTP and REST API), Function URLs, load balancers and VPC Lattice become requests to the same
//! router that the local server has. Any other event that is itself a body, `{"image": …}`, is a direct invocation: it
//! is answered with the plain JSON, without an HTTP envelope. So are pings that keep the function warm, and they run
//! nothing.

mod envelope;
mod event;
mod front_door;
mod other;
mod path;
mod payload;
mod reply;
mod uri;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::response::Parts;
use bytes::Bytes;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tower::ServiceExt as _;

pub use event::Event;
pub use front_door::FrontDoor;
use payload::Untouched;
use reply::Reply;

use crate::config::Config;
use crate::{Classifier, StartError, http, workers};

/// Loads the model, and then answers invocations until the environment is shut down.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded, or the Runtime API breaks off where invocations come one at a time;
/// where several come at once, AWS's runtime asks again and again.
pub fn run(config: &Config) -> Result<(), StartError> {
    // Before the first invocation is asked for: what is done until then counts as initialisation.
    let concurrency = config.lambda.as_ref().map_or(1, |lambda| lambda.concurrency);
    let sessions = concurrency.min(config.sessions());
    let classifier = Arc::new(Classifier::load(config, sessions)?.remembering(config.cache_entries));
    let router = http::router(classifier, config);
    let broken = |error: std::io::Error| StartError::Lambda(error.into());
    let runtime = workers::start(concurrency.min(config.max_concurrency))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
        let handler =
            service_fn(move |event: LambdaEvent<()>| invoke(router.clone(), payload::take(), event.context));
        let invocations = Runtime::new(handler).layer(TracingLayer::new()).layer(Untouched).run_concurrent();
        tokio::select! {
            ended = invocations => ended.map_err(StartError::Lambda),
            _ = terminate.recv() => Ok(()),
        }
    })
}

/// Answers one invocation: takes the event as it arrived, and returns the answer that is sent as JSON.
///
/// # Errors
///
/// A [`Diagnostic`], which Lambda reports as a function error, if the event is neither a request nor a body nor a ping.
pub async fn invoke(
    router: Router,
    payload: Bytes,
    context: Context,
) -> Result<impl Serialize + use<>, Diagnostic> {
    match Event::read(payload, &context)? {
        Event::Http { request, door } => {
            let (parts, body) = answer(router, *request).await;
            Ok(Reply::http(door, parts, body))
        }
        Event::Direct { request } => {
            let (_, body) = answer(router, *request).await;
            Reply::plain(body)
        }
        Event::Ping => Ok(Reply::PING),
    }
}

/// Runs the router and gathers the answer, which is text always: JSON or the page.
async fn answer(router: Router, request: Request) -> (Parts, String) {
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    // The body is in memory already: collecting it cannot fail.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = String::from_utf8(bytes.into());
    (parts, text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
