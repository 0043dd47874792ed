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
    let timing = Timing { decode: 5.0, preprocess: 1.0, inference: 3.0, total: 10.0, began: Some(at(31)) };
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
    assert_eq!((tree.root.children.len(), tree.root.children[0].name.as_ref(), tree.size), (1, "queue", 2));
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
