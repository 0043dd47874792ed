//! Runs the jobs of an event. Each object becomes a direct request to the router, with at most
//! `MAX_CONCURRENCY` objects at a time.

use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
use futures_util::{StreamExt as _, stream};
use lambda_runtime::{Context, Diagnostic};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::outcome::Outcome;
use super::replies::{Done, Reply};
use super::results::Results;
use super::{Expects, Job, Notice, Sender, Work, order};
use crate::Config;
use crate::lambda::{answer, deadline, event};
use crate::objects::{Location, Objects};
use crate::telemetry::{cause_chain, clean};

/// Processes the events of all invocations.
pub(in crate::lambda) struct Runner {
    router: Router,
    /// Writes the results. Reading is done by the router.
    objects: Objects,
    /// Where results are stored for services that expect no reply.
    results: Option<Results>,
    /// One permit per object in progress.
    places: Semaphore,
    at_a_time: usize,
}

impl Runner {
    /// Creates a runner that sends its requests to this router. With several objects in progress, one is read
    /// while another is processed.
    pub(in crate::lambda) fn new(router: Router, config: &Config) -> Self {
        let results = config.storage.results.clone().map(Results::new);
        // Not more than the router has places for, because it would reject the excess requests.
        let at_a_time = config.max_concurrency;
        let objects = Objects::new(config);
        Self { router, objects, results, places: Semaphore::new(at_a_time), at_a_time }
    }

    /// Processes an event. Returns `None` if there was nothing to do.
    ///
    /// # Errors
    ///
    /// A [`Diagnostic`] if the event cannot be parsed, if `RESULTS` is required but missing, or if an object
    /// has no result and the service only learns this from a failed invocation.
    pub(in crate::lambda) async fn run(
        &self,
        sender: &Sender,
        payload: &[u8],
        context: &Context,
    ) -> Result<Option<Reply>, Diagnostic> {
        let Work { jobs, options, expects } = sender.work(payload)?;
        if jobs.is_empty() && expects == Expects::Nothing {
            return Ok(None);
        }
        let mut results = None;
        if expects.leaves_results() && jobs.iter().any(Job::has_objects) {
            results = Some(self.results.as_ref().ok_or_else(|| no_results(sender.service))?);
        }
        let errand = Errand {
            runner: self,
            context,
            uri: uri(&options),
            deadline: deadline::of(context),
            retries_refusals: expects.leaves_results(),
            results,
        };
        let done = errand.all(jobs).await;
        Reply::new(expects, done).map(Some)
    }
}

/// The data that all objects of an event share.
struct Errand<'a> {
    runner: &'a Runner,
    context: &'a Context,
    uri: Uri,
    /// Objects that are not processed by then fail and are retried.
    deadline: Option<Instant>,
    /// Whether the service also retries rejected objects, because it takes no reply that distinguishes
    /// rejections from failures.
    retries_refusals: bool,
    /// Where results are stored, if at all.
    results: Option<&'a Results>,
}

