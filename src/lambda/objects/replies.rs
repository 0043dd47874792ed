//! Builds the reply that the service expects from the outcomes of the jobs.

use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Expects;
use super::outcome::Outcome;

/// Maximum length of a task's `resultString` in the report of S3 Batch Operations, in characters.
const MAX_RESULT: usize = 1024;

/// Maximum length of a failure message for callers, in characters.
const MAX_WHY: usize = 600;

/// A completed job.
#[derive(Debug)]
pub(super) struct Done {
    /// The id from the event.
    pub(super) id: String,
    pub(super) outcome: Outcome,
}

/// The reply to the service.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::lambda) enum Reply {
    /// For a service that expects no reply: how many objects have results in S3, and how many were skipped.
    Summary {
        answered: usize,
        skipped: usize,
    },
    /// The messages to send again (AWS Lambda Developer Guide, "Implementing partial batch responses").
    #[serde(rename_all = "camelCase")]
    FailedMessages {
        batch_item_failures: Vec<FailedMessage>,
    },
    /// Results of tasks (Amazon S3 User Guide, "Invoke AWS Lambda function").
    #[serde(rename_all = "camelCase")]
    Tasks {
        invocation_schema_version: String,
        treat_missing_keys_as: &'static str,
        invocation_id: String,
        results: Vec<TaskResult>,
    },
    Item(Box<RawValue>),
    Items(Vec<Box<RawValue>>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::lambda) struct FailedMessage {
    item_identifier: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::lambda) struct TaskResult {
    task_id: String,
    result_code: &'static str,
    result_string: String,
}

impl Reply {
    /// Builds the reply for completed jobs.
    ///
    /// # Errors
    ///
    /// A [`Diagnostic`] if a job failed and the reply format cannot express that.
    pub(super) fn new(expects: Expects, done: Vec<Done>) -> Result<Self, Diagnostic> {
        match expects {
            Expects::Nothing => {
                all_or_none(&done, true)?;
                let skipped = done.iter().filter(|done| matches!(done.outcome, Outcome::Skipped(_))).count();
                Ok(Self::Summary { answered: done.len() - skipped, skipped })
            }
            Expects::FailedMessages => {
                let failed = done
                    .into_iter()
                    .filter(|done| matches!(done.outcome, Outcome::Refused { .. } | Outcome::Failed(_)));
                let batch_item_failures =
                    failed.map(|done| FailedMessage { item_identifier: done.id }).collect();
                Ok(Self::FailedMessages { batch_item_failures })
            }
            Expects::Tasks { version, invocation } => Ok(Self::Tasks {
                invocation_schema_version: version,
                // Every task has a result. If one were missing, the service should retry it.
                treat_missing_keys_as: TEMPORARY_FAILURE,
                invocation_id: invocation,
                results: done.into_iter().map(TaskResult::from).collect(),
            }),
            Expects::Items => {
                all_or_none(&done, false)?;
                done.into_iter().map(answer).collect::<Result<_, _>>().map(Self::Items)
            }
            Expects::Item => {
                all_or_none(&done, false)?;
                let item = done.into_iter().next().map(answer);
                item.unwrap_or_else(|| Err(fault("an event without an item"))).map(Self::Item)
            }
        }
    }
}

/// The result code of a task that should be retried.
const TEMPORARY_FAILURE: &str = "TemporaryFailure";

/// An error type: a retry may succeed.
const TRY_AGAIN: &str = "TryAgain";

/// An error type: retries do not help.
const REFUSED: &str = "Refused";

/// Fails if any job failed, so that all jobs are retried. With `or_refused`, also fails if a job was refused.
fn all_or_none(done: &[Done], or_refused: bool) -> Result<(), Diagnostic> {
    let mut failed = Vec::new();
    let mut refused = Vec::new();
    for Done { outcome, .. } in done {
        match outcome {
            Outcome::Failed(why) => failed.push(why),
            Outcome::Refused { why, .. } if or_refused => refused.push(why),
            _ => {}
        }
    }
    // Report refused jobs only if no job can be retried.
    let (error_type, all) = if failed.is_empty() { (REFUSED, &refused) } else { (TRY_AGAIN, &failed) };
    let Some(first) = all.first() else { return Ok(()) };
    Err(Diagnostic {
        error_type: error_type.to_owned(),
        error_message: format!(
            "{} of {} objects have no answer. The first: {}",
            failed.len() + refused.len(),
            done.len(),
            shortened(first, MAX_WHY)
        ),
    })
}

fn answer(done: Done) -> Result<Box<RawValue>, Diagnostic> {
    match done.outcome {
        Outcome::Answer(json) | Outcome::Skipped(json) | Outcome::Refused { json, .. } => {
            RawValue::from_string(json).map_err(|error| fault(&error.to_string()))
        }
        Outcome::Failed(why) => Err(fault(&why)),
    }
}

fn fault(what: &str) -> Diagnostic {
    Diagnostic { error_type: "Internal".to_owned(), error_message: what.to_owned() }
}

