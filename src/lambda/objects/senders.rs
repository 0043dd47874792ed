//! The services that hand over objects, and how each event is told and read.

use lambda_runtime::Diagnostic;

use super::{Work, batch_operations, distributed_map, notification, queue};
use crate::lambda::envelope::Envelope;
use crate::lambda::other;

/// A service, by one form of its events.
#[derive(Debug)]
pub struct Sender {
    /// An event is of this form if it has all marks of one of these groups, as [`Envelope::has`] understands them.
    marks: &'static [&'static [&'static str]],
    /// What the service is called.
    pub(in crate::lambda) service: &'static str,
    /// Reads the event, or says why it cannot be read.
    read: fn(&[u8]) -> Result<Work, String>,
}

const S3: &str = "Amazon S3";
const STEP_FUNCTIONS: &str = "AWS Step Functions (Distributed Map)";

/// All forms. The first that matches counts.
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
    /// Whether a field is a mark of one of these services by being there.
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

    /// Reads an event.
    ///
    /// # Errors
    ///
    /// A [`Diagnostic`] if it is not as the service sends it.
    pub(super) fn work(&self, payload: &[u8]) -> Result<Work, Diagnostic> {
        (self.read)(payload).map_err(|fault| other::broken(self.service, &fault))
    }
}
