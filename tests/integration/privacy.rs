//! What is nobody's business is in no answer.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;
use crate::server::Server;

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_answer_holds_a_path_a_source_or_a_banner() {
    let server = Server::start();
    let here = repository("");
    let inner = [
        here.to_str().unwrap().trim_end_matches('/'),
        "/src/",
        ".rs:",
        "libonnxruntime",
        "model.onnx",
        "Os {",
    ];
    let fixtures = files(&repository("tests/fixtures"));
    assert!(fixtures.len() > 100, "{}", fixtures.len());
    let mut refused = 0;
    for file in &fixtures {
        let content = fs::read(file).unwrap();
        for (path, content_type) in [("/classify", ""), ("/predict", "application/json")] {
            let answer = server.post(path, content_type, &content);
            assert!(answer.status < 500, "{}: {}", file.display(), answer.body);
            refused += usize::from(answer.status != 200);
            for text in inner {
                assert!(!answer.body.contains(text), "{}: {}", file.display(), answer.body);
            }
            for banner in ["server", "x-powered-by"] {
                assert_eq!(answer.header(banner), "", "{}", file.display());
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
