//! Traces under Lambda: the datagrams that go to the X-Ray daemon.

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::emulator::Function;
use crate::fixture;
use crate::process::binary;
use crate::storage::{Reply, Storage};

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
const SAMPLED: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0";

/// A stand-in for the daemon.
struct Daemon(UdpSocket);

impl Daemon {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Datagrams sent before the answer have arrived when the answer has.
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// Returns the documents that have arrived.
    fn documents(&self) -> Vec<Value> {
        let mut buffer = vec![0; 1 << 16];
        let datagrams = std::iter::from_fn(|| {
            let length = self.0.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
        });
        let document = |datagram: String| {
            let (header, document) = datagram.split_once('\n').unwrap();
            assert_eq!(header, "{\"format\": \"json\", \"version\": 1}");
            assert!(document.len() <= 64_000, "{}", document.len());
            serde_json::from_str(document).unwrap()
        };
        datagrams.map(document).collect()
    }

    #[track_caller]
    fn document(&self) -> Value {
        let mut documents = self.documents();
        assert_eq!(documents.len(), 1, "{documents:?}");
        documents.remove(0)
    }
}

fn function(address: &str) -> Function {
    function_with(&mut binary(), address)
}

fn function_with(command: &mut Command, address: &str) -> Function {
    let function = Function::start_with(command.env("AWS_XRAY_DAEMON_ADDRESS", address));
    function.set_trace(SAMPLED);
    function
}

fn http_event(path: &str, body: &[u8]) -> String {
    json!({
        "version": "2.0", "rawPath": path, "isBase64Encoded": true, "body": BASE64_STANDARD.encode(body),
        "headers": {"x-amzn-trace-id": "Root=1-00000001-000000000000000000000001;Parent=0000000000000001;Sampled=1"},
        "requestContext": {"http": {"method": "POST"}},
    })
    .to_string()
}

fn parts(document: &Value) -> Vec<&Value> {
    document["subsegments"].as_array().into_iter().flatten().collect()
}

fn names(document: &Value) -> Vec<&str> {
    parts(document).iter().map(|part| part["name"].as_str().unwrap()).collect()
}