impl Errand<'_> {
    /// Runs all jobs and returns them in their order.
    async fn all(&self, jobs: Vec<Job>) -> Vec<Done> {
        let mut done: Vec<(usize, Done)> = stream::iter(order::in_queues(jobs))
            .map(|queue| self.in_order(queue))
            .buffer_unordered(self.runner.at_a_time)
            .flat_map(stream::iter)
            .collect()
            .await;
        done.sort_unstable_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, done)| done).collect()
    }

    /// Runs jobs one after another until one has a temporary failure. The remaining jobs then fail, too.
    async fn in_order(&self, jobs: Vec<(usize, Job)>) -> Vec<(usize, Done)> {
        let mut all = Vec::with_capacity(jobs.len());
        let mut has_failed = false;
        for (number, job) in jobs {
            let outcome = if has_failed {
                Outcome::Failed("An earlier message of its group failed.".to_owned())
            } else {
                self.job(number, job.notices).await
            };
            // A rejected job would be rejected again, so later jobs must not wait for it.
            has_failed |= matches!(outcome, Outcome::Failed(_));
            all.push((number, Done { id: job.id, outcome }));
        }
        all
    }

    /// Runs a job. Returns the outcome of its last object, or of the first one that failed.
    async fn job(&self, number: usize, notices: Result<Vec<Notice>, String>) -> Outcome {
        let request_id = self.context.request_id.as_str();
        let notices = match notices {
            Ok(notices) => notices,
            Err(reason) => {
                let (tried_again, why) = (self.retries_refusals, clean(&reason));
                tracing::warn!(request_id, number, tried_again, why, "a part of the event is not understood");
                return Outcome::not_understood(reason);
            }
        };
        let mut last = Outcome::skipped("nothing to be read", None);
        for notice in notices {
            last = match notice {
                Notice::Other(what) => {
                    let what = clean(&what);
                    tracing::info!(request_id, number, what, "skipped: no object to be read");
                    Outcome::skipped(&what, None)
                }
                Notice::Object(object) => {
                    let outcome = self.object(number, &object).await;
                    self.log(number, &object, &outcome);
                    outcome
                }
            };
            if matches!(last, Outcome::Refused { .. } | Outcome::Failed(_)) {
                break;
            }
        }
        last
    }

    /// Logs an object without a result, with the reason.
    fn log(&self, number: usize, object: &Location, outcome: &Outcome) {
        let (Outcome::Refused { why, .. } | Outcome::Failed(why)) = outcome else { return };
        let (request_id, object) = (self.context.request_id.as_str(), object.to_string());
        // The reason starts with the object, for the service. Remove it here: a long key would leave no room
        // for the rest in the log field.
        let why = why.strip_prefix(&object).and_then(|why| why.strip_prefix(": ")).unwrap_or(why);
        let tried_again = self.retries_refusals || matches!(outcome, Outcome::Failed(_));
        let (object, why) = (clean(&object), clean(why));
        tracing::warn!(request_id, number, tried_again, object, why, "an object has no answer");
    }

    async fn object(&self, number: usize, object: &Location) -> Outcome {
        if self.runner.results.as_ref().is_some_and(|results| results.holds(object)) {
            let (request_id, object_name) = (self.context.request_id.as_str(), clean(&object.to_string()));
            tracing::info!(request_id, number, object_name, "skipped: it is a result");
            return Outcome::skipped(
                "it is a result: it lies below RESULTS, or ends in .json beside it",
                Some(object),
            );
        }
        // Consoles create such objects to show folders.
        if object.key.ends_with('/') {
            return Outcome::skipped("it is a folder", Some(object));
        }
        match self.deadline {
            None => self.attempt(number, object).await,
            Some(deadline) => timeout_at(deadline.into(), self.attempt(number, object))
                .await
                .unwrap_or_else(|_| Outcome::failed(object, "the time of the invocation is used up")),
        }
    }

    async fn attempt(&self, number: usize, object: &Location) -> Outcome {
        let Ok(_place) = self.runner.places.acquire().await else {
            return Outcome::failed(object, "the function ends");
        };
        let (parts, body) = answer(self.runner.router.clone(), self.request(number, object)).await;
        let outcome = Outcome::of(parts.status, &body, object);
        match (&outcome, self.results) {
            (Outcome::Answer(json), Some(results)) => match self.leave(number, json, object, results).await {
                Ok(()) => outcome,
                Err(failure) => failure,
            },
            _ => outcome,
        }
    }

    /// A request that references the object, like a direct invocation.
    fn request(&self, number: usize, object: &Location) -> Request {
        let Location { bucket, key, version_id } = object;
        let body = json!({"s3": {"bucket": bucket, "key": key, "version_id": version_id}});
        let mut request = event::direct(body.to_string().into());
        *request.uri_mut() = self.uri.clone();
        // Each request has its own id, which contains the id of the invocation.
        let request_id = format!("{}:{number}", self.context.request_id);
        event::set_ids(&mut request, &request_id, event::trace_id(self.context));
        request
    }

    /// Writes a result to S3.
    async fn leave(
        &self,
        number: usize,
        json: &str,
        object: &Location,
        results: &Results,
    ) -> Result<(), Outcome> {
        let place = results.place_of(object);
        let written = self.runner.objects.write(&place, json.to_owned().into(), "application/json").await;
        written.map_err(|error| {
            let (request_id, place) = (self.context.request_id.as_str(), clean(&place.to_string()));
            let cause = cause_chain(&error);
            tracing::warn!(request_id, number, place, cause, "a result cannot be written");
            let why = format!("its result cannot be written to RESULTS: {}: {error}", error.code());
            Outcome::failed(object, &why)
        })
    }
}

impl Job {
    fn has_objects(&self) -> bool {
        let notices = self.notices.as_deref().unwrap_or_default();
        notices.iter().any(|notice| matches!(notice, Notice::Object(_)))
    }
}

/// The URI for all requests of an event.
fn uri(options: &[(String, String)]) -> Uri {
    if options.is_empty() {
        return Uri::default();
    }
    const PATH: &str = "/?";
    let mut query = form_urlencoded::Serializer::for_suffix(PATH.to_owned(), PATH.len());
    query.extend_pairs(options);
    // The query is pure ASCII, so parsing does not fail.
    query.finish().parse().unwrap_or_default()
}

fn no_results(service: &str) -> Diagnostic {
    Diagnostic {
        error_type: "MissingSetting".to_owned(),
        error_message: format!(
            "{service} takes no answer, and the setting RESULTS, which says where to leave the answers, is not set. Set \
             it to a place in S3, such as s3://bucket/labels."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_the_query() {
        assert_eq!(uri(&[]), "/");
        let options = [("top_k".into(), "5".into()), ("level".into(), "a b&c".into())];
        assert_eq!(uri(&options), "/?top_k=5&level=a+b%26c");
    }
}
