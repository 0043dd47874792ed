//! Messages of an SQS queue, each with a notification of S3 as its text.
//!
//! The shapes are those of the AWS Lambda Developer Guide, "Using Lambda with Amazon SQS". EventBridge Pipes sends
//! the list of the messages alone.

use serde::Deserialize;

use super::{Expects, Job, Work, notification};

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Records {
        #[serde(rename = "Records")]
        records: Vec<Message>,
    },
    List(Vec<Message>),
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "messageId")]
    id: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default, rename = "eventSourceARN")]
    queue: String,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(rename = "MessageGroupId")]
    group: Option<String>,
}

/// Reads the messages. One that is no notification fails by itself.
pub(super) fn read(payload: &[u8]) -> Result<Work, String> {
    let event: Event = serde_json::from_slice(payload)
        .map_err(|_| "A message of the queue has no \"messageId\".".to_owned())?;
    let (Event::Records { records } | Event::List(records)) = event;
    let jobs = records.into_iter().map(Message::job).collect();
    Ok(Work { jobs, options: Vec::new(), expects: Expects::FailedMessages })
}

impl Message {
    fn job(self) -> Job {
        // In other queues, too, messages may have a group, but there it promises no order.
        let group = self.attributes.group.filter(|_| self.queue.ends_with(".fifo"));
        Job { id: self.id, group, notices: notification::notices(self.body.as_bytes()) }
    }
}
