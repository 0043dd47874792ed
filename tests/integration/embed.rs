//! `POST /embed` and `classify --embed`.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::emulator::Function;
use crate::fixture;
use crate::models::{bundle, flat};
use crate::process::binary;
use crate::server::Server;

fn numbers(answer: &Value) -> Vec<f64> {
    let numbers: Vec<f64> = serde_json::from_value(answer["embedding"].clone()).unwrap();
    assert_eq!(answer["dimensions"], numbers.len());
    numbers
}

fn norm(numbers: &[f64]) -> f64 {
    numbers.iter().map(|number| number * number).sum::<f64>().sqrt()
}

/// Compares with the means over the feature map from `tools/make_embeddings.py`.
#[track_caller]
fn assert_as_in_python(name: &str, found: &[f64]) {
    let expected: Value = serde_json::from_slice(&fixture("embeddings/expected.json")).unwrap();
    let expected = &expected[name];
    assert_eq!(expected["dimensions"], found.len(), "{name}");
    for (index, (&found, expected)) in found.iter().zip(expected["first"].as_array().unwrap()).enumerate() {
        assert!((found - expected.as_f64().unwrap()).abs() < 1e-5, "{name} {index}: {found} {expected}");
    }
    assert!((norm(found) - expected["norm"].as_f64().unwrap()).abs() < 1e-3, "{name}: {}", norm(found));
}

#[test]
fn an_embedding_is_the_mean_over_the_feature_map_that_onnx_runtime_finds_in_python() {
    let server = Server::start();
    for name in ["coffee.png", "chelsea.png"] {
        let answer = server.post("/embed", "", &fixture(&format!("embeddings/{name}")));
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{name}");
        assert_as_in_python(name, &numbers(&answer.json()));
    }
    let json = server.post("/embed", "", &fixture("coffee.png")).json();
    assert_eq!(json["image"], json!({"format": "png", "width": 600, "height": 400}));
    assert_eq!(json["model"]["name"], "efficientnet-lite0");
    assert_eq!(server.get("/info").json()["model"]["embedding_dimensions"], 1280);
}

#[test]
fn an_embedding_can_have_unit_length_and_be_base64_of_little_endian_floats() {
    let server = Server::start();
    let coffee = fixture("coffee.png");
    let post = |query: &str| server.post(&format!("/embed{query}"), "image/png", &coffee).json();
    let plain = numbers(&post(""));
    assert_eq!(numbers(&post("?normalize=false&encoding=numbers")), plain);
    let unit = numbers(&post("?normalize=true"));
    assert!((norm(&unit) - 1.0).abs() < 1e-6);
    let length = norm(&plain);
    for (unit, plain) in unit.iter().zip(&plain) {
        assert!((unit - plain / length).abs() < 1e-6);
    }
    for (query, expected) in [("?encoding=base64", &plain), ("?encoding=base64&normalize=1", &unit)] {
        let answer = post(query);
        assert_eq!(answer["dimensions"], 1280);
        let bytes = BASE64_STANDARD.decode(answer["embedding"].as_str().unwrap()).unwrap();
        let decoded = bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
        // Numbers in the JSON have as many digits as an f32 needs.
        let written: Vec<f32> = expected.iter().map(|&number| number as f32).collect();
        assert_eq!(decoded.collect::<Vec<_>>(), written, "{query}");
    }
}

#[test]
fn embeddings_are_remembered_beside_labels_and_neither_stands_for_the_other() {
    let server = Server::start();
    let coffee = fixture("coffee.jpg");
    let told = |path: &str| {
        let answer = server.post(path, "", &coffee);
        assert_eq!(answer.json()["cached"], answer.header("x-cache") == "hit");
        (answer.header("x-cache").to_owned(), answer.json())
    };
    assert_eq!(told("/classify").0, "miss");
    let (first, embedded) = told("/embed");
    let (again, remembered) = told("/embed");
    assert_eq!((&*first, &*again), ("miss", "hit"));
    assert_eq!(embedded["embedding"], remembered["embedding"]);
    assert_eq!(told("/embed?normalize=true&encoding=base64").0, "hit");
    let (cache, classified) = told("/classify");
    assert_eq!((&*cache, &classified["predictions"][0]["label"]), ("hit", &json!("espresso")));
    let server = Server::start_with(binary().env("CACHE_ENTRIES", "0"));
    for _ in 0..2 {
        assert_eq!(server.post("/embed", "", &coffee).header("x-cache"), "miss");
    }
}

#[test]
fn several_images_are_embedded_in_their_order_and_a_bad_one_does_not_spoil_the_others() {
    let server = Server::start();
    let base64 = |name| BASE64_STANDARD.encode(fixture(name));
    let body = json!({"images": [base64("embeddings/coffee.png"), base64("cases/trunc5.jpg"), base64("embeddings/chelsea.png")]});
    let answer = server.post("/embed", "application/json", body.to_string().as_bytes()).json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_as_in_python("coffee.png", &numbers(&results[0]));
    assert_eq!(results[1]["error"]["code"], "truncated_image");
    assert_as_in_python("chelsea.png", &numbers(&results[2]));
    assert!(results[0].get("model").is_none() && results[0].get("request_id").is_none());
}

