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
pub(super) mod tests {
    use super::*;
    use crate::telemetry::parent::Parent;
    use crate::telemetry::record::{Found, Refusal};

    /// The caller's span of all examples.
    pub(crate) fn caller() -> Parent {
        Parent::of_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap()
    }

    /// An image that was looked at from 30 to 40 ms after `start`.
    fn image(start: Instant) -> Image {
        let at = |ms| start + Duration::from_millis(ms);
        let timing =
            Timing { decode: 5.0, preprocess: 1.0, inference: 3.0, total: 10.0, began: Some(at(31)) };
        let best = Some(("espresso".to_owned(), 0.9));
        let found = Found { format: "jpeg", width: 300, height: 200, best, cached: false, timing };
        Image { file_name: Some("private.jpg".to_owned()), outcome: Ok(found), start: at(30), ms: 10.0 }
    }

    /// A request of 50 ms with one image.
    pub(crate) fn record() -> Record {
        let start = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let at = |ms| start + Duration::from_millis(ms);
        Record {
            request_id: "an-id".into(),
            method: Some("POST".to_owned()),
            path: Some("/classify".to_owned()),
            route: Some("/classify".to_owned()),
            status: 200,
            bytes: Some(1000),
            start: Some(start),
            stages: vec![(Stage::Queue, at(25), 4.0), (Stage::Body, at(1), 20.0)],
            images: vec![image(start)],
            total_ms: 50.0,
            ..Record::default()
        }
    }

    /// The spans of a request, within the caller's.
    pub(crate) fn tree(record: &Record) -> Tree {
        Tree::new(record, caller().trace_id, Some(caller().span_id)).unwrap()
    }

    /// Name, start and end in milliseconds from the beginning of the request.
    fn times(tree: &Tree, span: &Span) -> (String, u64, u64) {
        let ms = |time: u64| (time - tree.root.start) / 1_000_000;
        (span.name.to_string(), ms(span.start), ms(span.end))
    }

    #[test]
    fn spans_lie_where_the_time_was_spent_in_the_order_of_their_start() {
        let tree = tree(&record());
        assert_eq!((times(&tree, &tree.root), tree.size), (("POST /classify".to_owned(), 0, 50), 7));
        let parts: Vec<_> = tree.root.children.iter().map(|span| times(&tree, span)).collect();
        assert_eq!(parts, [("body".into(), 1, 21), ("queue".into(), 25, 29), ("image".into(), 30, 40)]);
        let steps: Vec<_> = tree.root.children[2].children.iter().map(|span| times(&tree, span)).collect();
        assert_eq!(
            steps,
            [("decode".into(), 31, 36), ("preprocess".into(), 36, 37), ("inference".into(), 37, 40)]
        );
        let now = nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap());
        let age = Duration::from_nanos(now - tree.root.start);
        assert!((1.0..2.0).contains(&age.as_secs_f64()), "{age:?}");
    }

    #[test]
    fn no_span_leaves_the_one_that_holds_it() {
        let mut record = record();
        record.total_ms = 38.0;
        record.stages[0].1 = record.start.unwrap().checked_sub(Duration::from_millis(5)).unwrap();
        let tree = tree(&record);
        let parts: Vec<_> = tree.root.children.iter().map(|span| times(&tree, span)).collect();
        assert_eq!(parts, [("queue".into(), 0, 4), ("body".into(), 1, 21), ("image".into(), 30, 38)]);
        let inference = &tree.root.children[2].children[2];
        assert_eq!(times(&tree, inference), ("inference".into(), 37, 38));
    }

    #[test]
    fn what_failed_says_why() {
        let mut record = record();
        record.images[0].outcome = Err(Refusal { status: 422, code: "truncated_image", cause: None });
        record.status = GONE;
        let tree = tree(&record);
        assert_eq!(tree.root.failure, Some(Failure { status: GONE, code: "client_gone" }));
        let image = &tree.root.children[2];
        assert_eq!(image.failure, Some(Failure { status: 422, code: "truncated_image" }));
        assert!(image.children.is_empty());
    }

    #[test]
    fn a_request_without_a_body_waits_for_none() {
        let mut record = record();
        (record.bytes, record.images) = (Some(0), Vec::new());
        let tree = tree(&record);
        assert_eq!(
            (tree.root.children.len(), tree.root.children[0].name.as_ref(), tree.size),
            (1, "queue", 2)
        );
    }

    #[test]
    fn images_beyond_the_limit_are_counted() {
        let mut record = record();
        record.images = vec![record.images[0].clone(); 1024];
        let tree = tree(&record);
        // The request and its two stages, and 49 images of four spans.
        assert_eq!((tree.size, tree.root.children.len()), (199, 2 + 49));
        assert!(tree.root.facts.contains(&(Fact::LeftOut, Value::Number(1024 - 49))));
    }
}
