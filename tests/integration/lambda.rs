//! The function under a Runtime API emulator.

use std::time::Duration;

use serde_json::{Value, json};

use crate::emulator::{Function, Outcome};
use crate::process::binary;
use crate::repository;

fn event(name: &str) -> String {
    std::fs::read_to_string(repository("events").join(name)).unwrap()
}

/// Returns the body of a proxy response, as JSON.
fn body(response: &Value) -> Value {
    assert_eq!(response["isBase64Encoded"], false, "{response}");
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

#[test]
fn each_front_door_gets_the_labels_in_its_own_form() {
    let function = Function::start();
    for name in ["http-api.json", "function-url.json", "rest-api.json", "alb.json", "vpc-lattice.json"] {
        let response = function.invoke(&event(name)).response();
        assert_eq!(response["statusCode"], 200, "{name}: {response}");
        let answer = body(&response);
        assert_eq!(answer["predictions"][0]["label"], "espresso", "{name}");
        assert!(answer["request_id"].as_str().unwrap().starts_with("00000000-0000-4000-8000-"));
        let multi = response["multiValueHeaders"]["content-type"][0] == "application/json";
        let single = response["headers"]["content-type"] == "application/json";
        let expected = match name {
            "rest-api.json" => (true, false),
            "alb.json" => (true, true),
            _ => (false, true),
        };
        assert_eq!((multi, single), expected, "{name}: {response}");
    }
}

#[test]
fn a_direct_invocation_needs_no_token_and_a_request_does() {
    let function = Function::start_with(binary().env("API_TOKEN", "s3cret"));
    let answer = function.invoke(&event("direct.json")).response();
    assert_eq!(answer["predictions"][0]["label"], "espresso");
    assert_eq!(function.invoke(&event("http-api.json")).response()["statusCode"], 401);
}

#[test]
fn a_direct_invocation_gets_the_plain_json() {
    let function = Function::start();
    let answer = function.invoke(&event("direct.json")).response();
    assert_eq!(answer["predictions"][0]["label"], "espresso");
    assert_eq!(answer["model"]["name"], "efficientnet-lite0");
    let problem = function.invoke(r#"{"image": ""}"#).response();
    assert_eq!(problem["code"], "empty_body");
}

#[test]
fn a_payload_that_is_no_request_is_a_function_error_that_says_what_is_accepted() {
    let function = Function::start();
    for payload in [r#"{"key1": "value1"}"#, "[]", "\"text\"", "17", "null"] {
        let Outcome::FunctionError(error) = function.invoke(payload) else {
            panic!("{payload} was answered")
        };
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.contains("API Gateway") && message.contains("\"image\""), "{message}");
    }
    assert_eq!(function.invoke(&event("http-api.json")).response()["statusCode"], 200);
}

#[test]
fn an_event_that_cannot_be_a_request_is_answered_400() {
    let function = Function::start();
    for broken in [
        json!({"version": "2.0", "rawPath": "/predict", "requestContext": {"http": {"method": "P O S T"}}}),
        json!({"version": "2.0", "rawPath": "/predict", "requestContext": {"http": {}}}),
        json!({"version": "2.0", "requestContext": {}}),
        json!({"httpMethod": 7, "path": "/predict", "requestContext": {"elb": {}}}),
    ] {
        let response = function.invoke(&broken.to_string()).response();
        assert_eq!(response["statusCode"], 400, "{broken} gave {response}");
        assert_eq!(body(&response)["code"], "invalid_event");
    }
    assert_eq!(function.invoke(&event("http-api.json")).response()["statusCode"], 200);
}

#[test]
fn a_stage_is_taken_off_the_path_only_where_the_gateway_put_it() {
    let function = Function::start();
    let get = |version: &str, stage: &str, path: &str, context_path: &str| {
        let event = json!({
            "version": version,
            "httpMethod": "GET",
            "path": path,
            "requestContext": {"stage": stage, "path": context_path, "httpMethod": "GET"},
        });
        function.invoke(&event.to_string()).response()["statusCode"].clone()
    };
    // A REST API removes the stage from the path; payload format 1.0 of an HTTP API keeps it.
    assert_eq!(get("1.0", "health", "/health", "/health/health"), 200);
    assert_eq!(get("1.0", "Prod", "/health", "/Prod/health"), 200);
    assert_eq!(get("1.0", "Prod", "/Prod/health", "/Prod/health"), 200);
    assert_eq!(get("1.0", "Prod", "/Production/health", "/Production/health"), 404);
}

#[test]
fn the_model_is_loaded_once_for_a_hundred_invocations() {
    let function = Function::start();
    let event = event("http-api.json");
    for _ in 0..100 {
        assert_eq!(function.invoke(&event).response()["statusCode"], 200);
    }
    let log = function.process.log_with("status=200", 100);
    let loaded: Vec<&str> = log.lines().filter(|line| line.contains("model loaded")).collect();
    assert_eq!(loaded.len(), 1, "{log}");
    assert!(loaded[0].contains("total_ms="), "{}", loaded[0]);
    assert_eq!(log.lines().filter(|line| line.contains("status=200")).count(), 100);
}

#[test]
fn sigterm_ends_the_function_with_success() {
    let mut function = Function::start();
    assert_eq!(function.invoke(&event("direct.json")).response()["cached"], false);
    function.process.signal("TERM");
    let status = function.process.wait(Duration::from_secs(5)).expect("it still runs");
    assert_eq!(status.code(), Some(0));
}
