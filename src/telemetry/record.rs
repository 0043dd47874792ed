//! What is known about one request, gathered on its way: its log line and the metrics are made of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::parent::{Parent, TraceId};
use crate::Error;
use crate::classifier::{Classification, Embedding, ImageInfo, Timing, milliseconds};

/// Characters of what came from outside that a line of the log may hold.
const SHOWN: usize = 200;

/// Stages that are noted one by one: a request that names many objects waits for each.
const MAX_STAGES: usize = 64;

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// As in the answer's `x-request-id`.
    pub(crate) request_id: Arc<str>,
    /// The trace that X-Ray has the request in.
    pub(crate) xray_trace_id: Option<String>,
    /// The span of the caller in which it was made.
    pub(crate) parent: Option<Parent>,
    /// The trace that its spans are in, or its caller's.
    pub(crate) trace_id: Option<TraceId>,
    /// It is the first one that this process answers.
    pub(crate) cold_start: bool,
    /// The method of HTTP; none if it was no request.
    pub(crate) method: Option<String>,
    /// The path, without query.
    pub(crate) path: Option<String>,
    /// The route that answered it; none if the path leads nowhere.
    pub(crate) route: Option<String>,
    /// The HTTP status of the answer; [`GONE`] if there was nobody left to answer.
    pub(crate) status: u16,
    /// The code of the error that it was answered with.
    pub(crate) code: Option<&'static str>,
    /// The private half of that error.
    pub(crate) cause: Option<String>,
    /// Bytes of the body, as far as it was taken in.
    pub(crate) bytes: Option<usize>,
    /// Its images, in their order.
    pub(crate) images: Vec<Image>,
    /// When its head was there.
    pub(crate) start: Option<Instant>,
    /// What it waited for, when, and for how many milliseconds: the first of them.
    pub(crate) stages: Vec<(Stage, Instant, f64)>,
    /// Milliseconds that the body took to arrive.
    pub(crate) body_ms: Option<f64>,
    /// Milliseconds that it waited while others were worked on.
    pub(crate) queue_ms: Option<f64>,
    /// Milliseconds that its images took to come from the storage.
    pub(crate) storage_ms: Option<f64>,
    /// Milliseconds from its head to its answer.
    pub(crate) total_ms: f64,
}

/// The status of a request whose client went away before the answer. It is nginx's; HTTP has none.
pub(crate) const GONE: u16 = 499;

/// What a request waits for, besides the work on its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its body arrives.
    Body,
    /// Others are worked on.
    Queue,
    /// One of its images comes from the storage.
    Storage,
}

impl Stage {
    /// As it is called in a trace.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Queue => "queue",
            Self::Storage => "storage",
        }
    }
}

/// One image of a request.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// The name that the client gave, cleaned.
    pub(crate) file_name: Option<String>,
    /// What it came to.
    pub(crate) outcome: Result<Found, Refusal>,
    /// When the work on it began.
    pub(crate) start: Instant,
    /// Milliseconds that it was worked on.
    pub(crate) ms: f64,
}

/// What an image was found to be.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Name of its format.
    pub(crate) format: &'static str,
    /// In pixels.
    pub(crate) width: u32,
    /// In pixels.
    pub(crate) height: u32,
    /// The best label and its score, unless no label was good enough for the request or none was asked for.
    pub(crate) best: Option<(String, f64)>,
    /// The answer was remembered.
    pub(crate) cached: bool,
    /// Where the time went.
    pub(crate) timing: Timing,
}

/// What is wrong with an image.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) cause: Option<String>,
}

impl Found {
    fn new(image: ImageInfo, timing: Timing, cached: bool) -> Self {
        let ImageInfo { format, width, height } = image;
        Self { format: format.name(), width, height, best: None, cached, timing }
    }
}

impl From<&Classification> for Found {
    fn from(found: &Classification) -> Self {
        let best = found.predictions.first();
        let best = best.map(|best| (best.label.name.clone(), f64::from(best.score)));
        Self { best, ..Self::new(found.image, found.timing, found.cached) }
    }
}

impl From<&Embedding> for Found {
    fn from(found: &Embedding) -> Self {
        Self::new(found.image, found.timing, found.cached)
    }
}

