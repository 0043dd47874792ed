//! Notifications about S3 objects: from S3 itself, from EventBridge, or either of them in an SNS message.
//!
//! The formats are from the Amazon S3 User Guide, "Event message structure" and "EventBridge event message
//! structure".

use serde::Deserialize;

use super::{Expects, Job, Notice, Work, given, key};
use crate::objects::Location;

/// Prefixes of the event names after which an object can be read.
const READABLE: [&str; 2] = ["ObjectCreated:", "ObjectRestore:Completed"];

/// EventBridge's names for these events.
const READABLE_DETAILS: [&str; 2] = ["Object Created", "Object Restore Completed"];

/// All fields of all notification formats. The fields that are present identify the format.
#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
    /// Set in the test event that S3 sends when notifications are configured.
    #[serde(rename = "Event")]
    event: Option<String>,
    /// The service that sent the event, in EventBridge events.
    source: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    detail: Option<Entity>,
    /// The text that SNS forwards.
    #[serde(rename = "Message")]
    message: Option<String>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventSource")]
    source: String,
    #[serde(rename = "eventName")]
    name: String,
    s3: Option<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    bucket: Option<Bucket>,
    object: Option<Object>,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    #[serde(alias = "versionId", alias = "version-id")]
    version: Option<String>,
}

/// Parses a notification that S3 or EventBridge sends to the function.
pub(super) fn read(payload: &[u8]) -> Result<Work, String> {
    notices(payload).map(work)
}

/// Parses notifications that SNS sends to the function.
pub(super) fn read_topic(payload: &[u8]) -> Result<Work, String> {
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "Records")]
        records: Vec<TopicRecord>,
    }
    #[derive(Deserialize)]
    struct TopicRecord {
        #[serde(rename = "Sns")]
        sns: Sns,
    }
    #[derive(Deserialize)]
    struct Sns {
        #[serde(rename = "Message")]
        message: String,
    }
    let event: Event =
        serde_json::from_slice(payload).map_err(|_| "The event of SNS lacks a message.".to_owned())?;
    let mut all = Vec::new();
    for record in event.records {
        all.extend(notices(record.sns.message.as_bytes())?);
    }
    Ok(work(all))
}

fn work(notices: Vec<Notice>) -> Work {
    let jobs = notices.into_iter().map(|notice| Job::of(String::new(), Ok(notice))).collect();
    Work { jobs, options: Vec::new(), expects: Expects::Nothing }
}

/// Parses a notification in any of these formats. A test event yields no notices.
///
/// # Errors
///
/// An error message if the text is not an S3 notification.
pub(super) fn notices(text: &[u8]) -> Result<Vec<Notice>, String> {
    let notification = parsed(text)?;
    match notification.message {
        Some(ref inner) if notification.records.is_none() => parsed(inner.as_bytes())?.notices(),
        _ => notification.notices(),
    }
}

const NOT_OF_S3: &str = "The text is not a notification of S3: it is neither a JSON object with the records of aws:s3, nor \
     an event of aws.s3 from EventBridge, nor one of these in a message of SNS.";

fn parsed(text: &[u8]) -> Result<Notification, String> {
    serde_json::from_slice(text).map_err(|_| NOT_OF_S3.to_owned())
}

impl Notification {
    fn notices(self) -> Result<Vec<Notice>, String> {
        if let Some(records) = self.records {
            return records.into_iter().map(Record::notice).collect();
        }
        match (self.event.as_deref(), self.source.as_deref(), self.detail_type) {
            (Some("s3:TestEvent"), ..) => Ok(Vec::new()),
            (_, Some("aws.s3"), Some(kind)) if READABLE_DETAILS.contains(&&*kind) => {
                Ok(vec![Notice::Object(located(self.detail, Ok)?)])
            }
            (_, Some("aws.s3"), Some(kind)) => Ok(vec![Notice::Other(kind)]),
            _ => Err(NOT_OF_S3.to_owned()),
        }
    }
}

impl Record {
    fn notice(self) -> Result<Notice, String> {
        if self.source != "aws:s3" {
            return Err(NOT_OF_S3.to_owned());
        }
        // The bucket's notification settings use this prefix, and the records of some S3-compatible stores,
        // too.
        let name = self.name.strip_prefix("s3:").unwrap_or(&self.name);
        if !READABLE.iter().any(|readable| name.starts_with(readable)) {
            return Ok(Notice::Other(name.to_owned()));
        }
        located(self.s3, |encoded| key::decoded(&encoded)).map(Notice::Object)
    }
}

fn located(
    entity: Option<Entity>,
    decoded: impl Fn(String) -> Result<String, String>,
) -> Result<Location, String> {
    let Some(Entity { bucket: Some(bucket), object: Some(object) }) = entity else {
        return Err("The notification of S3 does not name the bucket and the object.".to_owned());
    };
    Ok(Location { bucket: bucket.name, key: decoded(object.key)?, version_id: given(object.version) })
}
