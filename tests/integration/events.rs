//! Events that name objects in S3, with a real S3 server and a Runtime API emulator.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::emulator::{Function, Outcome};
use crate::process::binary;
use crate::store::{Fault, StandIn, Store};
use crate::{fixture, repository};

/// The photo in the samples in `events/`.
const PHOTO: &str = "cups/espresso at noon, 1+1.png";

fn sample(name: &str) -> Value {
    let text = std::fs::read_to_string(repository("events").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Returns a sample without versions, because the test buckets have none.
fn event(name: &str) -> String {
    const VERSION: &str = "096fKKXTRTtl3on89fVO.nfljtsv6qko";
    sample(name).to_string().replace(VERSION, "")
}

/// Returns an S3 notification with a record for each key. The keys are already encoded.
fn notification(bucket: &str, keys: &[&str]) -> String {
    let record = |key: &&str| {
        json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": key}}})
    };
    json!({"Records": keys.iter().map(record).collect::<Vec<_>>()}).to_string()
}

/// Returns queue messages with ids from 0 on.
fn queue(name: &str, messages: &[(&str, String)]) -> String {
    let message = |(number, (group, body)): (usize, &(&str, String))| {
        json!({"messageId": number.to_string(), "body": body, "attributes": {"MessageGroupId": group},
            "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{name}")})
    };
    json!({"Records": messages.iter().enumerate().map(message).collect::<Vec<_>>()}).to_string()
}

/// Returns the ids of the failed messages.
#[track_caller]
fn failed(reply: &Value) -> Vec<&str> {
    let failures = reply["batchItemFailures"].as_array().unwrap_or_else(|| panic!("{reply}"));
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
}

#[track_caller]
fn error(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::FunctionError(error) => {
            let text = |name: &str| error[name].as_str().unwrap().to_owned();
            (text("errorType"), text("errorMessage"))
        }
        Outcome::Response(reply) => panic!("it was answered: {reply}"),
    }
}

/// Returns the result of an object in the bucket `photos`.
#[track_caller]
fn result(store: &Store, key: &str) -> Value {
    let bytes = store.get("results", &format!("labels/photos/{key}.json"));
    serde_json::from_slice(&bytes.unwrap_or_else(|| panic!("{key} has no result"))).unwrap()
}

#[test]
fn an_event_that_nobody_waits_for_leaves_its_answer_beside_the_photos_name() {
    let store = Store::moto();
    store.put("photos", PHOTO, &fixture("coffee.png"));
    let function = Function::start_with(&mut store.function());
    for (name, expected) in [
        ("s3.json", json!({"answered": 1, "skipped": 1})),
        ("eventbridge.json", json!({"answered": 1, "skipped": 0})),
        ("sns.json", json!({"answered": 1, "skipped": 0})),
        (
            "sqs.json",
            json!({"batchItemFailures": [{"itemIdentifier": "059f36b4-87a3-44ab-83d2-661970000005"}]}),
        ),
        ("s3-test.json", json!({"warm": true})),
    ] {
        assert_eq!(function.invoke(&event(name)).response(), expected, "{name}");
    }
    let answer = result(&store, PHOTO);
    assert_eq!(answer["predictions"][0]["label"], "espresso");
    assert_eq!(answer["image"], json!({"format": "png", "width": 600, "height": 400}));
    assert_eq!(answer["s3"], json!({"bucket": "photos", "key": PHOTO}));
    let names: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(names, ["image", "model", "predictions", "s3"]);
    assert_eq!(store.keys("results").len(), 1);
    let log = function.process.log_with("skipped", 1);
    assert!(log.contains("ObjectRemoved:Delete"), "{log}");
}

#[test]
fn doing_it_twice_gives_the_same_bytes() {
    let store = Store::moto();
    store.put("photos", "a.png", &fixture("coffee.png"));
    store.put("photos", "b.png", b"<html>");
    let event = notification("photos", &["a.png", "b.png"]);
    let results =
        || ["a.png", "b.png"].map(|key| store.get("results", &format!("labels/photos/{key}.json")).unwrap());
    let first = {
        Function::start_with(&mut store.function()).invoke(&event).response();
        results()
    };
    // Once from a newly started function, and once from one with everything in its cache.
    let function = Function::start_with(&mut store.function());
    for _ in 0..2 {
        function.invoke(&event).response();
        assert_eq!(results(), first);
    }
}

