//! The OpenAPI document as it is served; `tests/api` has the other tests.

use serde_json::{Value, json};

use crate::emulator::Function;

#[test]
fn under_lambda_the_document_is_served_and_its_example_of_a_bad_event_is_real() {
    let function = Function::start();
    let invoke = |event: Value| {
        let reply = function.invoke(&event.to_string()).response();
        let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        (reply, body)
    };
    let http = json!({"method": "GET", "path": "/Prod/openapi.json"});
    let (reply, document) = invoke(json!({"version": "2.0", "rawPath": "/Prod/openapi.json",
        "requestContext": {"stage": "Prod", "http": http}}));
    assert_eq!((&reply["statusCode"], &reply["isBase64Encoded"]), (&json!(200), &json!(false)));
    assert_eq!(reply["headers"]["content-type"], "application/json");
    // Below any stage, the paths are relative to the document.
    assert_eq!(document["servers"], json!([{"url": "./"}]));
    let (reply, problem) =
        invoke(json!({"version": "2.0", "rawPath": "/predict", "requestContext": {"http": {}}}));
    assert_eq!(reply["statusCode"], 400);
    for response in ["BadRequest", "BadRequestOfRead"] {
        let example =
            document["components"]["responses"][response]["content"]["application/problem+json"]["examples"]
                ["invalid_event"]["value"]
                .clone();
        for name in ["type", "title", "status", "detail", "code"] {
            assert_eq!(problem[name], example[name], "{response} {name}");
        }
    }
}
