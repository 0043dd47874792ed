//! Tasks of S3 Batch Operations. Each task is one object from the manifest of a job.
//!
//! The formats are from the Amazon S3 User Guide, "Invoke AWS Lambda function". Schema 1.0 identifies the
//! bucket by its ARN. Schema 2.0 identifies it by its name, and adds the arguments that the creator of the
//! job set. Keys are URL-encoded in both.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Expects, Job, Notice, Work, given, key};
use crate::http::body::RawOptions;
use crate::objects::Location;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    invocation_schema_version: String,
    invocation_id: String,
    #[serde(default)]
    job: JobSettings,
    tasks: Vec<Task>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobSettings {
    user_arguments: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Task {
    #[serde(rename = "taskId")]
    id: String,
    #[serde(rename = "s3Key")]
    key: String,
    #[serde(rename = "s3VersionId")]
    version: Option<String>,
    #[serde(rename = "s3Bucket")]
    bucket: Option<String>,
    #[serde(rename = "s3BucketArn")]
    arn: Option<String>,
}

/// Parses the tasks.
pub(super) fn read(payload: &[u8]) -> Result<Work, String> {
    let event: Event = serde_json::from_slice(payload).map_err(|_| {
        "The event of S3 Batch Operations is not one of the invocation schemas 1.0 and 2.0: it lacks \
         \"invocationId\", or a task its \"taskId\" or \"s3Key\"."
            .to_owned()
    })?;
    let mut options: Vec<(String, String)> =
        event.job.user_arguments.unwrap_or_default().into_iter().collect();
    options.retain(|(name, _)| RawOptions::has(name));
    Ok(Work {
        jobs: event.tasks.into_iter().map(Task::job).collect(),
        options,
        expects: Expects::Tasks { version: event.invocation_schema_version, invocation: event.invocation_id },
    })
}

impl Task {
    fn job(self) -> Job {
        let bucket = self.bucket.or_else(|| Some(self.arn?.rsplit(':').next()?.to_owned()));
        let notice = match given(bucket) {
            None => Err("The task names no bucket.".to_owned()),
            Some(bucket) => key::decoded(&self.key)
                .map(|key| Notice::Object(Location { bucket, key, version_id: given(self.version) })),
        };
        Job::of(self.id, notice)
    }
}
