//! Reported faults, with one file and one line of `tests/fixtures/cases2/cases.tsv` each.
//!
//! The columns are the file, the status, a text in the answer, and the report. A JSON file is an event. A
//! picture is uploaded to `/classify`; its text may be a label. Instead of a status there may be `ping`, for
//! a payload that is answered without HTTP, or `error`, for a function error.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::emulator::{Function, Outcome};
use crate::{fixture, repository};

fn event(file: &str) -> String {
    let bytes = fixture(&format!("cases2/{file}"));
    if file.ends_with(".json") {
        return String::from_utf8(bytes).unwrap();
    }
    json!({
        "version": "2.0",
        "rawPath": "/classify",
        "requestContext": {"http": {"method": "POST", "path": "/classify"}, "stage": "$default"},
        "body": BASE64_STANDARD.encode(bytes),
        "isBase64Encoded": true,
    })
    .to_string()
}

/// Returns the status as in the table, and the whole answer as text: the headers, then the unescaped body.
fn answer(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::FunctionError(error) => ("error".to_owned(), error.to_string()),
        Outcome::Response(response) => match &response["statusCode"] {
            Value::Null => ("ping".to_owned(), response.to_string()),
            status => {
                let body = response["body"].as_str().unwrap_or_default();
                (status.to_string(), format!("{response} {body}"))
            }
        },
    }
}

#[test]
fn every_reported_fault_has_its_right_answer_and_the_process_lives() {
    let function = Function::start();
    let table = std::fs::read_to_string(repository("tests/fixtures/cases2/cases.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [file, status, text, ..] = columns[..] else { panic!("{line}") };
        let (found, answer) = answer(function.invoke(&event(file)));
        if found != status || !answer.contains(text) {
            wrong.push(format!("{file}: {status} with {text:?} is right, but {found}: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_of_a_reported_fault_is_forgotten() {
    let table = std::fs::read_to_string(repository("tests/fixtures/cases2/cases.tsv")).unwrap();
    for entry in std::fs::read_dir(repository("tests/fixtures/cases2")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_in_table = table.lines().any(|line| line.split('\t').next() == Some(&name));
        assert!(is_in_table || name == "cases.tsv", "{name} is not in cases.tsv");
    }
}
