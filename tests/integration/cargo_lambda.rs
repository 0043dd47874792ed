//! `cargo lambda watch` and `cargo lambda invoke`, as a developer uses them.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::Method;

use crate::process::Process;
use crate::server::Server;
use crate::{fixture, repository};

fn cargo_lambda() -> Command {
    let tool = repository(".venv/bin/cargo-lambda");
    assert!(tool.exists(), "{} is missing: run `make setup`", tool.display());
    let mut command = Command::new(tool);
    command.arg("lambda").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn invoke(port: &str, event: &str) -> Value {
    let output = cargo_lambda()
        .args(["invoke", "--invoke-address", "127.0.0.1", "--invoke-port", port, "--data-file"])
        .arg(repository("events").join(event))
        .arg("image-classifier")
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{event}: {error}: {output:?}"))
}

fn best(answer: &Value) -> (String, f64) {
    let first = &answer["predictions"][0];
    (first["label"].as_str().unwrap().to_owned(), first["score"].as_f64().unwrap())
}

#[test]
fn events_and_requests_through_cargo_lambda_get_the_same_scores_as_the_server() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let watch = Process::start(cargo_lambda().args([
        "watch",
        "--ignore-changes",
        "--invoke-address",
        "127.0.0.1",
        "--invoke-port",
        &port,
    ]));
    let emulator = Server { process: watch, url: format!("http://127.0.0.1:{port}") };
    wait_until_it_listens(&port, &emulator.process);

    let expected = Server::start().post("/classify", "", &fixture("coffee.jpg")).best();
    assert_eq!(expected.0, "espresso");
    for event in ["http-api.json", "function-url.json", "rest-api.json", "alb.json"] {
        let reply = invoke(&port, event);
        assert_eq!(reply["statusCode"], 200, "{event}: {reply}");
        let answer: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        assert_eq!(best(&answer), expected, "{event}");
    }
    assert_eq!(best(&invoke(&port, "direct.json")), expected);

    let headers = [("content-type", "image/jpeg")];
    let answer = emulator.send(
        Method::POST,
        "/lambda-url/image-classifier/classify",
        &headers,
        &fixture("coffee.jpg"),
    );
    assert_eq!(answer.best(), expected);
}

fn wait_until_it_listens(port: &str, process: &Process) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        assert!(Instant::now() < deadline, "cargo lambda does not listen: {}", process.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}
