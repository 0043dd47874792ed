//! Tests every event format with the samples in `events/`, and unusual variants of them.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::lambda::envelope::Envelope;

/// Summarizes an event: one line per job, then the options.
fn told(payload: &str) -> String {
    let envelope: Envelope<'_> = serde_json::from_str(payload).unwrap();
    let Some(sender) = Sender::of(&envelope) else { return "of nobody".into() };
    match sender.work(payload.as_bytes()) {
        Err(error) => format!("{}: {}", error.error_type, error.error_message),
        Ok(Work { jobs, options, .. }) => {
            let options = options.iter().map(|(name, value)| format!("{name}={value}"));
            jobs.iter().map(line).chain(options).collect::<Vec<_>>().join("\n")
        }
    }
}

fn line(Job { id, group, notices }: &Job) -> String {
    let notices = match notices {
        Err(_) => "a fault".to_owned(),
        Ok(notices) => notices.iter().map(notice).collect::<Vec<_>>().join(", "),
    };
    let group = group.as_ref().map(|group| format!(" of {group}")).unwrap_or_default();
    // The ids in the samples are long, so only the end is shown.
    let id = id.get(id.len().saturating_sub(4)..).unwrap_or(id);
    format!("{id}{group}: {notices}")
}

fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Object(Location { bucket, key, version_id: None }) => format!("{bucket} | {key}"),
        Notice::Object(Location { bucket, key, version_id: Some(version) }) => {
            format!("{bucket} | {key} | {version}")
        }
        Notice::Other(what) => format!("no object: {what}"),
    }
}

fn sample(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("events").join(name)).unwrap()
}

#[test]
fn the_samples_are_read() {
    const PHOTO: &str = "photos | cups/espresso at noon, 1+1.png";
    const VERSION: &str = "096fKKXTRTtl3on89fVO.nfljtsv6qko";
    for (name, expected) in [
        ("s3.json", format!(": {PHOTO} | {VERSION}\n: no object: ObjectRemoved:Delete")),
        ("s3-test.json", String::new()),
        ("eventbridge.json", format!(": {PHOTO} | {VERSION}")),
        ("sns.json", format!(": {PHOTO} | {VERSION}")),
        (
            "sqs.json",
            format!(
                "0001: {PHOTO} | {VERSION}\n0002: {PHOTO} | {VERSION}\n0003: {PHOTO} | {VERSION}\n0004: \n0005: a fault"
            ),
        ),
        (
            "sqs-fifo.json",
            format!(
                "0001 of a: a fault\n0002 of a: photos | a/2.png | {VERSION}\n0003 of b: photos | b/3.png | {VERSION}"
            ),
        ),
        ("batch-operations-1.json", format!("cmUK: {PHOTO}")),
        ("batch-operations-2.json", format!("cmUK: {PHOTO}\ntop_k=1")),
        ("distributed-map.json", format!(": {PHOTO}\n: photos | cups/notes.txt\ntop_k=1")),
        ("distributed-map-item.json", format!(": {PHOTO}")),
        ("direct.json", "of nobody".to_owned()),
        ("http-api.json", "of nobody".to_owned()),
    ] {
        assert_eq!(told(&sample(name)), expected, "{name}");
    }
}

