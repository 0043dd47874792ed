//! Model bundles of every kind, made by `tools/make_models.py`, with the real binary.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::process::binary;
use crate::repository;
use crate::start_up::assert_refused;

pub fn bundle(name: &str) -> PathBuf {
    repository("tests/fixtures/models").join(name)
}

/// Classifies a picture of one colour.
fn classify(name: &str, color: [u8; 3], variables: &[(&str, &str)]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("flat.bmp");
    fs::write(&file, flat(color)).unwrap();
    let mut command = binary();
    command.args(["classify", "--json"]).arg(&file).env("MODEL_DIR", bundle(name));
    command.envs(variables.iter().copied()).output().unwrap()
}

pub fn predictions(output: &Output) -> Vec<Value> {
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    answer["predictions"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// Returns a 24-bit BMP of 4 × 4 pixels.
pub fn flat([red, green, blue]: [u8; 3]) -> Vec<u8> {
    let header = [54 + 48, 0, 54, 40, 4, 4, 1 | 24 << 16, 0, 48, 0, 0, 0, 0_u32];
    let mut file = b"BM".to_vec();
    file.extend(header.iter().flat_map(|field| field.to_le_bytes()));
    file.extend([blue, green, red].repeat(16));
    file
}

#[test]
fn each_shape_of_model_has_the_scores_that_onnx_runtime_finds_in_python() {
    let expected: Value = serde_json::from_slice(&fs::read(bundle("expected.json")).unwrap()).unwrap();
    let color: [u8; 3] = serde_json::from_value(expected["color"].clone()).unwrap();
    for (name, scores) in expected["scores"].as_object().unwrap() {
        let scores: Vec<f64> = serde_json::from_value(scores.clone()).unwrap();
        // A number above the number of classes returns all.
        let found = predictions(&classify(name, color, &[("TOP_K", "2000")]));
        assert_eq!(found.len(), scores.len(), "{name}");
        let tolerance = if name.contains("f16") { 2e-3 } else { 1e-5 };
        for prediction in found {
            let class = usize::try_from(prediction["class_id"].as_u64().unwrap()).unwrap();
            let score = prediction["score"].as_f64().unwrap();
            assert!(
                (score - scores[class]).abs() <= tolerance,
                "{name}: {prediction}, not {}",
                scores[class]
            );
        }
    }
}

#[test]
fn a_bundle_that_cannot_be_served_is_refused_for_its_own_reason() {
    let table: [(&str, &[&str]); 17] = [
        ("nan", &["model.onnx: its output for class 0 is NaN"]),
        ("sum-off", &["it could be logits or probabilities", "1.001", "graph_output", "problem_type"]),
        ("sigmoid", &["it could be logits or probabilities", "graph_output", "problem_type"]),
        ("multi-label-undeclared", &["it could be logits or probabilities", "graph_output"]),
        ("unknown-operator", &["model.onnx: ", "MatMulOneBit"]),
        ("future-opset", &["model.onnx: ONNX Runtime only", "Opset 99 is under development"]),
        ("declared-sum-off", &["its probabilities sum to 0.9", "not to 1"]),
        ("declared-not-within", &["declared to be probabilities, but is not from 0 to 1"]),
        ("f64", &["the input image is of type", "f32, f16 and u8 are supported"]),
        ("two-inputs", &["the model has 2 inputs; one image is supported"]),
        ("batch-of-two", &["the input image has shape [2, 3, 8, 8]"]),
        ("other-size", &["the model takes 8 x 8 pixels, but preprocessor_config.json makes 9 x 9"]),
        ("u8-rescaled", &["the model takes whole bytes", "do_rescale"]),
        ("argmax", &["the output output is of type", "f32 and f16 are supported"]),
        ("regression", &["config.json: problem_type \"regression\" is not classification"]),
        ("unlabelled", &["it answers 4 classes, but there are 3 labels"]),
        ("external-data-missing", &["model.onnx: ", "model.onnx_data"]),
    ];
    for (name, expected) in table {
        assert_refused(binary().env("MODEL_DIR", bundle(name)), expected);
    }
}

#[test]
fn denied_labels_are_never_answered_and_unknown_ones_are_refused() {
    let labels = |deny| {
        let found = predictions(&classify("nchw-f32", [200, 30, 90], &[("DENY_LABELS", deny)]));
        found.iter().map(|one| one["label"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(labels(""), ["class 2", "class 0", "class 1"]);
    assert_eq!(labels("Class 2"), ["class 0", "class 1"]);
    assert_eq!(labels("2, class 0"), ["class 1"]);
    assert_refused(
        binary().env("MODEL_DIR", bundle("nchw-f32")).env("DENY_LABELS", "class 7, 9, 1"),
        &[
            "DENY_LABELS names what is no class id, WordNet id, label or category of this model: \"class 7\", \"9\"",
        ],
    );
    assert_refused(
        binary().env("MODEL_DIR", bundle("nchw-f32")).env("DENY_LABELS", "0,1,2"),
        &["DENY_LABELS names every class"],
    );
}