impl From<Done> for TaskResult {
    fn from(done: Done) -> Self {
        let (result_code, result_string) = match done.outcome {
            Outcome::Answer(json) | Outcome::Skipped(json) => ("Succeeded", bounded(&json)),
            Outcome::Refused { why, .. } => ("PermanentFailure", shortened(&why, MAX_RESULT)),
            Outcome::Failed(why) => (TEMPORARY_FAILURE, shortened(&why, MAX_RESULT)),
        };
        Self { task_id: done.id, result_code, result_string }
    }
}

/// Shortens a result to fit into a report. Removes the object, which has its own columns there, and as many
/// of the last predictions as necessary.
fn bounded(answer: &str) -> String {
    let mut answer: Value = serde_json::from_str(answer).unwrap_or_default();
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("s3");
    }
    loop {
        let text = answer.to_string();
        if text.chars().count() <= MAX_RESULT {
            return text;
        }
        let predictions = answer.get_mut("predictions").and_then(Value::as_array_mut);
        if predictions.and_then(Vec::pop).is_none() {
            return json!({"status": answer["status"], "code": answer["code"]}).to_string();
        }
    }
}

/// The first `max` characters of a text.
fn shortened(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(id: &str, outcome: Outcome) -> Done {
        Done { id: id.into(), outcome }
    }

    fn answered(id: &str, json: &str) -> Done {
        done(id, Outcome::Answer(json.into()))
    }

    fn failed(id: &str) -> Done {
        done(id, Outcome::Failed(format!("{id} failed")))
    }

    fn refused(id: &str) -> Done {
        done(id, Outcome::Refused { json: r#"{"status":403}"#.into(), why: format!("{id} was refused") })
    }

    fn reply(expects: Expects, done: Vec<Done>) -> Value {
        serde_json::to_value(Reply::new(expects, done).unwrap()).unwrap()
    }

    fn tasks() -> Expects {
        Expects::Tasks { version: "1.0".into(), invocation: "i".into() }
    }

    #[test]
    fn each_service_gets_its_own_form() {
        let mixed = || vec![answered("a", "{}"), failed("b"), refused("c")];
        let good =
            || vec![answered("a", r#"{"n":1}"#), done("b", Outcome::Skipped(r#"{"skipped":"x"}"#.into()))];
        assert_eq!(reply(Expects::Nothing, good()), json!({"answered": 1, "skipped": 1}));
        assert_eq!(reply(Expects::Items, good()), json!([{"n": 1}, {"skipped": "x"}]));
        assert_eq!(reply(Expects::Item, vec![answered("", r#"{"n":1}"#)]), json!({"n": 1}));
        assert_eq!(reply(Expects::FailedMessages, good()), json!({"batchItemFailures": []}));
        assert_eq!(
            reply(Expects::FailedMessages, mixed()),
            json!({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]})
        );
        assert_eq!(
            reply(tasks(), mixed()),
            json!({
                "invocationSchemaVersion": "1.0",
                "treatMissingKeysAs": "TemporaryFailure",
                "invocationId": "i",
                "results": [
                    {"taskId": "a", "resultCode": "Succeeded", "resultString": "{}"},
                    {"taskId": "b", "resultCode": "TemporaryFailure", "resultString": "b failed"},
                    {"taskId": "c", "resultCode": "PermanentFailure", "resultString": "c was refused"},
                ],
            })
        );
    }

    #[test]
    fn a_failure_has_the_invocation_tried_again() {
        for (expects, count) in [(Expects::Nothing, 2), (Expects::Items, 1)] {
            let error =
                Reply::new(expects, vec![answered("a", "{}"), refused("b"), failed("c")]).unwrap_err();
            assert_eq!(error.error_type, "TryAgain");
            assert_eq!(
                error.error_message,
                format!("{count} of 3 objects have no answer. The first: c failed")
            );
        }
    }

    #[test]
    fn a_refusal_is_told_where_somebody_looks() {
        let error = Reply::new(Expects::Nothing, vec![refused("a"), answered("b", "{}")]).unwrap_err();
        assert_eq!(
            (error.error_type.as_str(), error.error_message.contains("a was refused")),
            ("Refused", true)
        );
        assert_eq!(reply(Expects::Items, vec![refused("a")]), json!([{"status": 403}]));
        assert_eq!(reply(Expects::Item, vec![refused("a")]), json!({"status": 403}));
    }

    #[test]
    fn the_result_of_a_task_is_json_of_bounded_length() {
        let label = "a very long label ".repeat(20);
        let long = json!({"predictions": [{"label": label}, {"label": label}, {"label": label}], "s3": {"key": "k"}});
        let results = reply(tasks(), vec![answered("a", &long.to_string())]);
        let text = results["results"][0]["resultString"].as_str().unwrap();
        assert!(text.chars().count() <= 1024);
        assert_eq!(
            serde_json::from_str::<Value>(text).unwrap(),
            json!({"predictions": [{"label": label}, {"label": label}]})
        );
        let problem = json!({"status": 415, "code": "unsupported_format", "detail": "d".repeat(2000)});
        assert_eq!(bounded(&problem.to_string()), r#"{"code":"unsupported_format","status":415}"#);
    }
}