#[test]
fn bad_options_and_bad_images_are_refused_as_elsewhere() {
    let server = Server::start();
    let coffee = fixture("coffee.png");
    for query in ["normalize=yes", "normalize=2", "encoding=f32", "encoding=numbers&encoding=hex"] {
        let answer = server.post(&format!("/embed?{query}"), "", &coffee);
        answer.assert_problem(400, "invalid_parameter");
        let name = query.split('=').next().unwrap();
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(&format!("{name} must be ")), "{detail}");
    }
    server.post("/embed", "", b"").assert_problem(400, "empty_body");
    server.post("/embed", "", b"%PDF-1.7\n").assert_problem(415, "unsupported_format");
    server.post("/embed", "", &coffee[..9000]).assert_problem(422, "truncated_image");
    let answer = server.get("/embed");
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(server.send(Method::PUT, "/embed/coffee.png", &[], &coffee).status, 200);
    assert_eq!(server.post("//embed/?normalize=", "", &coffee).status, 200);
}

#[test]
fn an_embedding_wants_the_token_as_labels_do() {
    let server = Server::start_with(binary().env("API_TOKEN", "s3cret"));
    let coffee = fixture("coffee.png");
    server.post("/embed", "", &coffee).assert_problem(401, "unauthorized");
    let headers = [("authorization", "Bearer s3cret")];
    assert_eq!(server.send(Method::POST, "/embed", &headers, &coffee).status, 200);
}

#[test]
fn a_request_for_an_embedding_is_logged_and_counted() {
    let server = Server::start_with(binary().env("AWS_LAMBDA_LOG_FORMAT", "JSON"));
    let headers = [("x-request-id", "embedded")];
    server.send(Method::POST, "/embed", &headers, &fixture("coffee.png"));
    let log = server.process.log_with("\"embedded\"", 1);
    let line = log.lines().find(|line| line.contains("\"embedded\"")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["route"], &line["status"]), (&json!("/embed"), &json!(200)));
    assert_eq!((&line["format"], &line["cache_hit"]), (&json!("png"), &json!(false)));
    assert!(line["inference_ms"].as_f64().unwrap() > 0.0, "{line}");
    assert!(line.get("label").is_none(), "{line}");
    assert!(server.get("/metrics").body.contains("route=\"/embed\""));
}

#[test]
fn the_features_of_a_model_are_a_map_or_a_vector_and_their_numbers_may_have_half_precision() {
    let color = [200, 30, 90];
    // In the model of `tools/make_models.py`, the feature map is the doubled picture.
    for (name, gain) in [("features-map", 2.0), ("features-map-f16", 2.0), ("features-vector", 1.0)] {
        let server = Server::start_with(binary().env("MODEL_DIR", bundle(name)));
        let found = numbers(&server.post("/embed", "", &flat(color)).json());
        let expected = color.map(|level| gain * f64::from(level) / 255.0);
        assert_eq!(found.len(), 3, "{name}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{name}: {found} {expected}");
        }
        assert_eq!(server.post("/predict", "", &flat(color)).json().as_array().unwrap().len(), 3, "{name}");
    }
}

#[test]
fn a_model_without_features_has_labels_but_no_embeddings() {
    let server = Server::start_with(binary().env("MODEL_DIR", bundle("nchw-f32")));
    let answer = server.post("/embed", "", &flat([1, 2, 3]));
    answer.assert_problem(404, "no_features");
    assert_eq!(server.post("/predict", "", &flat([1, 2, 3])).status, 200);
    assert_eq!(server.get("/info").json()["model"]["embedding_dimensions"], Value::Null);
    let output = binary()
        .args(["classify", "--embed", "tests/fixtures/coffee.png"])
        .env("MODEL_DIR", bundle("nchw-f32"))
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no embeddings"));
}

#[test]
fn the_command_line_prints_an_embedding_a_line() {
    let files =
        ["tests/fixtures/embeddings/coffee.png", "Cargo.toml", "tests/fixtures/embeddings/chelsea.png"];
    let run = |flags: &[&str]| {
        let output = binary().arg("classify").args(flags).args(files).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let lines = run(&["--embed"]);
    assert_eq!(lines.len(), 3);
    assert_as_in_python("coffee.png", &numbers(&lines[0]));
    assert!(lines[1]["error"].as_str().unwrap().contains("is not accepted"));
    assert_eq!(lines[2]["file"], files[2]);
    assert_as_in_python("chelsea.png", &numbers(&lines[2]));
    assert!((norm(&numbers(&run(&["--embed", "--normalize"])[0])) - 1.0).abs() < 1e-6);
}

#[test]
fn a_function_answers_embeddings_too() {
    let function = Function::start();
    let event = fs::read_to_string(crate::repository("events/http-api.json")).unwrap();
    let mut event: Value = serde_json::from_str(&event).unwrap();
    event["rawPath"] = json!("/embed");
    event["requestContext"]["http"]["path"] = json!("/embed");
    let reply = function.invoke(&event.to_string()).response();
    assert_eq!(reply["statusCode"], 200, "{reply}");
    let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    assert_eq!(numbers(&body).len(), 1280);
}
