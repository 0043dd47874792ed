//! Events about S3 objects. They name images instead of containing them.
//!
//! - `senders` is the table of supported services. It identifies an event by its marks, and its reader
//!   converts the event to [`Work`].
//! - `run` sends a direct request for each object to the router that all requests use.
//! - `outcome` interprets the status of each response: a result, a temporary failure or a permanent one.
//! - `results` writes results to S3 if the service does not take a reply.
//! - `replies` builds the reply that the service expects.

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

/// The work that an event asks for.
#[derive(Debug)]
struct Work {
    /// In the order of the event.
    jobs: Vec<Job>,
    /// The options of every request, as names and values for a query string.
    options: Vec<(String, String)>,
    expects: Expects,
}

/// The reply that the service expects.
#[derive(Debug, PartialEq)]
enum Expects {
    /// No reply: results are written to S3. If the function fails, the service sends the event again.
    Nothing,
    /// The ids of the messages that failed. Results are written to S3.
    FailedMessages,
    /// The result of each task of S3 Batch Operations.
    Tasks {
        /// The schema version of the event, which the reply must repeat.
        version: String,
        /// The id of the event, which the reply must repeat.
        invocation: String,
    },
    /// The result of a single item.
    Item,
    /// The results of the items, in order.
    Items,
}

impl Expects {
    /// Whether results are written to S3.
    fn leaves_results(&self) -> bool {
        matches!(self, Self::Nothing | Self::FailedMessages)
    }
}

/// A unit of work that succeeds or fails as a whole: a record, a message, a task or an item.
#[derive(Debug)]
struct Job {
    /// The id from the service; empty if the service has none.
    id: String,
    /// Jobs of the same group run in order. If one fails, the remaining jobs of the group fail, too.
    group: Option<String>,
    /// The objects of the job, or why the job cannot be parsed.
    notices: Result<Vec<Notice>, String>,
}

impl Job {
    /// A job with one object, or with none if there is nothing to do.
    fn of(id: String, notice: Result<Notice, String>) -> Self {
        Self { id, group: None, notices: notice.map(|notice| vec![notice]) }
    }
}

/// What happened to an object.
#[derive(Debug, PartialEq)]
enum Notice {
    /// The object can be read.
    Object(Location),
    /// Another event, which is only logged, because there is nothing to read.
    Other(String),
}

/// Returns a non-empty text. Missing versions are sent as `null` or as an empty text.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
