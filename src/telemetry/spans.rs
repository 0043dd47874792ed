//! A request's record → its spans: the request, and within it what it waited for, and each image with its steps.
//!
//! The senders name everything by their own customs; see `xray` and `otlp`.

use std::borrow::Cow;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::parent::{SpanId, TraceId};
use super::record::{GONE, Image, Record, Stage};
use crate::classifier::Timing;

/// Spans of one request, at most: what X-Ray takes in one document, 64 kB, has room for so many.
pub(super) const MAX_SPANS: usize = 200;

/// All spans of a request.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) trace_id: TraceId,
    /// The span of the caller, if the caller named one.
    pub(super) parent: Option<SpanId>,
    pub(super) root: Span,
    /// The spans in it, 1 or more.
    pub(super) size: usize,
}

/// Something that took time. It lies within the span that holds it.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) id: SpanId,
    pub(super) name: Cow<'static, str>,
    /// Nanoseconds since 1970.
    pub(super) start: u64,
    /// Nanoseconds since 1970, not before the start.
    pub(super) end: u64,
    pub(super) facts: Vec<(Fact, Value)>,
    /// What went wrong.
    pub(super) failure: Option<Failure>,
    /// By their start.
    pub(super) children: Vec<Span>,
}

/// What is told of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// Of HTTP; `_OTHER` if it is none of its methods.
    Method,
    Path,
    Route,
    /// Of HTTP.
    Status,
    RequestId,
    /// Whether the request was the first of its process.
    ColdStart,
    /// Of the body.
    Bytes,
    /// How many there are.
    Images,
    /// Images that have no spans, because there are too many.
    LeftOut,
    /// Whether no image had to be looked at.
    Cached,
    /// Of an image, among those of its request; the first is 0.
    Index,
    Format,
    Width,
    Height,
}

/// The value of a fact.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(Cow<'static, str>),
    Number(u64),
    Truth(bool),
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Of HTTP, 400 or more.
    pub(super) status: u16,
    /// The code of the error.
    pub(super) code: &'static str,
}

impl Tree {
    /// The spans of a request that is over; `None` if nobody knows when it began, or there are no ids.
    pub(super) fn new(record: &Record, trace_id: TraceId, parent: Option<SpanId>) -> Option<Self> {
        let clock = Clock::new(record)?;
        let mut size = 1;
        // To find that there is no body takes no time worth telling.
        let has_body = record.bytes.is_none_or(|bytes| bytes > 0);
        let stages = record.stages.iter().filter(|(stage, ..)| has_body || *stage != Stage::Body);
        let mut children: Vec<Draft> = stages.map(|stage| Draft::of_stage(stage, &clock)).collect();
        size += children.len();
        let mut left_out = record.images.len();
        for (index, image) in record.images.iter().enumerate() {
            let draft = Draft::of_image(index, image, &clock);
            if size + draft.size() > MAX_SPANS {
                break;
            }
            size += draft.size();
            left_out -= 1;
            children.push(draft);
        }
        children.sort_by_key(|child| child.start);
        let draft = Draft {
            name: name(record),
            start: clock.start,
            end: clock.end,
            facts: facts(record, left_out),
            failure: failure(record),
            children,
        };
        let mut ids = SpanId::random(size).into_iter();
        Some(Self { trace_id, parent, root: draft.with_ids(&mut ids)?, size })
    }
}

/// A span without an id.
struct Draft {
    name: Cow<'static, str>,
    start: u64,
    end: u64,
    facts: Vec<(Fact, Value)>,
    failure: Option<Failure>,
    children: Vec<Draft>,
}

impl Draft {
    fn new(name: &'static str, (start, end): (u64, u64)) -> Self {
        Self { name: name.into(), start, end, facts: Vec::new(), failure: None, children: Vec::new() }
    }

    fn of_stage((stage, start, ms): &(Stage, Instant, f64), clock: &Clock) -> Self {
        Self::new(stage.name(), clock.within((clock.start, clock.end), *start, *ms))
    }