#[test]
fn every_object_of_a_queue_has_one_result_whatever_it_is() {
    let store = Store::moto();
    let truncated = &fixture("coffee.jpg")[..5000];
    let long = format!("{}/{}.jpg", "folder".repeat(60), "x".repeat(500));
    let long_encoded = long.clone();
    let objects: [(&str, &str, &[u8], Option<&str>); 7] = [
        ("a+b.jpg", "a b.jpg", &fixture("coffee.jpg"), None),
        ("1%2B1%3D2%25%26.jpg", "1+1=2%&.jpg", &fixture("coffee.jpg"), None),
        ("%F0%9F%90%B1/%C3%A9.jpg", "🐱/é.jpg", &fixture("chelsea.png"), None),
        (&long_encoded, &long, &fixture("coffee.jpg"), None),
        ("broken.jpg", "broken.jpg", truncated, Some("truncated_image")),
        ("notes.txt", "notes.txt", b"not a picture", Some("unsupported_format")),
        ("empty.jpg", "empty.jpg", b"", Some("empty_body")),
    ];
    for (_, key, bytes, _) in &objects {
        store.put("photos", key, bytes);
    }
    let mut messages: Vec<(&str, String)> =
        objects.iter().map(|(encoded, ..)| ("", notification("photos", &[encoded]))).collect();
    messages.push(("", notification("photos", &["gone.jpg"])));
    messages.push(("", notification("secrets", &["a.jpg"])));
    messages.push(("", "{}".to_owned()));
    let function = Function::start_with(&mut store.function());
    let reply = function.invoke(&queue("photos", &messages)).response();
    assert_eq!(failed(&reply), ["8", "9"]);
    for (_, key, _, code) in objects {
        let answer = result(&store, key);
        assert_eq!(answer["s3"]["key"], key);
        assert_eq!(answer["code"].as_str(), code, "{answer}");
        assert_eq!(answer["predictions"].is_array(), code.is_none(), "{answer}");
    }
    assert_eq!(result(&store, "gone.jpg")["code"], "object_not_found");
    assert_eq!(store.keys("results").len(), 8);
}

#[test]
fn a_result_is_never_read() {
    let store = Store::moto();
    store.put("photos", "a.png", &fixture("coffee.png"));
    store.put("photos", "labels/photos/a.png.json", b"{}");
    let function = Function::start_with(store.function().env("RESULTS", "s3://photos/labels"));
    let event = notification("photos", &["a.png", "labels/photos/a.png.json"]);
    assert_eq!(function.invoke(&event).response(), json!({"answered": 1, "skipped": 1}));
    assert_eq!(store.keys("photos"), ["a.png", "labels/photos/a.png.json"]);
    let items = json!({"Items": ["labels/photos/a.png.json"], "BatchInput": {"bucket": "photos"}});
    let skipped = &function.invoke(&items.to_string()).response()[0];
    assert!(skipped["skipped"].as_str().unwrap().contains("RESULTS"), "{skipped}");
}

#[test]
fn a_map_gets_a_list_in_the_order_of_its_items() {
    let store = Store::moto();
    store.put("photos", PHOTO, &fixture("coffee.png"));
    store.put("photos", "cups/notes.txt", b"not a picture");
    let function = Function::start_with(&mut store.function());
    let answers = function.invoke(&event("distributed-map.json")).response();
    let [photo, text] = &answers.as_array().unwrap()[..] else { panic!("{answers}") };
    assert_eq!(photo["predictions"].as_array().unwrap().len(), 1, "{photo}");
    assert_eq!(photo["predictions"][0]["label"], "espresso");
    assert_eq!((&text["status"], &text["code"]), (&json!(415), &json!("unsupported_format")));
    assert_eq!(text["s3"], json!({"bucket": "photos", "key": "cups/notes.txt"}));
    let answer = function.invoke(&event("distributed-map-item.json")).response();
    assert_eq!(answer["predictions"].as_array().unwrap().len(), 3, "{answer}");
    // Answers that the service receives are not also written to S3.
    assert!(store.keys("results").is_empty());

    let items = |input: Value| json!({"Items": [PHOTO], "BatchInput": input}).to_string();
    // A refusal is in its place, too, so that the rest of its batch is not lost.
    for (input, status, code) in [
        (json!({"bucket": "secrets"}), 403, "bucket_not_allowed"),
        (json!({"bucket": ""}), 403, "bucket_not_allowed"),
        (json!({"bucket": "photos", "top_k": 0}), 400, "invalid_parameter"),
        (json!({}), 400, "invalid_event"),
    ] {
        let answer = &function.invoke(&items(input)).response()[0];
        assert_eq!((&answer["status"], &answer["code"]), (&json!(status), &json!(code)), "{answer}");
    }
}

