//! Counts and measurements.

use serde_json::{Value, json};

use crate::emulator::Function;
use crate::fixture;
use crate::process::binary;
use crate::server::Server;

/// Returns the value of a line of `GET /metrics`.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[test]
fn the_local_server_tells_prometheus_what_it_did() {
    let server = Server::start();
    let coffee = fixture("coffee.jpg");
    for _ in 0..3 {
        server.post("/classify", "", &coffee);
    }
    server.post("/predict", "", &coffee[..5000]);
    server.post("/predict", "", b"");
    server.get("/nothing");
    let answer = server.get("/metrics");
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let metric = |name: &str| value(&answer.body, &format!("image_classifier_{name}"));
    assert_eq!(metric("requests_total{route=\"/classify\",status=\"200\"}"), 3.0);
    assert_eq!(metric("requests_total{route=\"/predict\",status=\"422\"}"), 1.0);
    assert_eq!(metric("requests_total{route=\"none\",status=\"404\"}"), 1.0);
    assert_eq!(metric("errors_total{code=\"truncated_image\"}"), 1.0);
    assert_eq!(metric("errors_total{code=\"empty_body\"}"), 1.0);
    assert_eq!(metric("faults_total"), 0.0);
    assert_eq!(metric("cold_starts_total"), 1.0);
    assert_eq!(metric("images_total"), 3.0);
    assert_eq!(metric("cache_hits_total"), 2.0);
    assert_eq!(metric("requests_working"), 0.0);
    assert_eq!(metric("requests_waiting"), 0.0);
    // A cached image is not decoded again.
    assert_eq!(metric("request_seconds_count{part=\"inference\"}"), 1.0);
    assert_eq!(metric("request_seconds_count{part=\"total\"}"), 3.0);
    let (inference, total) =
        (metric("request_seconds_sum{part=\"inference\"}"), metric("request_seconds_sum{part=\"total\"}"));
    assert!(0.0 < inference && inference < total && total < 60.0, "{inference} {total}");
}

#[test]
fn metrics_can_be_switched_off() {
    let server = Server::start_with(binary().env("METRICS", "false"));
    server.get("/metrics").assert_problem(404, "not_found");
    let function = Function::start_with(binary().env("METRICS", "false"));
    function.invoke(&get("/health"));
    assert_eq!(function.process.lines(), [""; 0]);
}

#[test]
fn every_answer_says_where_the_time_went() {
    let server = Server::start();
    let parts = |value: &str| -> Vec<(String, f64)> {
        let part = |part: &str| {
            let (name, duration) = part.split_once(";dur=").unwrap();
            (name.to_owned(), duration.parse().unwrap())
        };
        value.split(", ").map(part).collect()
    };
    let looked_at = parts(server.post("/predict", "", &fixture("coffee.jpg")).header("server-timing"));
    let names: Vec<&str> = looked_at.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["body", "queue", "decode", "preprocess", "inference", "total"]);
    let sum: f64 = looked_at[..5].iter().map(|(_, ms)| ms).sum();
    assert!(0.0 < sum && sum <= looked_at[5].1, "{looked_at:?}");
    let known = server.post("/predict", "", &fixture("coffee.jpg"));
    assert!(!known.header("server-timing").contains("inference"), "{}", known.header("server-timing"));
    assert!(server.get("/nothing").header("server-timing").contains("total;dur="));
}

fn get(path: &str) -> String {
    let context = json!({"http": {"method": "GET", "path": path}});
    json!({"version": "2.0", "rawPath": path, "requestContext": context}).to_string()
}

/// Returns the next line of metrics.
fn line(function: &Function) -> Value {
    let lines = function.process.lines();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    serde_json::from_str(line).unwrap()
}

/// Returns the names of the metrics of a line, by their sets of dimensions.
fn metrics(line: &Value) -> Vec<(Value, Vec<&str>)> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().iter();
    let names = |directive: &'_ Value| -> Vec<String> {
        directive["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].to_string()).collect()
    };
    directives
        .map(|directive| {
            assert_eq!(directive["Namespace"], "ImageClassifier");
            for name in names(directive) {
                assert!(line[name.trim_matches('"')].is_number(), "{name} has no value in {line}");
            }
            let names = directive["Metrics"].as_array().unwrap().iter();
            (directive["Dimensions"].clone(), names.map(|metric| metric["Name"].as_str().unwrap()).collect())
        })
        .collect()
}

#[test]
fn a_function_writes_a_line_of_metrics_for_each_request() {
    let function = Function::start();
    let event = std::fs::read_to_string(crate::repository("events/http-api.json")).unwrap();
    let times = ["DecodeTime", "PreprocessTime", "InferenceTime", "TotalTime"];
    let all = json!([["FunctionName"]]);

    function.invoke(&event);
    let first = line(&function);
    let expected = [&["Requests", "ColdStarts", "Images"][..], &times].concat();
    assert_eq!(metrics(&first), [(all.clone(), expected)]);
    assert_eq!((&first["FunctionName"], &first["Requests"]), (&json!("classifier"), &json!(1)));
    assert!(first["InferenceTime"].as_f64().unwrap() > 0.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let age = now as u64 - first["_aws"]["Timestamp"].as_u64().unwrap();
    assert!(age < 60_000, "{age}");

    function.invoke(&event);
    let second = line(&function);
    assert_eq!(metrics(&second), [(all.clone(), vec!["Requests", "Images", "CacheHits", "TotalTime"])]);

    function.invoke(&get("/nothing"));
    let third = line(&function);
    let by_code = json!([["FunctionName", "Code"]]);
    assert_eq!(metrics(&third), [(all, vec!["Requests", "Errors"]), (by_code, vec!["Errors"])]);
    assert_eq!((&third["Code"], &third["Errors"]), (&json!("not_found"), &json!(1)));
}

#[test]
fn metrics_come_whatever_the_log_level() {
    for (set, expected) in [(None, "INFO"), (Some("WARN"), "WARN"), (Some("FATAL"), "FATAL")] {
        let mut command = binary();
        set.map(|level| command.env("AWS_LAMBDA_LOG_LEVEL", level));
        let function = Function::start_with(&mut command);
        function.invoke(&get("/health"));
        // Lambda drops lines below the level.
        assert_eq!(line(&function)["level"], expected);
    }
}
