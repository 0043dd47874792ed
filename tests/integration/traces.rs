//! Traces of the local server: what it sends to a collector by OTLP over HTTP, and what happens to a request
//! when the collector fails.

use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::Method;

use crate::fixture;
use crate::process::binary;
use crate::server::Server;
use crate::start_up::assert_refused;
use crate::storage::{Asked, Reply, Storage, with_storage};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector that accepts everything.
fn collector() -> Storage {
    Storage::start(|_, _| Reply::object(b"{}"))
}

/// Makes a command send its spans to this address, after a twentieth of a second.
fn traced<'a>(command: &'a mut Command, address: &str) -> &'a mut Command {
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", address).env("OTEL_BSP_SCHEDULE_DELAY", "50")
}

fn document(asked: &Asked) -> Value {
    serde_json::from_slice(&asked.body).unwrap()
}

/// Returns all spans that a collector received.
fn spans(collector: &Storage) -> Vec<Value> {
    let documents = collector.asked();
    let of = |asked: &Asked| {
        document(asked)["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
    };
    documents.iter().flat_map(of).collect()
}

/// Returns the spans that a collector received, once they cover this number of requests.
#[track_caller]
fn spans_of(collector: &Storage, requests: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let spans = spans(collector);
        if spans.iter().filter(|span| span["kind"] == 2).count() >= requests {
            return spans;
        }
        assert!(Instant::now() < deadline, "not {requests} requests in {spans:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let mut found = spans.iter().filter(|span| span["name"] == name);
    let span = found.next().unwrap_or_else(|| panic!("no {name} in {spans:?}"));
    assert!(found.next().is_none(), "several {name} in {spans:?}");
    span
}

/// Returns the value of an attribute, whatever its type.
fn attribute(holder: &Value, key: &str) -> Value {
    let attributes = holder["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(Value::Null, |found| found["value"].as_object().unwrap().values().next().unwrap().clone())
}

/// Returns start and end, in nanoseconds since 1970.
fn times(span: &Value) -> (u64, u64) {
    let time = |name: &str| span[name].as_str().unwrap().parse().unwrap();
    (time("startTimeUnixNano"), time("endTimeUnixNano"))
}

fn duration(span: &Value) -> u64 {
    let (start, end) = times(span);
    end - start
}

#[test]
fn a_request_is_a_tree_of_spans_that_says_where_the_time_went() {
    let collector = collector();
    let server = Server::start_with(
        traced(&mut binary(), &collector.address)
            .env("OTEL_SERVICE_NAME", "photos")
            .env("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b, tier = web,service.name=ignored"),
    );
    let before =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let answer = server.post("/classify?secret=1", "", &fixture("coffee.jpg"));
    let spans = spans_of(&collector, 1);
    let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["POST /classify", "body", "queue", "image", "decode", "preprocess", "inference"],
        "{spans:?}"
    );
    let root = named(&spans, "POST /classify");
    for (child, parent) in [
        ("body", "POST /classify"),
        ("queue", "POST /classify"),
        ("image", "POST /classify"),
        ("decode", "image"),
        ("preprocess", "image"),
        ("inference", "image"),
    ] {
        let (child, parent) = (named(&spans, child), named(&spans, parent));
        assert_eq!((&child["parentSpanId"], &child["kind"]), (&parent["spanId"], &json!(1)), "{child}");
        let ((start, end), (first, last)) = (times(child), times(parent));
        assert!(first <= start && start <= end && end <= last, "{child} in {parent}");
    }
    assert_eq!((&root["kind"], &root["parentSpanId"]), (&json!(2), &Value::Null));
    assert!(before <= times(root).0 && duration(root) < 60_000_000_000, "{root}");
    let parts = ["body", "queue", "image"].map(|name| duration(named(&spans, name)));
    assert!(parts.iter().sum::<u64>() <= duration(root), "{spans:?}");
    let steps = ["decode", "preprocess", "inference"].map(|name| duration(named(&spans, name)));
    assert!(steps.iter().all(|&step| step > 0), "{spans:?}");
    let sum = steps.iter().sum::<u64>();
    // Nothing else takes time in an image.
    assert!(sum <= parts[2] && sum * 2 > parts[2], "{spans:?}");
    // The steps follow one another.
    assert_eq!(times(named(&spans, "decode")).1, times(named(&spans, "preprocess")).0);
    assert_eq!(times(named(&spans, "preprocess")).1, times(named(&spans, "inference")).0);

    for (key, expected) in [
        ("http.request.method", json!("POST")),
        ("http.route", json!("/classify")),
        ("http.response.status_code", json!("200")),
        ("url.path", json!("/classify")),
        ("url.scheme", json!("http")),
        ("image_classifier.request_id", json!(answer.header("x-request-id"))),
        ("image_classifier.cold_start", json!(true)),
        ("image_classifier.cached", json!(false)),
        ("error.type", Value::Null),
    ] {
        assert_eq!(attribute(root, key), expected, "{key} in {root}");
    }
    assert_eq!(attribute(named(&spans, "image"), "image_classifier.format"), "jpeg");
    let asked = &collector.asked()[0];
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/v1/traces"));
    assert_eq!(asked.headers["content-type"], "application/json");
    let resource = &document(asked)["resourceSpans"][0]["resource"];
    for (key, expected) in [("service.name", "photos"), ("team", "a b"), ("tier", "web")] {
        assert_eq!(attribute(resource, key), expected, "{resource}");
    }
    assert_eq!(attribute(resource, "service.version"), env!("CARGO_PKG_VERSION"));
    let text = String::from_utf8_lossy(&asked.body).into_owned();
    // The operator of the collector must not see what a photo shows.
    assert!(!text.contains("secret") && !text.contains("espresso"), "{text}");
    let log = server.process.log_with("status=200", 1);
    assert!(log.contains(&format!("trace_id=\"{}\"", root["traceId"].as_str().unwrap())), "{log}");
}

#[test]
fn an_image_that_is_remembered_has_no_steps() {
    let collector = collector();
    let server = Server::start_with(traced(&mut binary(), &collector.address));
    server.post("/predict", "", &fixture("coffee.jpg"));
    spans_of(&collector, 1);
    server.post("/predict", "", &fixture("coffee.jpg"));
    let spans = &spans_of(&collector, 2)[7..];
    let names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["POST /predict", "body", "queue", "image"]);
    assert_eq!(attribute(&spans[0], "image_classifier.cached"), true);
}

#[test]
fn a_caller_who_traces_gets_the_spans_into_its_trace() {
    let collector = collector();
    let server = Server::start_with(traced(&mut binary(), &collector.address));
    let send = |id: &str, traceparent: &str| {
        let headers = [("traceparent", traceparent), ("x-request-id", id)];
        server.send(Method::GET, "/health", &headers, b"").status
    };
    assert_eq!(send("not-sampled", &format!("00-{TRACE}-{CALLER}-00")), 200);
    assert_eq!(send("sampled", &format!("00-{TRACE}-{CALLER}-01")), 200);
    let spans = spans_of(&collector, 1);
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(attribute(&spans[0], "image_classifier.request_id"), "sampled");
    assert_eq!((&spans[0]["traceId"], &spans[0]["parentSpanId"]), (&json!(TRACE), &json!(CALLER)));
    let log = server.process.log_with(&format!("trace_id=\"{TRACE}\""), 2);
    // An invalid header starts a new trace.
    for bad in ["", "00-0-0-01", "x\" label=\"forged", &format!("00-{}-{CALLER}-01", "0".repeat(32))] {
        let answer = server.send(Method::GET, "/info", &[("traceparent", bad)], b"");
        assert_eq!(answer.status, 200, "{bad} {log}");
    }
    let spans = spans_of(&collector, 5);
    assert!(spans[1..].iter().all(|span| span["traceId"] != TRACE && span["parentSpanId"].is_null()));
    assert!(!server.process.log().contains("forged"));
}

#[test]
fn the_sampler_decides_and_what_is_asked_all_the_time_begins_no_trace() {
    let sampled = format!("00-{TRACE}-{CALLER}-01");
    let not_sampled = format!("00-{TRACE}-{CALLER}-00");
    for (sampler, argument, expected) in [
        ("", "", "none sampled"),
        ("always_on", "", "none sampled not_sampled"),
        ("always_off", "", ""),
        ("parentbased_always_off", "", "sampled"),
        ("traceidratio", "0", ""),
        ("traceidratio", "1.0", "none sampled not_sampled"),
        ("parentbased_traceidratio", "0", "sampled"),
    ] {
        let collector = collector();
        let server = Server::start_with(
            traced(&mut binary(), &collector.address)
                .env("OTEL_TRACES_SAMPLER", sampler)
                .env("OTEL_TRACES_SAMPLER_ARG", argument),
        );
        assert_eq!(server.get("/health").status + server.get("/metrics").status, 400);
        for (id, traceparent) in [("none", ""), ("sampled", &sampled), ("not_sampled", &not_sampled)] {
            let headers = [("x-request-id", id), ("traceparent", traceparent)];
            let headers = if traceparent.is_empty() { &headers[..1] } else { &headers };
            assert_eq!(server.send(Method::GET, "/info", headers, b"").status, 200);
        }
        let mut process = server.process;
        process.signal("TERM");
        assert!(process.wait(Duration::from_secs(10)).unwrap().success());
        let ids = spans(&collector)
            .iter()
            .map(|span| attribute(span, "image_classifier.request_id"))
            .collect::<Vec<_>>();
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str().unwrap()).collect();
        assert_eq!(ids.join(" "), expected, "{sampler} {argument}");
    }
}

