//! `image-classifier classify` and `evaluate`.

use std::fs;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::process::binary;
use crate::repository;

fn run(arguments: &[&str]) -> Output {
    binary().args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_version_names_commit_and_model() {
    let card = fs::read_to_string(repository("model/README.md")).unwrap();
    let sha256 = card.lines().find_map(|line| line.strip_prefix("model_sha256: ")).unwrap();
    for flag in ["--version", "-V"] {
        let output = run(&[flag]);
        assert!(output.status.success());
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "image-classifier {version}\ncommit not recorded\nmodel efficientnet-lite0 sha256 {sha256}\n"
        );
        assert_eq!(text(&output.stdout), expected);
    }
}

#[test]
fn the_version_is_told_where_the_model_or_a_setting_is_wrong() {
    for (variable, value, expected) in [
        ("MODEL_DIR", "/nowhere", "model model bundle: there is no directory /nowhere; set MODEL_DIR\n"),
        ("TOP_K", "0", "TOP_K"),
    ] {
        let output = binary().arg("--version").env(variable, value).output().unwrap();
        let stdout = text(&output.stdout);
        assert!(output.status.success() && stdout.starts_with("image-classifier "), "{output:?}");
        assert!(stdout.contains(expected), "{stdout}");
    }
}

#[test]
fn a_table_shows_label_and_percentage() {
    let output = run(&["classify", "tests/fixtures/coffee.png"]);
    assert!(output.status.success());
    let table = text(&output.stdout);
    assert!(table.starts_with("tests/fixtures/coffee.png  (PNG, 600 x 400, "), "{table}");
    assert!(table.contains(" %  espresso"), "{table}");
    assert_eq!(table.lines().count(), 4);
}

#[test]
fn json_is_a_line_a_file_and_a_bad_file_does_not_stop_the_others() {
    let output = run(&[
        "classify",
        "--json",
        "--top-k=1",
        "tests/fixtures/coffee.png",
        "/nowhere.jpg",
        "Cargo.toml",
        "tests/fixtures/flower.jpg",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["predictions"][0]["label"], "espresso");
    assert!(lines[1]["error"].as_str().unwrap().contains("No such file"));
    assert!(lines[2]["error"].as_str().unwrap().contains("is not accepted"));
    assert_eq!(lines[3]["predictions"][0]["label"], "daisy");
    assert_eq!(lines[3]["predictions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_file_name_cannot_forge_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a\n  99.00 %  forged\u{1b}[31m.png");
    fs::copy(repository("tests/fixtures/coffee.png"), &file).unwrap();
    let output = run(&["classify", file.to_str().unwrap()]);
    let table = text(&output.stdout);
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
}

#[test]
fn a_photo_can_come_from_standard_input() {
    let photo = fs::File::open(repository("tests/fixtures/coffee.png")).unwrap();
    let output = binary().args(["classify", "-"]).stdin(photo).output().unwrap();
    assert!(text(&output.stdout).contains("espresso"));
}

#[test]
fn evaluate_counts_photos_in_folders_and_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let put = |from: &str, to: &str| {
        let target = dir.path().join(to);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(repository("tests/fixtures").join(from), target).unwrap();
    };
    put("coffee.png", "n07920052/a.png");
    put("flower.jpg", "n11939491_daisy.jpg");
    put("china.jpg", "n07920052_not_espresso.jpg");
    put("LICENSES.md", "n07920052/broken.jpg");
    let output = run(&["evaluate", "--json", dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&figures["photos"], &figures["top1"]), (&3.into(), &2.into()));
    assert_eq!(figures["confusions"][0]["label"], "espresso");
    assert_eq!(figures["confusions"][0]["answered"], "palace");
    assert!(figures["skipped"][0].as_str().unwrap().contains("broken.jpg"));
}

#[test]
fn evaluate_says_what_it_looks_for_when_there_is_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(&["evaluate", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("n07920052_espresso.jpg"));
}
