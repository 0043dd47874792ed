//! Log lines about requests.

use serde_json::{Value, json};

use crate::emulator::Function;
use crate::fixture;
use crate::process::binary;
use crate::server::Server;

/// Returns the lines of a JSON log.
fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn server(format: &str) -> Server {
    Server::start_with(binary().env("AWS_LAMBDA_LOG_FORMAT", format).env("RUST_LOG", "debug"))
}

/// Returns the line about the request with this id.
fn line_of(server: &Server, id: &str) -> Value {
    let log = server.process.log_with(id, 1);
    // The line may not have arrived yet.
    let log =
        if log.ends_with('\n') { log } else { server.process.log_with("\n", log.matches('\n').count() + 1) };
    let all = lines(&log);
    let of = |line: &&Value| line["request_id"] == id && line["message"] == "request";
    all.iter().find(of).unwrap_or_else(|| panic!("no line in {log}")).clone()
}

/// Returns a form with files of these names.
fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let part = |(name, bytes): &(&str, &[u8])| {
        let head =
            format!("--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n\r\n");
        [head.as_bytes(), bytes, b"\r\n"].concat()
    };
    [files.iter().flat_map(part).collect(), b"--b--\r\n".to_vec()].concat()
}

fn post(server: &Server, id: &str, body: &[u8]) -> u16 {
    let headers = [("content-type", "multipart/form-data; boundary=b"), ("x-request-id", id)];
    server.send(ureq::http::Method::POST, "/classify", &headers, body).status
}