#[test]
fn only_events_of_objects_that_can_be_read_are_served() {
    let record = |name: &str| {
        told(
            &json!({"Records": [{"eventSource": "aws:s3", "eventName": name,
                "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]})
            .to_string(),
        )
    };
    for name in [
        "ObjectCreated:Copy",
        "ObjectCreated:CompleteMultipartUpload",
        "s3:ObjectCreated:Put",
        "ObjectRestore:Completed",
    ] {
        assert_eq!(record(name), ": b | k", "{name}");
    }
    for name in [
        "ObjectRestore:Post",
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectTagging:Put",
        "LifecycleTransition",
    ] {
        assert_eq!(record(name), format!(": no object: {name}"));
    }
    let detail = |kind: &str| {
        told(
            &json!({"source": "aws.s3", "detail-type": kind,
                "detail": {"bucket": {"name": "b"}, "object": {"key": "a+b%20c"}}})
            .to_string(),
        )
    };
    assert_eq!(detail("Object Created"), ": b | a+b%20c");
    assert_eq!(detail("Object Restore Completed"), ": b | a+b%20c");
    assert_eq!(detail("Object Deleted"), ": no object: Object Deleted");
}

#[test]
fn items_may_have_many_forms() {
    let batch = |items: Value, input: Value| told(&json!({"Items": items, "BatchInput": input}).to_string());
    let bucket = || json!({"bucket": "b"});
    for (items, input, expected) in [
        (json!([]), bucket(), ""),
        (json!(["a+b.jpg", "s3://cups/d e.jpg"]), bucket(), ": b | a+b.jpg\n: cups | d e.jpg"),
        (json!([{"Key": "k", "Bucket": "c"}]), bucket(), ": c | k"),
        (json!([{"Key": "k", "VersionId": "v"}]), json!({"Bucket": "b"}), ": b | k | v"),
        (json!([{"key": "k", "version_id": ""}]), bucket(), ": b | k"),
        (json!([{"Key": "a+b%2B.jpg"}]), json!({"bucket": "b", "url_encoded_keys": true}), ": b | a b+.jpg"),
        (json!(["a+b"]), json!({"bucket": "b", "url_encoded_keys": "true"}), ": b | a b"),
        (
            json!(["k", {"Size": 1}, 7, null, {"Key": 7}]),
            bucket(),
            ": b | k\n: a fault\n: a fault\n: a fault\n: a fault",
        ),
        (json!(["k"]), json!({"bucket": "b", "explain": true}), ": b | k\nexplain=true"),
        (json!([{"Key": "k", "IsDeleteMarker": ""}]), bucket(), ": b | k"),
        (json!([{"Key": "k", "IsDeleteMarker": "TRUE"}]), bucket(), ": no object: delete marker"),
        (json!([{"Key": "k", "IsDeleteMarker": false}]), bucket(), ": b | k"),
        (json!([{"Key": "k"}, "s3://"]), json!({}), ": a fault\n: a fault"),
        (
            json!(["k"]),
            json!({"bucket": "b", "top_k": 5, "min_score": "0.1", "level": "basic", "other": 1, "function_to_apply": null}),
            ": b | k\nlevel=basic\nmin_score=0.1\ntop_k=5",
        ),
    ] {
        assert_eq!(batch(items.clone(), input), expected, "{items}");
    }
    assert_eq!(told(r#"{"key": "k", "bucket": "b", "top_k": 2}"#), ": b | k\ntop_k=2");
}

#[test]
fn what_a_service_would_not_send_is_refused_by_its_name() {
    for (event, expected) in [
        (json!({"Items": [], "BatchInput": {"url_encoded_keys": "maybe"}}), "url_encoded_keys"),
        (json!({"Items": "k"}), "Step Functions"),
        (json!({"Key": 7}), "Step Functions"),
        (json!({"Records": [{"eventSource": "aws:s3"}]}), "Amazon S3"),
        (
            json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {}}]}),
            "bucket",
        ),
        (json!({"source": "aws.s3", "detail-type": "Object Created"}), "bucket"),
        (json!({"Records": [{"eventSource": "aws:sqs", "body": "x"}]}), "messageId"),
        (json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "x"}}]}), "Amazon SNS"),
        (json!({"invocationSchemaVersion": "1.0", "tasks": []}), "invocationId"),
    ] {
        let told = told(&event.to_string());
        assert!(told.starts_with("InvalidEvent: ") && told.contains(expected), "{event} gave {told}");
    }
}

#[test]
fn a_message_may_be_wrapped_once() {
    let event = sample("eventbridge.json");
    let wrapped = json!({"Type": "Notification", "Message": event}).to_string();
    let twice = json!({"Type": "Notification", "Message": wrapped}).to_string();
    assert_eq!(notification::notices(wrapped.as_bytes()).unwrap().len(), 1);
    assert!(notification::notices(twice.as_bytes()).is_err());
}

#[test]
fn messages_of_pipes_come_as_a_list() {
    let messages: Value = serde_json::from_str(&sample("sqs.json")).unwrap();
    assert_eq!(told(&messages["Records"].to_string()), told(&messages.to_string()));
}

#[test]
fn groups_count_only_where_the_order_does() {
    let message = |queue: &str| {
        json!({"messageId": "m", "body": "", "attributes": {"MessageGroupId": "g"}, "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{queue}")})
    };
    let event = json!({"Records": [message("photos.fifo"), message("photos")]});
    assert_eq!(told(&event.to_string()), "m of g: a fault\nm: a fault");
}
