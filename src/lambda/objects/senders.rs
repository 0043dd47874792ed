//! The services that send events about objects: how to identify and parse their events.

use lambda_runtime::Diagnostic;

use super::{Work, batch_operations, distributed_map, notification, queue};
use crate::lambda::envelope::Envelope;
use crate::lambda::other;

/// A service and one of its event formats.
#[derive(Debug)]
pub struct Sender {
    /// An event has this format if it has all marks of at least one group. See [`Envelope::has`].
    marks: &'static [&'static [&'static str]],
    /// The name of the service.
    pub(in crate::lambda) service: &'static str,
    /// Parses the event, or returns an error message.
    read: fn(&[u8]) -> Result<Work, String>,
}

const S3: &str = "Amazon S3";
const STEP_FUNCTIONS: &str = "AWS Step Functions (Distributed Map)";

/// All formats. The first match is used.
static SENDERS: [Sender; 6] = [
    Sender {
        marks: &[&["/Records/0/source=aws:s3"], &["/Event=s3:TestEvent"], &["/source=aws.s3"]],
        service: S3,
        read: notification::read,
    },
    Sender { marks: &[&["/Records/0/source=aws:sqs"]], service: "Amazon SQS", read: queue::read },
    Sender {
        marks: &[&["/Records/0/source=aws:sns"]],
        service: "Amazon SNS",
        read: notification::read_topic,
    },
    Sender {
        marks: &[&["/invocationSchemaVersion"]],
        service: "Amazon S3 Batch Operations",
        read: batch_operations::read,
    },
    Sender { marks: &[&["/Items"]], service: STEP_FUNCTIONS, read: distributed_map::read_batch },
    Sender {
        marks: &[&["/Key"], &["/key", "/bucket"]],
        service: STEP_FUNCTIONS,
        read: distributed_map::read_item,
    },
];

impl Sender {
    /// Whether the presence of a field is a mark of one of these services.
    pub(in crate::lambda) fn is_mark(field: &str) -> bool {
        let mut marks = SENDERS.iter().flat_map(|sender| sender.marks).copied().flatten();
        marks.any(|mark| mark.strip_prefix('/') == Some(field))
    }

    /// The service that sent an event, if it is one of these.
    pub(in crate::lambda) fn of(envelope: &Envelope<'_>) -> Option<&'static Self> {
        SENDERS
            .iter()
            .find(|sender| sender.marks.iter().any(|group| group.iter().all(|mark| envelope.has(mark))))
    }

    /// Parses an event.
    ///
    /// # Errors
    ///
    /// A [`Diagnostic`] if the event does not have the format of the service.
    pub(super) fn work(&self, payload: &[u8]) -> Result<Work, Diagnostic> {
        (self.read)(payload).map_err(|fault| other::broken(self.service, &fault))
    }
}