impl Refusal {
    pub(crate) fn new(error: &Error) -> Self {
        Self { status: error.status(), code: error.code(), cause: cause_chain(error) }
    }
}

impl Image {
    /// An image that was worked on from `start` until now.
    pub(crate) fn new<T>(file_name: Option<&str>, outcome: &Result<T, Error>, start: Instant) -> Self
    where
        for<'a> Found: From<&'a T>,
    {
        let outcome = outcome.as_ref().map(Found::from).map_err(Refusal::new);
        Self { file_name: file_name.map(clean), outcome, start, ms: milliseconds(start.elapsed()) }
    }
}

impl Record {
    /// Notes that the request was in a stage from `start` until now.
    pub(crate) fn spent(&mut self, stage: Stage, start: Instant) {
        let ms = milliseconds(start.elapsed());
        let sum = match stage {
            Stage::Body => &mut self.body_ms,
            Stage::Queue => &mut self.queue_ms,
            Stage::Storage => &mut self.storage_ms,
        };
        *sum = Some(sum.unwrap_or_default() + ms);
        if self.stages.len() < MAX_STAGES {
            self.stages.push((stage, start, ms));
        }
    }

    /// Notes what the request is refused for.
    pub(crate) fn refuse(&mut self, error: &Error) {
        self.code = Some(error.code());
        self.cause = cause_chain(error);
    }

    /// Those of its images that have labels.
    pub(crate) fn found(&self) -> impl Iterator<Item = &Found> {
        self.images.iter().filter_map(|image| image.outcome.as_ref().ok())
    }

    /// The times of its images together, without those that were remembered; `None` if there are no others. `total` is
    /// zero: that of the request says more.
    pub(crate) fn times(&self) -> Option<Timing> {
        let mut looked_at = self.found().filter(|found| !found.cached).map(|found| found.timing).peekable();
        looked_at.peek()?;
        let sum = looked_at.fold(Timing::default(), |sum, timing| Timing {
            decode: sum.decode + timing.decode,
            preprocess: sum.preprocess + timing.preprocess,
            inference: sum.inference + timing.inference,
            ..Timing::default()
        });
        // Sums of decimal fractions have more digits than their parts.
        let round = |ms: f64| (ms * 1e3).round() / 1e3;
        Some(Timing {
            decode: round(sum.decode),
            preprocess: round(sum.preprocess),
            inference: round(sum.inference),
            ..Timing::default()
        })
    }

    /// Whether it, or one of its images, was answered with a 5xx.
    pub(crate) fn is_faulty(&self) -> bool {
        let refusals = self.images.iter().filter_map(|image| image.outcome.as_ref().err());
        self.status >= 500 || refusals.map(|refusal| refusal.status).any(|status| status >= 500)
    }

    /// How many of its images were remembered.
    pub(crate) fn cache_hits(&self) -> usize {
        self.found().filter(|found| found.cached).count()
    }
}

/// A record that is being filled, by the parts of the service that a request goes through.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Record>>);

impl Notes {
    /// The record, to read or to write. Hold it for a moment only.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        // A panic cannot leave a record half-written: each note is one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Text from outside as a log line may hold it: of bounded length, and without characters that a terminal would
/// obey. The formatters escape what is left.
pub(crate) fn clean(text: &str) -> String {
    let obeyed = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().take(SHOWN).map(|character| if obeyed(character) { '\u{fffd}' } else { character }).collect()
}

/// The private half of an error: the messages of its sources, outermost first. `None` if there is none.
pub(crate) fn cause_chain(error: &Error) -> Option<String> {
    let first = std::error::Error::source(error)?;
    let messages = std::iter::successors(Some(first), |cause| cause.source()).map(ToString::to_string);
    Some(messages.collect::<Vec<_>>().join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_outside_is_cut_and_cannot_move_the_cursor() {
        assert_eq!(clean("Käse 1.jpg"), "Käse 1.jpg");
        assert_eq!(clean("a\r\nb\u{1b}[2J\u{202e}gpj.exe"), "a\u{fffd}\u{fffd}b\u{fffd}[2J\u{fffd}gpj.exe");
        assert_eq!(clean(&"é".repeat(10_000)).chars().count(), SHOWN);
    }
}
