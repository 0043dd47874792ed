//! Lambda event → HTTP request → answer. The only module that knows events.
//!
//! Events of API Gateway (HTTP and REST API), Function URLs, load balancers and VPC Lattice become requests to the same
//! router that the local server has. Any other event that is itself a body, `{"image": …}`, is a direct invocation: it
//! is answered with the plain JSON, without an HTTP envelope. So are pings that keep the function warm, and they run
//! nothing. Events that tell of objects in S3 become a direct invocation for each object, and are answered in the form of
//! the service that sent them.

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
    let function = Function::new(http::router(classifier, config), config);
    let broken = |error: std::io::Error| StartError::Lambda(error.into());
    let runtime = workers::start(concurrency.min(config.max_concurrency))?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
        let handler = service_fn(move |event: LambdaEvent<()>| {
            // Only while the handler is called the payload is there.
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

/// What answers invocations.
#[derive(Clone)]
pub struct Function {
    router: Router,
    /// Serves events that tell of objects in S3, where `S3_BUCKETS` is set.
    objects: Option<Arc<Runner>>,
}

impl Function {
    /// A function that answers by this router.
    pub fn new(router: Router, config: &Config) -> Self {
        let reads = !config.storage.buckets.is_empty();
        let objects = reads.then(|| Arc::new(Runner::new(router.clone(), config)));
        Self { router, objects }
    }

    /// Answers one invocation: takes the event as it arrived, and returns the answer that is sent as JSON.
    ///
    /// # Errors
    ///
    /// A [`Diagnostic`], which Lambda reports as a function error, if the event is none that is served, or if it tells of
    /// objects and the service that sent it is to send it again.
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