#[test]
fn an_error_has_its_code() {
    let collector = collector();
    let server = Server::start_with(traced(&mut binary(), &collector.address));
    let coffee = fixture("coffee.jpg");
    assert_eq!(server.post("/predict", "", &coffee[..5000]).status, 422);
    let spans = spans_of(&collector, 1);
    for name in ["POST /predict", "image"] {
        assert_eq!(attribute(named(&spans, name), "error.type"), "truncated_image", "{name}");
    }
    // It is the caller's fault.
    assert!(spans.iter().all(|span| span["status"].is_null()), "{spans:?}");
    assert_eq!(server.get("/nothing/of/this/kind").status, 404);
    let lost = &spans_of(&collector, 2)[spans.len()];
    assert_eq!((&lost["name"], attribute(lost, "error.type")), (&json!("GET"), json!("not_found")));
    assert_eq!(attribute(lost, "url.path"), "/nothing/of/this/kind");
    assert_eq!(attribute(lost, "http.route"), Value::Null);
    let strange = Method::from_bytes(b"BREW").unwrap();
    assert_eq!(server.send(strange, "/classify", &[], b"").status, 405);
    let strange = &spans_of(&collector, 3)[spans.len() + 1];
    assert_eq!(strange["name"], "HTTP /classify");
    assert_eq!(attribute(strange, "http.request.method"), "_OTHER");
}