#[test]
fn a_request_is_one_line_that_says_what_it_was_and_where_the_time_went() {
    let server = server("JSON");
    let coffee = fixture("coffee.jpg");
    let body = form(&[("Käse 1.jpg", &coffee)]);
    let trace = ("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    let headers =
        [("content-type", "multipart/form-data; boundary=b"), ("x-request-id", "first-request"), trace];
    let answer = server.send(ureq::http::Method::POST, "/classify", &headers, &body);
    let line = line_of(&server, "first-request");
    for (name, expected) in [
        ("level", json!("INFO")),
        ("method", json!("POST")),
        ("route", json!("/classify")),
        ("status", json!(200)),
        ("cold_start", json!(true)),
        ("bytes", json!(body.len())),
        ("format", json!("jpeg")),
        ("width", json!(300)),
        ("height", json!(200)),
        ("file_name", json!("Käse 1.jpg")),
        ("label", json!("espresso")),
        ("cache_hit", json!(false)),
        ("xray_trace_id", json!("1-5759e988-bd862e3fe1be46a994272793")),
    ] {
        assert_eq!(line[name], expected, "{name} in {line}");
    }
    assert!((line["score"].as_f64().unwrap() - answer.best().1).abs() < 1e-5);
    let ms =
        |name: &str| line[format!("{name}_ms")].as_f64().unwrap_or_else(|| panic!("no {name}_ms in {line}"));
    let parts: f64 = ["body", "queue", "decode", "preprocess", "inference"].map(ms).iter().sum();
    assert!(0.0 < ms("inference") && parts <= ms("total"), "{line}");

    assert_eq!(post(&server, "second-request", &body), 200);
    let again = line_of(&server, "second-request");
    assert_eq!((&again["cache_hit"], &again["cold_start"]), (&json!(true), &json!(false)));
    assert_eq!(again["inference_ms"], Value::Null);

    assert_eq!(post(&server, "third-request", &form(&[("cut.jpg", &coffee[..5000])])), 422);
    let refused = line_of(&server, "third-request");
    assert_eq!((&refused["code"], &refused["file_name"]), (&json!("truncated_image"), &json!("cut.jpg")));

    let log = server.process.log();
    assert_eq!(lines(&log).iter().filter(|line| line["message"] == "request").count(), 3);
    assert_eq!(lines(&log).iter().filter(|line| line["message"] == "image").count(), 0);
}

#[test]
fn of_several_images_the_line_has_the_sums_and_each_that_is_refused_has_a_line() {
    let server = server("JSON");
    let (coffee, cat) = (fixture("coffee.jpg"), fixture("chelsea.png"));
    let files = [("a.jpg", &coffee[..]), ("b.jpg", &coffee[..5000]), ("c.png", &cat)];
    assert_eq!(post(&server, "several", &form(&files)), 200);
    let line = line_of(&server, "several");
    assert_eq!((&line["images"], &line["refused"], &line["label"]), (&json!(3), &json!(1), &Value::Null));
    let log = lines(&server.process.log());
    let image =
        |index: usize| log.iter().find(|line| line["message"] == "image" && line["index"] == index).unwrap();
    assert_eq!((&image(1)["level"], &image(1)["code"]), (&json!("INFO"), &json!("truncated_image")));
    assert_eq!(image(1)["file_name"], "b.jpg");
    assert_eq!((&image(2)["level"], &image(2)["label"]), (&json!("DEBUG"), &json!("tiger cat")));
}

#[test]
fn no_file_name_forges_or_breaks_a_line() {
    let coffee = fixture("coffee.jpg");
    let names = [
        "a\" label=\"forged.jpg".replace('"', "%22"),
        "a\\\" status=200 \\\"b.jpg".to_owned(),
        "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}1m.jpg".to_owned(),
        "a\nrequest_id=\"forged\".jpg".to_owned(),
        "a%0d%0a{\"level\":\"ERROR\"}.jpg".replace('"', "%22"),
        "\u{2028}\u{202e}gpj.exe".to_owned(),
        "é".repeat(10_000),
    ];
    for format in ["JSON", "Text"] {
        let server = server(format);
        for (index, name) in names.iter().enumerate() {
            let id = format!("name-{index}");
            let status = post(&server, &id, &form(&[(name, &coffee)]));
            // A line break ends the header of a part, and the rest is not a header.
            assert!([200, 400].contains(&status), "{name:?}: {status}");
            let log = server.process.log_with(&id, 1);
            assert!(
                !log.contains(['\u{1b}', '\u{9b}', '\u{7}', '\r', '\u{2028}', '\u{202e}']),
                "{name:?} in {log:?}"
            );
            assert!(log.lines().all(|line| line.len() < 2000), "{name:?}");
        }
        let log = server.process.log_with("name-6", 1);
        let others = ["model loaded", "ONNX Runtime"];
        let about_requests = log.lines().filter(|line| !others.iter().any(|text| line.contains(text)));
        assert_eq!(about_requests.count(), names.len(), "{log}");
        if format == "JSON" {
            let long = line_of(&server, "name-6")["file_name"].as_str().unwrap().to_owned();
            assert_eq!(long, "é".repeat(200));
            assert!(
                lines(&log)
                    .iter()
                    .all(|line| line["label"] != "forged.jpg" && line["request_id"] != "forged")
            );
        }
    }
}

#[test]
fn tokens_and_bodies_are_not_logged() {
    let server = Server::start_with(binary().env("RUST_LOG", "trace").env("API_TOKEN", "s3cretT0ken"));
    let text = "VGhpcyBpcyBub3QgYW4gaW1hZ2UsIGJ1dCBhIHNlY3JldCB0ZXh0Lg==";
    for token in ["s3cretT0ken", "gu3ssed"] {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str()), ("x-request-id", token)];
        server.send(ureq::http::Method::POST, "/classify?token=inTheQuery", &headers, text.as_bytes());
    }
    let log = server.process.log_with("status=401", 1).replace("request_id=\"s3cretT0ken\"", "");
    assert!(!log.contains("Bearer") && !log.contains("s3cretT0ken"), "{log}");
    assert!(!log.contains(&text[..16]) && !log.contains("inTheQuery"), "{log}");
}

#[test]
fn under_lambda_the_line_has_the_ids_of_the_invocation_and_of_its_trace() {
    let function = Function::start_with(binary().env("AWS_LAMBDA_LOG_FORMAT", "JSON"));
    let event = std::fs::read_to_string(crate::repository("events/http-api.json")).unwrap();
    let answer = function.invoke(&event).response();
    let log = function.process.log_with("\"message\":\"request\"", 1);
    let line = lines(&log).into_iter().find(|line| line["message"] == "request").unwrap();
    assert_eq!(line["request_id"], answer["headers"]["x-request-id"]);
    assert_eq!(line["xray_trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!((&line["cold_start"], &line["label"]), (&json!(true), &json!("espresso")));
}