/// Asserts that a document and all its parts have a name, times, and their own id, and that parts lie within
/// the whole.
fn assert_valid(document: &Value, ids: &mut Vec<String>) {
    let id = document["id"].as_str().unwrap();
    assert!(id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    assert!(!ids.contains(&id.to_owned()), "{id}");
    ids.push(id.to_owned());
    let name = document["name"].as_str().unwrap();
    assert!(name.chars().all(|sign| sign.is_alphanumeric() || " _.:/%&#=+\\-@".contains(sign)), "{name}");
    let time = |of: &Value, name: &str| of[name].as_f64().unwrap();
    assert!(time(document, "start_time") <= time(document, "end_time"), "{document}");
    for part in parts(document) {
        assert!(time(document, "start_time") <= time(part, "start_time"), "{document}");
        assert!(time(part, "end_time") <= time(document, "end_time"), "{document}");
        assert_valid(part, ids);
    }
}

#[test]
fn a_sampled_invocation_has_a_subsegment_that_arrives_before_the_answer() {
    let daemon = Daemon::start();
    let function = function(&daemon.address());
    let answer = function.invoke(&http_event("/classify", &fixture("coffee.jpg"))).response();
    let document = daemon.document();
    for (name, expected) in [
        ("type", json!("subsegment")),
        ("trace_id", json!("1-5759e988-bd862e3fe1be46a994272793")),
        ("parent_id", json!("53995c3f42cd8ad8")),
        ("name", json!("POST /classify")),
        ("http", json!({"request": {"method": "POST", "url": "/classify"}, "response": {"status": 200}})),
        ("error", Value::Null),
        ("fault", Value::Null),
    ] {
        assert_eq!(document[name], expected, "{name} in {document}");
    }
    assert_valid(&document, &mut Vec::new());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - document["end_time"].as_f64().unwrap();
    assert!((0.0..60.0).contains(&age), "{age}");
    let annotations = &document["annotations"];
    assert_eq!(annotations["request_id"], answer["headers"]["x-request-id"]);
    assert_eq!((&annotations["cold_start"], &annotations["cached"]), (&json!(true), &json!(false)));
    assert_eq!(names(&document), ["body", "queue", "image"]);
    let image = parts(&document)[2];
    assert_eq!(
        image["annotations"],
        json!({"index": 0, "format": "jpeg", "width": 300, "height": 200, "cached": false})
    );
    assert_eq!(names(image), ["decode", "preprocess", "inference"]);

    function.invoke(&http_event("/classify", &fixture("coffee.jpg")));
    let again = daemon.document();
    assert_eq!((&again["annotations"]["cached"], names(parts(&again)[2]).len()), (&json!(true), 0));
}

#[test]
fn what_is_not_sampled_or_has_no_parent_is_not_sent() {
    let daemon = Daemon::start();
    let function = function(&daemon.address());
    for trace in [
        format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=0"),
        format!("{ROOT};Parent=53995c3f42cd8ad8"),
        format!("{ROOT};Sampled=1"),
        ROOT.to_owned(),
        String::new(),
    ] {
        function.set_trace(&trace);
        function.invoke(&http_event("/classify", &fixture("coffee.jpg"))).response();
        assert_eq!(daemon.documents(), [Value::Null; 0], "{trace}");
    }
    function.set_trace(SAMPLED);
    function.invoke(&http_event("/classify", &fixture("coffee.jpg"))).response();
    daemon.document();
    // A ping runs nothing.
    function.invoke("{}");
    assert_eq!(daemon.documents(), [Value::Null; 0]);
}

#[test]
fn an_error_of_the_caller_is_an_error_and_one_of_the_service_a_fault() {
    let photos = Storage::start(|_, _| Reply::error(403, "AccessDenied"));
    let daemon = Daemon::start();
    let function = function_with(&mut crate::storage::with_storage(&photos.address), &daemon.address());
    function.invoke(&json!({"image": BASE64_STANDARD.encode(&fixture("coffee.jpg")[..5000])}).to_string());
    let refused = daemon.document();
    assert_eq!((&refused["error"], &refused["fault"]), (&json!(true), &Value::Null));
    assert_eq!(refused["annotations"]["code"], "truncated_image");
    let image = parts(&refused)[2];
    assert_eq!((&image["error"], &image["annotations"]["code"]), (&json!(true), &json!("truncated_image")));
    function.invoke(&json!({"s3": {"bucket": "photos", "key": "a"}}).to_string());
    let faulty = daemon.document();
    assert_eq!((&faulty["fault"], &faulty["error"]), (&json!(true), &Value::Null));
    assert_eq!(
        (&faulty["annotations"]["code"], &faulty["http"]["response"]["status"]),
        (&json!("storage_denied"), &json!(502))
    );
    assert!(names(&faulty).contains(&"storage"), "{faulty}");
}

#[test]
fn a_request_with_very_many_images_fits_into_a_datagram() {
    let daemon = Daemon::start();
    let function =
        function_with(binary().env("MAX_IMAGES", "1024").env("CACHE_ENTRIES", "0"), &daemon.address());
    let image = BASE64_STANDARD.encode(fixture("coffee.jpg"));
    let event = json!({"images": vec![image; 100]}).to_string();
    function.invoke(&event).response();
    let document = daemon.document();
    assert_valid(&document, &mut Vec::new());
    let images = names(&document).iter().filter(|name| **name == "image").count();
    let left_out = document["annotations"]["left_out"].as_u64().unwrap() as usize;
    assert!(images >= 40 && images + left_out == 100, "{images} {left_out}");
}

#[test]
fn a_daemon_that_is_not_there_or_has_no_address_harms_nothing() {
    for (address, warning) in [
        ("127.0.0.1:9", ""),
        ("", ""),
        ("somewhere", "AWS_XRAY_DAEMON_ADDRESS should be an address"),
        ("127.0.0.1", "AWS_XRAY_DAEMON_ADDRESS should be an address"),
        // An address to which nothing can be sent.
        ("127.0.0.1:0", "spans do not arrive"),
    ] {
        let function = function(address);
        for _ in 0..3 {
            let answer = function.invoke(&http_event("/classify", &fixture("coffee.jpg"))).response();
            assert_eq!(answer["statusCode"], 200);
        }
        let log = function.process.log_with("status=200", 3);
        let warnings = log.matches("WARN").count();
        assert_eq!(warnings, usize::from(!warning.is_empty()), "{address}: {log}");
        assert!(log.contains(warning), "{address}: {log}");
    }
    let daemon = Daemon::start();
    let both = format!("tcp:127.0.0.1:9 udp:{}", daemon.address());
    function(&both).invoke(&http_event("/classify", &fixture("coffee.jpg"))).response();
    daemon.document();
}

#[test]
fn a_function_sends_nothing_to_a_collector() {
    let collector = Storage::start(|_, _| Reply::object(b"{}"));
    let mut command = binary();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address).env("OTEL_BSP_SCHEDULE_DELAY", "1");
    let function = Function::start_with(&mut command);
    function.set_trace(SAMPLED);
    function.invoke(&http_event("/classify", &fixture("coffee.jpg"))).response();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(collector.asked().len(), 0);
    // Lambda's log has the id only in X-Ray's own form.
    let log = function.process.log_with("xray_trace_id", 1);
    assert!(!log.contains(" trace_id="), "{log}");
}
