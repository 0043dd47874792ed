//! Events that tell of objects in S3, rather than carry an image.
//!
//! `senders` is the table of the services: by its marks an event is one of theirs, and each has a reader that turns
//! the event into [`Work`]. `run` makes a direct request of every object, through the same router that all requests
//! take. `outcome` says what the status of its answer means: an answer, or a failure that may pass or will last.
//! `results` leaves the answers in S3 where the service takes none, and `replies` gives the service what it expects.

mod batch_operations;
mod distributed_map;
mod key;
mod notification;
mod order;
mod outcome;
mod queue;
mod replies;
mod results;
mod run;
mod senders;
#[cfg(test)]
mod tests;

pub(super) use replies::Reply;
pub(super) use run::Runner;
pub use senders::Sender;

use crate::objects::Location;

/// What an event asks for.
#[derive(Debug)]
struct Work {
    /// In the order of the event.
    jobs: Vec<Job>,
    /// The options of every request, as names and values of a query string.
    options: Vec<(String, String)>,
    expects: Expects,
}

/// What the service waits for.
#[derive(Debug, PartialEq)]
enum Expects {
    /// Nothing: the answers are left in S3. A failure of the function has the event sent again.
    Nothing,
    /// The messages of the queue that failed. The answers are left in S3.
    FailedMessages,
    /// The result of each task of S3 Batch Operations.
    Tasks {
        /// Of the event's schema, to be returned.
        version: String,
        /// The event's id, to be returned.
        invocation: String,
    },
    /// The answer to the one item.
    Item,
    /// The answers to the items, in their order.
    Items,
}

impl Expects {
    /// Whether the answers are to be left in S3.
    fn leaves_results(&self) -> bool {
        matches!(self, Self::Nothing | Self::FailedMessages)
    }
}

/// What the service takes for one thing, which succeeds or fails: a record, a message, a task, an item.
#[derive(Debug)]
struct Job {
    /// What the service calls it; empty where it has no name for it.
    id: String,
    /// The jobs of one group are done in their order, and after one that failed the rest of its group fails, too.
    group: Option<String>,
    /// What it tells of, or why that cannot be told.
    notices: Result<Vec<Notice>, String>,
}

impl Job {
    /// A job of one object, or of none if there is nothing to do.
    fn of(id: String, notice: Result<Notice, String>) -> Self {
        Self { id, group: None, notices: notice.map(|notice| vec![notice]) }
    }
}

/// What happened to an object.
#[derive(Debug, PartialEq)]
enum Notice {
    /// It can be read.
    Object(Location),
    /// Something else, for the log: there is nothing to be read.
    Other(String),
}

/// A text that is there and not empty: absent versions are sent as `null` or as an empty text.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
