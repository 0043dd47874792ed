//! `image-classifier train`: generated pictures → a bundle that the program serves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::emulator::Function;
use crate::models::{bundle, flat, predictions};
use crate::process::binary;
use crate::repository;
use crate::server::Server;
use crate::start_up::assert_refused;

const COLORS: [(&str, [u8; 3]); 3] =
    [("blue", [20, 30, 200]), ("green", [20, 180, 30]), ("red", [220, 20, 10])];

/// Makes a folder for each colour, with this number of pictures in its shades.
fn photos(count: u8) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, color) in COLORS {
        let folder = dir.path().join("photos").join(name);
        fs::create_dir_all(&folder).unwrap();
        for index in 0..count {
            fs::write(folder.join(format!("{index}.bmp")), shade(color, index)).unwrap();
        }
    }
    dir
}

fn shade(color: [u8; 3], index: u8) -> Vec<u8> {
    flat(color.map(|channel| channel + index))
}

fn train(dir: &Path) -> Command {
    let mut command = binary();
    command.arg("train").arg(dir.join("photos")).arg("--out").arg(dir.join("models/mine"));
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

#[track_caller]
fn refused(command: &mut Command, expected: &str) {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(expected), "{expected:?} is not in {}", text(&output.stderr));
}

/// Returns the files of a folder with their bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn a_bundle_of_ones_own_classes_is_trained_and_answers_like_any_other() {
    let dir = photos(6);
    let dir = dir.path();
    fs::write(dir.join("photos/red/broken.jpg"), b"not a picture").unwrap();
    fs::copy(dir.join("photos/red/0.bmp"), dir.join("photos/red/copy.bmp")).unwrap();
    let output = succeeds(&mut train(dir));
    let said = text(&output.stdout);
    assert!(said.starts_with("18 different pictures of 3 classes (20 files; 1 left out; 0 of 19 "), "{said}");
    assert!(said.contains("cross-validated top-1: 18 of 18 (100.0 %)"), "{said}");
    let log = text(&output.stderr);
    assert!(log.contains("left out: ") && log.contains("red/broken.jpg: "), "{log}");

    let mine = dir.join("models/mine");
    let bundle = files(&mine);
    let names: Vec<&str> = bundle.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "README.md",
            "config.json",
            "head.safetensors",
            "model.onnx",
            "model.onnx_data",
            "preprocessor_config.json"
        ]
    );
    let card = text(&bundle["README.md"]);
    for line in ["| red | 6 | 6 (100.0 %) |", "| seed | 0 |", "license: \"apache-2.0\""] {
        assert!(card.lines().any(|found| found == line), "{line} is not in {card}");
    }

    for (name, color) in COLORS {
        let picture = dir.join("unseen.bmp");
        fs::write(&picture, shade(color, 6)).unwrap();
        let output = succeeds(binary().args(["classify", "--json"]).arg(&picture).env("MODEL_DIR", &mine));
        let answer = predictions(&output);
        assert_eq!((answer.len(), &answer[0]["label"]), (3, &Value::from(name)), "{answer:?}");
        assert!(answer[0]["score"].as_f64().unwrap() > 0.8, "{answer:?}");
        let sum: f64 = answer.iter().map(|one| one["score"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{answer:?}");
    }

    // Again, with cached embeddings: the same bytes, and no other files are left.
    let output = succeeds(&mut train(dir));
    assert!(text(&output.stdout).contains("19 of 19 embeddings were remembered"));
    assert!(files(&mine) == bundle);
    let beside: Vec<_> =
        fs::read_dir(dir.join("models")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    // Another seed splits the pictures differently; the layer trained on all pictures may still be the same.
    succeeds(train(dir).args(["--seed", "1"]));
    assert!(text(&files(&mine)["README.md"]).contains("| seed | 1 |"));
}

#[test]
fn info_tells_of_the_head_and_the_head_belongs_to_its_model() {
    let dir = photos(5);
    let dir = dir.path();
    succeeds(&mut train(dir));
    let mine = dir.join("models/mine");
    let server = Server::start_with(binary().env("MODEL_DIR", &mine));
    let info = server.get("/info").json();
    let committed = Server::start().get("/info").json();
    assert_eq!((&info["model"]["name"], &info["model"]["classes"]), (&"mine".into(), &3.into()));
    assert_eq!(info["model"]["head"]["backbone_sha256"], committed["model"]["sha256"]);
    assert_ne!(info["model"]["sha256"], committed["model"]["sha256"]);
    assert_eq!(committed["model"]["head"], Value::Null);
    let answer = server.post("/predict?function_to_apply=none", "image/bmp", &shade(COLORS[2].1, 0));
    assert_eq!(answer.json()[0]["label"], "red");

    let function = Function::start_with(binary().env("MODEL_DIR", &mine));
    let event = json!({"image": BASE64_STANDARD.encode(shade(COLORS[0].1, 0))});
    let answer = function.invoke(&event.to_string()).response();
    assert_eq!(
        (&answer["predictions"][0]["label"], &answer["model"]["name"]),
        (&"blue".into(), &"mine".into())
    );

    // A trained bundle can be trained again, in its place.
    succeeds(train(dir).env("MODEL_DIR", &mine));
    assert_eq!(
        Server::start_with(binary().env("MODEL_DIR", &mine)).get("/info").json()["model"],
        info["model"]
    );

    let head = fs::read(mine.join("head.safetensors")).unwrap();
    let mut other = head.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(mine.join("head.safetensors"), other).unwrap();
    assert_refused(binary().env("MODEL_DIR", &mine), &["model_sha256 in README.md says"]);
    fs::write(mine.join("head.safetensors"), &head[..head.len() - 4]).unwrap();
    assert_refused(binary().env("MODEL_DIR", &mine), &["head.safetensors: it is not a safetensors file"]);

    // Next to a model that did not make its embeddings.
    let foreign = tempfile::tempdir().unwrap();
    for (name, file) in files(&bundle("nchw-f32")) {
        fs::write(foreign.path().join(name), file).unwrap();
    }
    fs::write(foreign.path().join("head.safetensors"), head).unwrap();
    assert_refused(
        binary().env("MODEL_DIR", foreign.path()),
        &["head.safetensors: it was trained with the model whose sha256 is"],
    );
}

#[test]
fn a_head_that_does_not_fit_its_model_is_refused() {
    let header = r#"{"weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"bias":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#;
    let head =
        [&u64::try_from(header.len()).unwrap().to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat();
    for (name, expected) in [
        ("nchw-f32", "the model has no output \"features\""),
        ("features-vector", "it takes embeddings of 1 values, but those of the model have"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        for (file, content) in files(&bundle(name)) {
            fs::write(dir.path().join(file), content).unwrap();
        }
        fs::write(dir.path().join("head.safetensors"), &head).unwrap();
        assert_refused(binary().env("MODEL_DIR", dir.path()), &["head.safetensors: ", expected]);
    }
}

#[test]
fn a_table_names_files_and_labels() {
    let dir = photos(5);
    let dir = dir.path();
    let mut table = "file,label\n".to_owned();
    for (name, _) in COLORS {
        let label = if name == "red" { "warm" } else { "\"cold, or the like\"" };
        table.extend((0..5).map(|index| format!("photos/{name}/{index}.bmp,{label}\n")));
    }
    table += "photos/red/missing.bmp,warm\n";
    fs::write(dir.join("table.csv"), table).unwrap();
    let mut command = binary();
    command.arg("train").arg(dir.join("table.csv")).arg("--out").arg(dir.join("mine"));
    let output = succeeds(&mut command);
    assert!(text(&output.stderr).contains("red/missing.bmp: No such file"));
    let config: Value = serde_json::from_slice(&files(&dir.join("mine"))["config.json"]).unwrap();
    assert_eq!(config["id2label"], json!({"0": "cold, or the like", "1": "warm"}));
}

#[test]
fn what_cannot_be_trained_is_refused_and_nothing_is_written() {
    let refused_in = |change: &dyn Fn(&Path), expected: &str| {
        let dir = photos(5);
        change(&dir.path().join("photos"));
        refused(&mut train(dir.path()), expected);
        assert!(!dir.path().join("models/mine").exists(), "{expected}");
    };
    refused_in(
        &|photos| ["blue", "green"].iter().for_each(|name| fs::remove_dir_all(photos.join(name)).unwrap()),
        "only one: red",
    );
    refused_in(&|photos| fs::remove_file(photos.join("red/0.bmp")).unwrap(), "too few are of: red (4)");
    refused_in(
        &|photos| fs::write(photos.join("red/0.bmp"), "no picture").unwrap(),
        "too few are of: red (4)",
    );
    refused_in(
        &|photos| {
            for index in 1..5 {
                fs::copy(photos.join("red/0.bmp"), photos.join(format!("red/{index}.bmp"))).unwrap();
            }
        },
        "too few are of: red (1)",
    );
    refused_in(
        &|photos| {
            fs::copy(photos.join("red/0.bmp"), photos.join("blue/red.bmp")).unwrap();
        },
        "are the same picture, but one is labelled",
    );

    let dir = photos(5);
    let mine = dir.path().join("models/mine");
    refused(train(dir.path()).env("MODEL_DIR", bundle("nchw-f32")), "has no output \"features\"");
    fs::create_dir_all(&mine).unwrap();
    fs::write(mine.join("thesis.txt"), "years of work").unwrap();
    refused(&mut train(dir.path()), "is not a bundle that was trained");
    assert_eq!(files(&mine).len(), 1);
    let photos = dir.path().join("photos");
    refused(
        binary().arg("train").arg(&photos).args(["--out", ".."]).current_dir("/"),
        "this is not the name of a folder",
    );
    refused(
        binary().arg("train").arg(&photos).arg("--out").arg(photos.join("mine")),
        "would lie among the photos",
    );
    refused(
        binary().arg("train").arg(repository("Cargo.toml")).arg("--out").arg(&mine),
        "must name the columns",
    );
}
