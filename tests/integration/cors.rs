//! What a web page of another origin may do: over a socket, and behind each Lambda front door.

use serde_json::{Value, json};
use ureq::http::Method;

use crate::emulator::Function;
use crate::fixture;
use crate::process::binary;
use crate::server::{Answer, Server};

const ALLOWED: &str = "https://a.example";
const OTHER: &str = "https://b.example";

/// Returns all values of a header, so that tests notice a duplicate.
fn all<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

fn about_cors(answer: &Answer) -> Vec<&str> {
    answer
        .headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

fn server() -> Server {
    Server::start_with(
        binary()
            .env("CORS_ALLOW_ORIGINS", format!("{ALLOWED}, https://c.example"))
            .env("API_TOKEN", "s3cret")
            .env("MAX_BODY_BYTES", "300000"),
    )
}

#[test]
fn a_preflight_says_once_what_pages_of_allowed_origins_may_do() {
    let server = server();
    let headers = "authorization,b3,newrelic,x-amz-date,x-csrf-token,x-datadog-trace-id";
    for path in ["/classify", "/predict", "/", "/info", "/nothing"] {
        let asked = [
            ("origin", ALLOWED),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", headers),
        ];
        let answer = server.send(Method::OPTIONS, path, &asked, &[]);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}");
        assert_eq!(all(&answer, "access-control-allow-origin"), [ALLOWED]);
        assert_eq!(all(&answer, "access-control-allow-methods"), ["GET,HEAD,POST,PUT"]);
        assert_eq!(all(&answer, "access-control-allow-headers"), [headers]);
        assert_eq!(all(&answer, "access-control-max-age"), ["3600"]);
        assert_eq!(all(&answer, "vary"), ["origin"]);
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[test]
fn every_answer_and_every_error_can_be_read_by_pages_of_allowed_origins() {
    let server = server();
    let photo = fixture("coffee.jpg");
    let token = ("authorization", "Bearer s3cret");
    let broken = &photo[..9000];
    let large = [&photo[..], &vec![0; 400_000]].concat();
    for (method, path, headers, body, status) in [
        (Method::POST, "/classify", vec![token], &photo[..], 200),
        (Method::GET, "/health", vec![], b"", 200),
        (Method::HEAD, "/info", vec![], b"", 200),
        (Method::POST, "/classify", vec![token], b"", 400),
        (Method::POST, "/classify", vec![], &photo, 401),
        (Method::GET, "/nothing", vec![], b"", 404),
        (Method::DELETE, "/health", vec![], b"", 405),
        (Method::POST, "/predict", vec![token], &large, 413),
        (Method::POST, "/predict", vec![token], b"<html></html>", 415),
        (Method::POST, "/predict", vec![token], broken, 422),
    ] {
        let send = |origin| {
            let headers = [&headers[..], &[("origin", origin)]].concat();
            server.send(method.clone(), path, &headers, body)
        };
        let answer = send(ALLOWED);
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(all(&answer, "access-control-allow-origin"), [ALLOWED], "{method} {path} {status}");
        assert_eq!(
            all(&answer, "access-control-expose-headers"),
            ["x-request-id,x-cache,server-timing,retry-after"]
        );
        assert_eq!(all(&answer, "vary"), ["origin"]);
        assert_eq!(about_cors(&send(OTHER)), [""; 0], "{method} {path} {status}");
    }
}

#[test]
fn other_origins_and_callers_without_one_are_told_nothing() {
    let server = server();
    for origin in
        [OTHER, "null", "https://a.example.evil.example", "http://a.example", "https://a.example:8443"]
    {
        let asked = [("origin", origin), ("access-control-request-headers", "authorization")];
        let answer = server.send(Method::OPTIONS, "/classify", &asked, &[]);
        assert_eq!((answer.status, about_cors(&answer)), (204, vec![]), "{origin}");
        // A cache must not give this answer to a page that is allowed.
        assert_eq!(all(&answer, "vary"), ["origin"]);
    }
    let without = server.send(Method::OPTIONS, "/classify", &[], &[]);
    assert_eq!((without.status, about_cors(&without)), (204, vec![]));
    let unset = Server::start();
    for method in [Method::OPTIONS, Method::GET] {
        let answer = unset.send(method, "/health", &[("origin", ALLOWED)], &[]);
        assert_eq!(about_cors(&answer), [""; 0]);
    }
}

#[test]
fn with_a_star_every_page_may_call() {
    let server = Server::start_with(binary().env("CORS_ALLOW_ORIGINS", "*"));
    for (method, status) in [(Method::OPTIONS, 204), (Method::POST, 400)] {
        let answer = server.send(method, "/classify", &[("origin", OTHER)], &[]);
        assert_eq!((answer.status, all(&answer, "access-control-allow-origin")), (status, vec!["*"]));
        assert!(!answer.headers.contains_key("vary"), "{:?}", answer.headers);
    }
}

#[test]
fn each_front_door_of_lambda_passes_the_headers_on_once() {
    let function = Function::start_with(
        binary()
            .env("CORS_ALLOW_ORIGINS", ALLOWED)
            .env("API_TOKEN", "s3cret")
            .env("MAX_BODY_BYTES", "300000"),
    );
    let large = "A".repeat(1_200_000);
    for (method, path, body, status) in [
        ("OPTIONS", "/classify", "", 204),
        ("GET", "/health", "", 200),
        ("GET", "/nothing", "", 404),
        ("DELETE", "/health", "", 405),
        ("GET", "/health", large.as_str(), 413),
        ("POST", "/classify", "", 401),
    ] {
        for origin in [ALLOWED, OTHER] {
            for event in events(method, path, body, origin) {
                let reply = function.invoke(&event.to_string()).response();
                assert_eq!(reply["statusCode"], status, "{reply}");
                let expected: Vec<&str> = if origin == ALLOWED { vec![ALLOWED] } else { vec![] };
                for (name, values) in headers(&reply) {
                    match name.as_str() {
                        "access-control-allow-origin" => assert_eq!(values, expected),
                        "vary" => assert_eq!(values, ["origin"]),
                        other => {
                            assert!(!other.starts_with("access-control-") || !expected.is_empty(), "{other}")
                        }
                    }
                }
                let allows = |(name, _): &(String, _)| name == "access-control-allow-origin";
                assert_eq!(headers(&reply).iter().any(allows), origin == ALLOWED, "{reply}");
            }
        }
    }
}

/// The same request through an HTTP API, a REST API and a load balancer.
fn events(method: &str, path: &str, body: &str, origin: &str) -> [Value; 3] {
    let headers = json!({"origin": origin, "access-control-request-method": "POST"});
    let many = json!({"origin": [origin], "access-control-request-method": ["POST"]});
    [
        json!({"version": "2.0", "rawPath": path, "headers": headers, "body": body,
               "requestContext": {"http": {"method": method, "path": path}}}),
        json!({"httpMethod": method, "path": path, "multiValueHeaders": many, "body": body,
               "requestContext": {"stage": "Prod", "path": format!("/Prod{path}"), "httpMethod": method}}),
        json!({"httpMethod": method, "path": path, "headers": headers, "body": body,
               "requestContext": {"elb": {"targetGroupArn": "arn"}}}),
    ]
}

/// Returns each header of a reply with its values. A load balancer gets two equal forms and reads one of
/// them.
fn headers(reply: &Value) -> Vec<(String, Vec<&str>)> {
    let many = reply["multiValueHeaders"].as_object().into_iter().flatten();
    let one = reply["headers"].as_object().into_iter().flatten();
    let many = many.map(|(name, values)| {
        (name.clone(), values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect())
    });
    many.chain(one.map(|(name, value)| (name.clone(), vec![value.as_str().unwrap()]))).collect()
}