#[test]
fn each_image_has_its_spans_and_what_comes_from_a_storage_has_another() {
    let (collector, photos) = (
        collector(),
        Storage::start(|asked, _| match asked.target.as_str() {
            "/photos/a.jpg" => Reply::object(&fixture("coffee.jpg")),
            "/photos/denied" => Reply::error(403, "AccessDenied"),
            _ => Reply::error(404, "NoSuchKey"),
        }),
    );
    let server = Server::start_with(traced(&mut with_storage(&photos.address), &collector.address));
    let object = |key: &str| json!({"s3": {"bucket": "photos", "key": key}});
    let send = |body: Value| {
        let headers = [("authorization", "Bearer s3cret"), ("content-type", "application/json")];
        server.send(Method::POST, "/classify", &headers, body.to_string().as_bytes()).status
    };
    assert_eq!(send(json!({"images": [object("a.jpg"), object("none"), object("denied")]})), 200);
    let all = spans_of(&collector, 1);
    let count = |name: &str| all.iter().filter(|span| span["name"] == name).count();
    assert_eq!(["storage", "image", "decode", "inference", "queue"].map(count), [3, 3, 1, 1, 4], "{all:?}");
    let images: Vec<&Value> = all.iter().filter(|span| span["name"] == "image").collect();
    let facts = images.iter().map(|image| {
        (
            attribute(image, "image_classifier.index"),
            attribute(image, "error.type"),
            image["status"]["code"].clone(),
        )
    });
    assert_eq!(
        facts.collect::<Vec<_>>(),
        [
            (json!("0"), Value::Null, Value::Null),
            (json!("1"), json!("object_not_found"), Value::Null),
            (json!("2"), json!("storage_denied"), json!(2)),
        ]
    );
    let starts: Vec<u64> = all
        .iter()
        .filter(|span| span["parentSpanId"] == all[0]["spanId"])
        .map(|span| times(span).0)
        .collect();
    assert!(starts.is_sorted(), "{all:?}");

    assert_eq!(send(object("denied")), 502);
    let faulty = &spans_of(&collector, 2)[all.len()];
    assert_eq!(
        (attribute(faulty, "error.type"), &faulty["status"]["code"]),
        (json!("storage_denied"), &json!(2))
    );
}