#[test]
fn a_task_of_batch_operations_has_its_result() {
    let store = Store::moto();
    store.put("photos", PHOTO, &fixture("coffee.png"));
    let function = Function::start_with(&mut store.function());
    for (name, labels) in [("batch-operations-1.json", 3), ("batch-operations-2.json", 1)] {
        let sent = sample(name);
        let reply = function.invoke(&event(name)).response();
        assert_eq!(reply["invocationId"], sent["invocationId"]);
        assert_eq!(reply["invocationSchemaVersion"], sent["invocationSchemaVersion"]);
        let result = &reply["results"][0];
        assert_eq!(result["taskId"], sent["tasks"][0]["taskId"]);
        assert_eq!(result["resultCode"], "Succeeded", "{reply}");
        let text = result["resultString"].as_str().unwrap();
        assert!(text.len() <= 1024, "{text}");
        let answer: Value = serde_json::from_str(text).unwrap();
        assert_eq!(answer["predictions"][0]["label"], "espresso");
        assert_eq!(answer["predictions"].as_array().unwrap().len(), labels, "{answer}");
    }
    let task = |bucket: &str, key: &str| {
        let event = json!({"invocationSchemaVersion": "2.0", "invocationId": "i",
            "tasks": [{"taskId": "t", "s3Key": key, "s3Bucket": bucket}]});
        function.invoke(&event.to_string()).response()["results"][0].clone()
    };
    let gone = task("photos", "gone.jpg");
    assert_eq!(gone["resultCode"], "Succeeded");
    assert!(gone["resultString"].as_str().unwrap().contains("object_not_found"), "{gone}");
    assert_eq!(task("secrets", "a.jpg")["resultCode"], "PermanentFailure");
}

#[test]
fn what_may_pass_is_tried_again_and_only_that() {
    let stand_in = StandIn::start();
    let store = &stand_in.store;
    for key in ["a.jpg", "b.jpg", "c.jpg"] {
        store.put("photos", key, &fixture("coffee.jpg"));
    }
    stand_in.set_fault("photos", "b.jpg", Some(Fault::Status(500)));
    stand_in.set_fault("results", "labels/photos/c.jpg.json", Some(Fault::Status(503)));
    let function = Function::start_with(&mut store.function());
    let messages = ["a.jpg", "b.jpg", "c.jpg"].map(|key| ("", notification("photos", &[key])));
    let reply = function.invoke(&queue("photos", &messages)).response();
    assert_eq!(failed(&reply), ["1", "2"]);
    assert!(store.get("results", "labels/photos/a.jpg.json").is_some());
    // The log has the reason: the storage's answer, also for a result that cannot be written.
    let log = function.process.log_with("a result cannot be written", 1);
    let line = log.lines().find(|line| line.contains("a result cannot be written")).unwrap();
    assert!(line.contains("labels/photos/c.jpg.json") && line.contains("503"), "{line}");

    let (kind, message) = error(function.invoke(&notification("photos", &["a.jpg", "b.jpg"])));
    assert!(kind == "TryAgain" && message.contains("s3://photos/b.jpg"), "{kind}: {message}");
    let items = json!({"Items": ["a.jpg", "b.jpg"], "BatchInput": {"bucket": "photos"}}).to_string();
    assert_eq!(error(function.invoke(&items)).0, "TryAgain");
    let task = json!({"invocationSchemaVersion": "2.0", "invocationId": "i",
        "tasks": [{"taskId": "t", "s3Key": "b.jpg", "s3Bucket": "photos"}]});
    let reply = function.invoke(&task.to_string()).response();
    assert_eq!(reply["results"][0]["resultCode"], "TemporaryFailure");

    stand_in.set_fault("photos", "b.jpg", None);
    stand_in.set_fault("results", "labels/photos/c.jpg.json", None);
    let again = function.invoke(&queue("photos", &messages[1..])).response();
    assert!(failed(&again).is_empty());
    for key in ["a.jpg", "b.jpg", "c.jpg"] {
        assert_eq!(result(store, key)["predictions"][0]["label"], "espresso");
    }
}

