//! Converts Lambda events to HTTP requests, and responses to replies. Only this module knows Lambda events.
//!
//! Events of API Gateway (HTTP and REST API), Function URLs, load balancers and VPC Lattice are sent to the
//! same router that the local server uses. There are three other kinds of events:
//!
//! - Direct invocations: the event is itself a body, such as `{"image": …}`. The reply is plain JSON without
//!   an HTTP envelope.
//! - Pings that keep the function warm. The reply is plain JSON too; no model runs.
//! - Events about S3 objects. Each object becomes a direct invocation, and the reply has the format that the
//!   sending service expects.

mod deadline;
mod envelope;
mod event;
mod front_door;
mod objects;
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
use objects::Runner;
pub use objects::Sender;
use payload::Untouched;
use reply::Reply;

use crate::config::Config;
use crate::{Classifier, StartError, http, workers};

/// Loads the model, then answers invocations until the environment is shut down.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded. With a concurrency of 1, also if the connection to the
/// Runtime API fails; with a higher concurrency, AWS's runtime retries instead.
pub fn run(config: &Config) -> Result<(), StartError> {
    // Load the model before asking for the first invocation, because all work until then counts as
    // initialization.
    let concurrency = config.lambda.as_ref().map_or(1, |lambda| lambda.concurrency);
    let sessions = concurrency.min(config.sessions());
    let classifier = Arc::new(Classifier::load(config, sessions)?.remembering(config.cache_entries));
    let function = Function::new(http::router(classifier, config), config);
    let broken = |error: std::io::Error| StartError::Lambda(error.into());
    let runtime = workers::start(concurrency.min(config.max_concurrency))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
        let handler = service_fn(move |event: LambdaEvent<()>| {
            // The payload is only available during this call, not later in the future.
            let (function, payload) = (function.clone(), payload::take());
            async move { function.invoke(payload, event.context).await }
        });
        let invocations = Runtime::new(handler).layer(TracingLayer::new()).layer(Untouched).run_concurrent();
        tokio::select! {
            ended = invocations => ended.map_err(StartError::Lambda),
            _ = terminate.recv() => Ok(()),
        }
    })
}

/// The Lambda function: answers invocations.
#[derive(Clone)]
pub struct Function {
    router: Router,
    /// Handles events about S3 objects. `None` unless `S3_BUCKETS` is set.
    objects: Option<Arc<Runner>>,
}

impl Function {
    /// Creates a function that sends its requests to this router.
    pub fn new(router: Router, config: &Config) -> Self {
        let reads = !config.storage.buckets.is_empty();
        let objects = reads.then(|| Arc::new(Runner::new(router.clone(), config)));
        Self { router, objects }
    }

    /// Answers one invocation: takes the raw event and returns the reply, which is sent as JSON.
    ///
    /// # Errors
    ///
    /// A [`Diagnostic`], which Lambda reports as a function error, if the event is not supported, or if it is
    /// about objects and the sending service must retry it.
    pub async fn invoke(
        &self,
        payload: Bytes,
        context: Context,
    ) -> Result<impl Serialize + use<>, Diagnostic> {
        match Event::read(payload, &context)? {
            Event::Http { request, door } => {
                let (parts, body) = answer(self.router.clone(), *request).await;
                Ok(Reply::http(door, parts, body))
            }
            Event::Direct { request } => {
                let (_, body) = answer(self.router.clone(), *request).await;
                Reply::plain(body)
            }
            Event::Objects { sender, payload } => {
                let runner = self.objects.as_ref().ok_or_else(|| other::objects_are_off(sender.service))?;
                let reply = runner.run(sender, &payload, &context).await?;
                Ok(reply.map_or(Reply::PING, Reply::Objects))
            }
            Event::Ping => Ok(Reply::PING),
        }
    }
}

/// Sends a request to the router and collects the response body, which is always text: JSON or the web page.
async fn answer(router: Router, request: Request) -> (Parts, String) {
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    // The body is already in memory, so collecting it cannot fail.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = String::from_utf8(bytes.into());
    (parts, text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