/// Sends requests, each of which must be answered as if there were no collector.
#[track_caller]
fn assert_unharmed(server: &Server, requests: usize) {
    for _ in 0..requests {
        let start = Instant::now();
        assert_eq!(server.post("/predict", "", &fixture("coffee.jpg")).best().0, "espresso");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[test]
fn a_collector_that_fails_harms_no_request_and_is_told_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let plain = collector();
    let (refusing, lost, moved) = (
        Storage::start(|_, _| Reply::error(400, "BadRequest")),
        Storage::start(|_, _| Reply::error(500, "InternalError")),
        Storage::start({
            let elsewhere = plain.address.clone();
            move |_, _| Reply::error(307, "Moved").with("location", elsewhere.clone())
        }),
    );
    for (address, reason) in [
        (format!("http://{nobody}"), "onnect"),
        (plain.address.replace("http:", "https:"), "onnect"),
        ("http://name.invalid:4318".to_owned(), "dns"),
        (refusing.address.clone(), "the collector answered 400"),
        (lost.address.clone(), "the collector answered 500"),
        (moved.address.clone(), "the collector answered 307"),
    ] {
        let mut server = Server::start_with(traced(&mut binary(), &address));
        assert_unharmed(&server, 3);
        let log = server.process.log_with("spans do not arrive", 1);
        assert!(log.contains(reason), "{reason} in {log}");
        assert_unharmed(&server, 3);
        thread::sleep(Duration::from_millis(200));
        let start = Instant::now();
        server.process.signal("TERM");
        assert!(server.process.wait(Duration::from_secs(10)).unwrap().success());
        assert!(start.elapsed() < Duration::from_secs(4), "{address}: {:?}", start.elapsed());
        let log = server.process.log();
        assert_eq!(log.matches("spans do not arrive").count(), 1, "{log}");
        assert_eq!(log.matches("status=200").count(), 6, "{log}");
    }
    assert_eq!(plain.asked().len(), 0, "a redirect was followed");
}

#[test]
fn a_collector_that_hangs_holds_up_neither_requests_nor_the_end() {
    let collector = Storage::start(|_, _| {
        thread::sleep(Duration::from_secs(60));
        Reply::object(b"{}")
    });
    let mut server = Server::start_with(traced(&mut binary(), &collector.address));
    assert_unharmed(&server, 2);
    // More than a batch and the queue can hold.
    for _ in 0..1200 {
        server.get("/robots.txt");
    }
    assert_unharmed(&server, 2);
    let log = server.process.log_with("spans do not arrive: the queue is full", 1);
    assert_eq!(log.matches("spans do not arrive").count(), 1, "{log}");
    let metrics = server.get("/metrics").body;
    let lost =
        metrics.lines().find_map(|line| line.strip_prefix("image_classifier_spans_lost_total ")).unwrap();
    assert!((10..1200).contains(&lost.parse::<u64>().unwrap()), "{lost}");
    let start = Instant::now();
    server.process.signal("TERM");
    assert!(server.process.wait(Duration::from_secs(10)).unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(server.process.log().contains("spans that were not sent in time are lost"));
}

#[test]
fn what_the_collector_cannot_take_yet_is_sent_again() {
    let collector = Storage::start(|_, earlier| match earlier {
        0 => Reply::error(503, "SlowDown").with("retry-after", "0"),
        1 => Reply::error(429, "SlowDown"),
        2 => {
            Reply::object(b"{\"partialSuccess\": {\"rejectedSpans\": \"3\", \"errorMessage\": \"too old\"}}")
        }
        _ => Reply::object(b"{\"partialSuccess\": {\"errorMessage\": \"an advice\"}}"),
    });
    let server = Server::start_with(traced(&mut binary(), &collector.address));
    assert_unharmed(&server, 1);
    let log = server.process.log_with("spans do not arrive: the collector answered 503", 1);
    let deadline = Instant::now() + Duration::from_secs(10);
    while collector.asked().len() < 3 {
        assert!(Instant::now() < deadline, "{log}");
        thread::sleep(Duration::from_millis(10));
    }
    let bodies: Vec<Value> = collector.asked().iter().map(document).collect();
    assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2], "{bodies:?}");
    assert_unharmed(&server, 1);
    let log = server.process.log_with("spans arrive again", 1);
    assert!(log.contains("lost=3"), "{log}");
}

