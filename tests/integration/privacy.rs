//! Answers contain no private information.

use std::fs;
use std::path::{Path, PathBuf};

use ureq::http::HeaderMap;

use crate::emulator::{Function, Outcome};
use crate::repository;
use crate::server::Server;

/// Text that would reveal something about this machine, the sources, or libraries.
fn inner() -> Vec<String> {
    let here = repository("").to_str().unwrap().trim_end_matches('/').to_owned();
    let texts = ["/src/", ".rs:", "libonnxruntime", "model.onnx", "Os {", "/usr/", "/var/"];
    [vec![here], texts.map(str::to_owned).to_vec()].concat()
}

/// Returns all files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[track_caller]
fn assert_private(what: &Path, text: &str, headers: &HeaderMap) {
    for inner in inner() {
        assert!(!text.contains(&inner), "{}: {text}", what.display());
        let told = headers.values().any(|value| String::from_utf8_lossy(value.as_bytes()).contains(&inner));
        assert!(!told, "{}: {headers:?}", what.display());
    }
    for banner in ["server", "x-powered-by"] {
        assert!(!headers.contains_key(banner), "{}", what.display());
    }
}

#[test]
fn no_answer_holds_a_path_a_source_or_a_banner() {
    let server = Server::start();
    let fixtures = files(&repository("tests/fixtures"));
    assert!(fixtures.len() > 100, "{}", fixtures.len());
    let mut refused = 0;
    for file in &fixtures {
        let content = fs::read(file).unwrap();
        for (path, content_type) in [("/classify", ""), ("/predict", "application/json")] {
            let answer = server.post(path, content_type, &content);
            assert!(answer.status < 500, "{}: {}", file.display(), answer.body);
            refused += usize::from(answer.status != 200);
            assert_private(file, &answer.body, &answer.headers);
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn nor_does_one_to_a_seed_of_the_fuzzers() {
    let server = Server::start();
    let seeds = files(&repository("fuzz/seeds/body"));
    assert!(seeds.len() >= 7, "{}", seeds.len());
    for seed in &seeds {
        // The first byte selects the content type in the fuzzer.
        let body = &fs::read(seed).unwrap()[1..];
        for content_type in ["", "text/plain", "application/json", "multipart/form-data; boundary=x"] {
            let answer = server.post("/classify", content_type, body);
            assert!(answer.status < 500, "{}: {}", seed.display(), answer.body);
            assert_private(seed, &answer.body, &answer.headers);
        }
    }
    let function = Function::start();
    let events =
        [repository("tests/fixtures/events"), repository("events")].map(|folder| files(&folder)).concat();
    for event in events.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let text = match function.invoke(&fs::read_to_string(event).unwrap()) {
            Outcome::Response(payload) | Outcome::FunctionError(payload) => payload.to_string(),
        };
        assert_private(event, &text, &HeaderMap::new());
    }
}
