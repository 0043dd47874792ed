//! Messages of an SQS queue. The body of each message is an S3 notification.
//!
//! The formats are from the AWS Lambda Developer Guide, "Using Lambda with Amazon SQS". EventBridge Pipes
//! sends only the list of messages.

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

/// Parses the messages. A message that is not a notification fails without affecting the others.
pub(super) fn read(payload: &[u8]) -> Result<Work, String> {
    let event: Event = serde_json::from_slice(payload)
        .map_err(|_| "A message of the queue has no \"messageId\".".to_owned())?;
    let (Event::Records { records } | Event::List(records)) = event;
    let jobs = records.into_iter().map(Message::job).collect();
    Ok(Work { jobs, options: Vec::new(), expects: Expects::FailedMessages })
}

impl Message {
    fn job(self) -> Job {
        // Messages in standard queues may have a group, too, but there it does not guarantee an order.
        let group = self.attributes.group.filter(|_| self.queue.ends_with(".fifo"));
        Job { id: self.id, group, notices: notification::notices(self.body.as_bytes()) }
    }
}