    fn of_image(index: usize, image: &Image, clock: &Clock) -> Self {
        let mut span = Self::new("image", clock.within((clock.start, clock.end), image.start, image.ms));
        span.facts.push((Fact::Index, number(index)));
        match &image.outcome {
            Ok(found) => {
                span.facts.extend([
                    (Fact::Format, Value::Text(found.format.into())),
                    (Fact::Width, Value::Number(found.width.into())),
                    (Fact::Height, Value::Number(found.height.into())),
                    (Fact::Cached, Value::Truth(found.cached)),
                ]);
                span.children = Self::of_steps(&found.timing, (span.start, span.end), clock);
            }
            Err(refusal) => span.failure = Some(Failure { status: refusal.status, code: refusal.code }),
        }
        span
    }

    /// The steps follow one another without a pause.
    fn of_steps(timing: &Timing, bounds: (u64, u64), clock: &Clock) -> Vec<Self> {
        let Some(mut start) = timing.began else { return Vec::new() };
        let steps =
            [("decode", timing.decode), ("preprocess", timing.preprocess), ("inference", timing.inference)];
        let step = |(name, ms): (&'static str, f64)| {
            let span = Self::new(name, clock.within(bounds, start, ms));
            start += duration(ms);
            span
        };
        steps.map(step).into()
    }

    fn size(&self) -> usize {
        1 + self.children.iter().map(Self::size).sum::<usize>()
    }

    fn with_ids(self, ids: &mut impl Iterator<Item = SpanId>) -> Option<Span> {
        let Self { name, start, end, facts, failure, children } = self;
        let id = ids.next()?;
        let children = children.into_iter().map(|child| child.with_ids(ids)).collect::<Option<_>>()?;
        Some(Span { id, name, start, end, facts, failure, children })
    }
}

/// Turns instants into times of day. The clock of the day may be set while a request is under way; it is read once.
struct Clock {
    instant: Instant,
    /// Nanoseconds since 1970, of the request.
    start: u64,
    end: u64,
}

impl Clock {
    fn new(record: &Record) -> Option<Self> {
        let instant = record.start?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let start = nanoseconds(now.checked_sub(instant.elapsed())?);
        Some(Self { instant, start, end: start + nanoseconds(duration(record.total_ms)) })
    }

    /// Start and end of something. It is kept within its bounds, which rounding may have passed by a microsecond.
    fn within(&self, (least, most): (u64, u64), start: Instant, ms: f64) -> (u64, u64) {
        let begun = self.start + nanoseconds(start.saturating_duration_since(self.instant));
        let ended = begun + nanoseconds(duration(ms));
        (begun.clamp(least, most), ended.clamp(least, most))
    }
}

/// The methods of HTTP. Others would give a name of its own to every word that a caller thinks of.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

fn method(record: &Record) -> Option<&'static str> {
    let method = record.method.as_deref()?;
    METHODS.into_iter().find(|known| *known == method)
}

/// `POST /classify`; the method alone where the path leads nowhere, since there is no end of such paths.
fn name(record: &Record) -> Cow<'static, str> {
    let method = method(record).unwrap_or("HTTP");
    match &record.route {
        Some(route) => format!("{method} {route}").into(),
        None => method.into(),
    }
}

fn facts(record: &Record, left_out: usize) -> Vec<(Fact, Value)> {
    let text = |text: &str| Value::Text(text.to_owned().into());
    let has_images = record.found().next().is_some();
    let facts = [
        Some((Fact::Method, Value::Text(method(record).unwrap_or("_OTHER").into()))),
        record.path.as_deref().map(|path| (Fact::Path, text(path))),
        record.route.as_deref().map(|route| (Fact::Route, text(route))),
        Some((Fact::Status, Value::Number(record.status.into()))),
        Some((Fact::RequestId, text(&record.request_id))),
        Some((Fact::ColdStart, Value::Truth(record.cold_start))),
        record.bytes.map(|bytes| (Fact::Bytes, number(bytes))),
        (!record.images.is_empty()).then(|| (Fact::Images, number(record.images.len()))),
        (left_out > 0).then(|| (Fact::LeftOut, number(left_out))),
        has_images.then(|| (Fact::Cached, Value::Truth(record.cache_hits() == record.images.len()))),
    ];
    facts.into_iter().flatten().collect()
}

fn failure(record: &Record) -> Option<Failure> {
    let code = match record.code {
        Some(code) => code,
        None if record.status == GONE => "client_gone",
        None => "_OTHER",
    };
    (record.status >= 400).then_some(Failure { status: record.status, code })
}

fn number(number: usize) -> Value {
    Value::Number(number as u64)
}

fn duration(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

/// No time of this century is too large for it.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests;