#[test]
fn in_a_fifo_queue_the_rest_of_a_group_waits_for_the_message_that_failed() {
    let stand_in = StandIn::start();
    for key in ["a0.jpg", "a1.jpg", "a2.jpg", "b1.jpg", "b2.jpg"] {
        stand_in.store.put("photos", key, &fixture("coffee.jpg"));
    }
    stand_in.set_fault("photos", "a0.jpg", Some(Fault::Status(403)));
    let function = Function::start_with(&mut stand_in.store.function());
    let messages = [
        ("a", notification("photos", &["a0.jpg"])),
        // A refusal is permanent, so the group does not wait for it.
        ("b", "somebody else's".to_owned()),
        ("b", notification("photos", &["b1.jpg"])),
        ("a", notification("photos", &["a1.jpg"])),
        ("b", notification("photos", &["b2.jpg"])),
        ("a", notification("photos", &["a2.jpg"])),
    ];
    let reply = function.invoke(&queue("photos.fifo", &messages)).response();
    assert_eq!(failed(&reply), ["0", "1", "3", "5"]);
    assert!(stand_in.store.get("results", "labels/photos/a1.jpg.json").is_none());
    assert!(stand_in.store.get("results", "labels/photos/b2.jpg.json").is_some());
    // In a standard queue, a group does not imply an order.
    let reply = function.invoke(&queue("photos", &messages)).response();
    assert_eq!(failed(&reply), ["0", "1"]);
}

#[test]
fn what_is_not_done_in_time_comes_again() {
    let stand_in = StandIn::start();
    for key in ["quick.jpg", "stuck.jpg"] {
        stand_in.store.put("photos", key, &fixture("coffee.jpg"));
    }
    stand_in.set_fault("photos", "stuck.jpg", Some(Fault::Silence));
    let function = Function::start_with(&mut stand_in.store.function());
    function.set_time(Duration::from_secs(3));
    let start = Instant::now();
    let messages = ["stuck.jpg", "quick.jpg", "stuck.jpg"].map(|key| ("", notification("photos", &[key])));
    let reply = function.invoke(&queue("photos", &messages)).response();
    assert_eq!(failed(&reply), ["0", "2"]);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let (kind, message) = error(function.invoke(&notification("photos", &["stuck.jpg"])));
    assert!(kind == "TryAgain" && message.contains("time"), "{kind}: {message}");
}

#[test]
fn objects_are_read_while_others_are_worked_on_but_not_all_at_once() {
    let stand_in = StandIn::start();
    stand_in.store.put("photos", "a.jpg", &fixture("coffee.jpg"));
    stand_in.set_delay(Duration::from_millis(100));
    let function = Function::start_with(stand_in.store.function().env("MAX_CONCURRENCY", "3"));
    let items = json!({"Items": vec!["a.jpg"; 20], "BatchInput": {"bucket": "photos"}}).to_string();
    let answers = function.invoke(&items).response();
    assert_eq!(answers.as_array().unwrap().len(), 20);
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["predictions"].is_array()), "{answers}");
    assert_eq!(stand_in.most_at_a_time(), 3);
}

#[test]
fn without_a_place_for_results_the_error_says_how_to_name_one() {
    let store = StandIn::start().store;
    let function = Function::start_with(store.function().env_remove("RESULTS"));
    for name in ["s3.json", "sqs.json", "eventbridge.json"] {
        let (kind, message) = error(function.invoke(&event(name)));
        assert!(kind == "MissingSetting" && message.contains("RESULTS"), "{name}: {kind}: {message}");
    }
    assert_eq!(function.invoke(&event("s3-test.json")).response(), json!({"warm": true}));
}

#[test]
fn without_buckets_the_error_names_the_service_and_the_setting() {
    let function = Function::start_with(&mut binary());
    for (name, service) in [
        ("s3.json", "Amazon S3"),
        ("s3-test.json", "Amazon S3"),
        ("eventbridge.json", "Amazon S3"),
        ("sqs.json", "Amazon SQS"),
        ("sns.json", "Amazon SNS"),
        ("batch-operations-1.json", "Amazon S3 Batch Operations"),
        ("distributed-map.json", "AWS Step Functions"),
        ("distributed-map-item.json", "AWS Step Functions"),
    ] {
        let (kind, message) = error(function.invoke(&event(name)));
        assert_eq!(kind, "InvalidEvent");
        assert!(message.contains(service) && message.contains("S3_BUCKETS"), "{name}: {message}");
    }
}