#[test]
fn what_waits_is_sent_before_the_process_ends() {
    let collector = collector();
    let mut server = Server::start_with(
        traced(&mut binary(), &collector.address).env("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
    );
    assert_unharmed(&server, 3);
    assert_eq!(collector.asked().len(), 0);
    let start = Instant::now();
    server.process.signal("TERM");
    assert!(server.process.wait(Duration::from_secs(10)).unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(spans_of(&collector, 3).iter().filter(|span| span["kind"] == 2).count(), 3);
    // All in one request.
    assert_eq!(collector.asked().len(), 1);
}

#[test]
fn headers_are_sent_and_are_no_business_of_the_log() {
    let collector = collector();
    let mut command = binary();
    let server = Server::start_with(
        traced(&mut command, "http://127.0.0.1:1")
            .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/custom/path", collector.address))
            .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret%20T0ken, tenant=photos")
            .env("RUST_LOG", "trace"),
    );
    server.get("/info");
    spans_of(&collector, 1);
    let asked = &collector.asked()[0];
    assert_eq!(asked.target, "/custom/path");
    assert_eq!(
        (asked.headers["api-key"].as_str(), asked.headers["tenant"].as_str()),
        ("s3cret T0ken", "photos")
    );
    let log = server.process.log_with("\"/info\"", 1);
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn what_no_span_could_be_sent_to_is_a_mistake_and_other_values_are_told() {
    for (name, value, expected) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT must be an address"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "ftp://u:s3cret@a",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be an address",
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret", "OTEL_EXPORTER_OTLP_HEADERS must be headers"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret", "OTEL_EXPORTER_OTLP_HEADERS must be headers"),
    ] {
        let mut command = binary();
        assert_refused(traced(&mut command, "http://127.0.0.1:1").env(name, value), &[expected]);
        let output = command.output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cret"), "{name}");
    }
    let collector = collector();
    let server = Server::start_with(
        traced(&mut binary(), &collector.address)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")
            .env("OTEL_RESOURCE_ATTRIBUTES", "a=b,c")
            .env("OTEL_SDK_DISABLED", "perhaps")
            .env("OTEL_TRACES_SAMPLER", "jaeger_remote")
            .env("OTEL_TRACES_SAMPLER_ARG", "2"),
    );
    server.get("/info");
    spans_of(&collector, 1);
    let log = server.process.log();
    for name in ["PROTOCOL", "TIMEOUT", "RESOURCE_ATTRIBUTES", "SDK_DISABLED", "TRACES_SAMPLER"] {
        let told = log.lines().filter(|line| line.contains("WARN") && line.contains(name)).count();
        assert_eq!(told, 1, "{name} in {log}");
    }
}

#[test]
fn traces_can_be_switched_off() {
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_SDK_DISABLED", "True"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    ] {
        let collector = collector();
        let mut server = Server::start_with(traced(&mut binary(), &collector.address).env(name, value));
        let traceparent = format!("00-{TRACE}-{CALLER}-01");
        server.send(Method::GET, "/info", &[("traceparent", &traceparent)], b"");
        server.process.signal("TERM");
        assert!(server.process.wait(Duration::from_secs(10)).unwrap().success());
        assert_eq!(collector.asked().len(), 0, "{name}={value}");
        // The log still has the caller's trace.
        assert!(server.process.log().contains(&format!("trace_id=\"{TRACE}\"")));
    }
}
