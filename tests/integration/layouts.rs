//! Bundles in the layouts of other projects, with the real binary.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::models::{bundle, flat, predictions};
use crate::process::binary;
use crate::repository;
use crate::start_up::assert_refused;

/// Returns a folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

fn model(name: &str) -> Vec<u8> {
    fs::read(bundle(name).join("model.onnx")).unwrap()
}

/// Returns a model with metadata: entries of `metadata_props`, field 14 of a `ModelProto` (onnx.proto). A
/// repeated field may be anywhere in the message.
fn with_metadata(mut model: Vec<u8>, entries: &[(&str, &str)]) -> Vec<u8> {
    for (key, value) in entries {
        let field = |tag: u8, text: &[u8]| [&[tag, u8::try_from(text.len()).unwrap()][..], text].concat();
        let entry = [field(0x0a, key.as_bytes()), field(0x12, value.as_bytes())].concat();
        model.extend(field(0x72, &entry));
    }
    model
}

fn command(dir: &Path) -> Command {
    let mut command = binary();
    command.args(["classify", "--json"]).env("MODEL_DIR", dir).env("TOP_K", "10");
    command
}

/// Returns the labels of a picture, the best one first.
fn labels(dir: &Path, variables: &[(&str, &str)]) -> Vec<String> {
    let pictures = folder(&[("flat.bmp", &flat([200, 30, 90]))]);
    let output =
        command(dir).arg(pictures.path().join("flat.bmp")).envs(variables.iter().copied()).output().unwrap();
    predictions(&output).iter().map(|one| one["label"].as_str().unwrap().to_owned()).collect()
}

fn sorted(mut labels: Vec<String>) -> Vec<String> {
    labels.sort();
    labels
}

const PLAIN: &[u8] = br#"{"size": {"height": 8, "width": 8}, "do_normalize": false}"#;

#[test]
fn a_lone_model_that_ultralytics_exported_is_served_with_its_names() {
    let metadata =
        [("task", "classify"), ("imgsz", "[8, 8]"), ("names", "{0: 'ant', 1: \"bee's\", 2: 'cat'}")];
    let dir = folder(&[("best.onnx", &with_metadata(model("probabilities"), &metadata))]);
    assert_eq!(sorted(labels(dir.path(), &[])), ["ant", "bee's", "cat"]);

    let other = [("task", "detect"), metadata[1], metadata[2]];
    let dir = folder(&[("best.onnx", &with_metadata(model("probabilities"), &other))]);
    assert_refused(&mut command(dir.path()), &["best.onnx: ", "the task \"detect\"", "\"classify\""]);
    let fewer = [metadata[0], metadata[1], ("names", "{0: 'ant', 1: 'bee'}")];
    let dir = folder(&[("best.onnx", &with_metadata(model("probabilities"), &fewer))]);
    assert_refused(&mut command(dir.path()), &["it answers 3 classes, but there are 2 labels"]);
    let broken = [metadata[0], metadata[1], ("names", "ant, bee, cat")];
    let dir = folder(&[("best.onnx", &with_metadata(model("probabilities"), &broken))]);
    assert_refused(&mut command(dir.path()), &["best.onnx: the model's metadata names is not a dictionary"]);
    let larger = [metadata[0], ("imgsz", "[9, 9]"), metadata[2]];
    let dir = folder(&[("best.onnx", &with_metadata(model("probabilities"), &larger))]);
    assert_refused(
        &mut command(dir.path()),
        &["the model takes 8 x 8 pixels, but imgsz in its metadata makes 9 x 9"],
    );
    // Its output is known to be probabilities, even if rounding changes their sum.
    let dir = folder(&[("best.onnx", &with_metadata(model("sum-off"), &metadata))]);
    assert_eq!(sorted(labels(dir.path(), &[])), ["ant", "bee's", "cat"]);
    let dir = folder(&[("best.onnx", &model("probabilities"))]);
    assert_refused(&mut command(dir.path()), &["preprocessor_config.json: there is no such file"]);
}

#[test]
fn a_repository_of_timm_is_served_with_its_transform_and_labels() {
    let config = |more: Value| {
        let mut config = json!({
            "architecture": "resnet18",
            "num_classes": 3,
            "pretrained_cfg": {"input_size": [3, 8, 8], "crop_pct": 1.0, "custom_load": false},
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config.to_string()
    };
    let names = json!({
        "label_names": ["n01", "n02", "n03"],
        "label_descriptions": {"n01": "ant", "n02": "bee"},
    });
    let dir = folder(&[("model.onnx", &model("nchw-f32")), ("config.json", config(names).as_bytes())]);
    assert_eq!(sorted(labels(dir.path(), &[])), ["ant", "bee", "n03"]);

    // The format of timm before version 0.8.
    let flat = br#"{"architecture": "resnet18", "num_classes": 3, "input_size": [3, 8, 8], "labels": ["ant", "bee", "cat"]}"#;
    let dir = folder(&[("model.onnx", &model("nchw-f32")), ("config.json", flat)]);
    assert_eq!(sorted(labels(dir.path(), &[])), ["ant", "bee", "cat"]);

    // As Transformers saves it, and as onnx-community copies it.
    let wrapper = config(json!({"model_type": "timm_wrapper", "label2id": {"ant": 0, "bee": "1", "cat": 2}}));
    let processor = br#"{"image_processor_type": "TimmWrapperImageProcessor", "pretrained_cfg": {"input_size": [3, 8, 8]}}"#;
    let dir = folder(&[
        ("onnx/model_quantized.onnx", &model("nchw-f32")),
        ("config.json", wrapper.as_bytes()),
        ("preprocessor_config.json", processor),
    ]);
    assert_eq!(sorted(labels(dir.path(), &[])), ["ant", "bee", "cat"]);

    let border = config(json!({"pretrained_cfg": {"input_size": [3, 8, 8], "crop_mode": "border"}}));
    let dir = folder(&[("model.onnx", &model("nchw-f32")), ("config.json", border.as_bytes())]);
    assert_refused(
        &mut command(dir.path()),
        &["config.json: pretrained_cfg: crop_mode \"border\" is not supported"],
    );
}

/// Returns a timm repository's `config.json` for a network with 3 classes and 8 x 8 pixels, with additional
/// keys.
fn timm(more: Value) -> Vec<u8> {
    let mut config = json!({
        "architecture": "resnet18", "num_classes": 3, "pretrained_cfg": {"input_size": [3, 8, 8], "crop_pct": 1.0},
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config.to_string().into_bytes()
}

#[test]
fn labels_of_timm_are_read_in_every_form() {
    let size = json!([3, 8, 8]);
    for (more, expected) in [
        (json!({"label_names": [7, 8, 9]}), ["7", "8", "9"]),
        (json!({"label_names": {"2": "cat", "0": "ant", "1": "bee"}}), ["ant", "bee", "cat"]),
        (
            json!({"pretrained_cfg": {"input_size": size, "label_names": ["x", "y", "z"],
                "label_descriptions": {"x": "ant", "y": "bee", "z": "cat"}}}),
            ["ant", "bee", "cat"],
        ),
        (json!({"label_names": null, "labels": ["ant", "bee", "cat"]}), ["ant", "bee", "cat"]),
        (json!({"pretrained_cfg": {"input_size": size, "tag": "own"}}), ["LABEL_0", "LABEL_1", "LABEL_2"]),
    ] {
        let dir = folder(&[("model.onnx", &model("nchw-f32")), ("config.json", &timm(more.clone()))]);
        assert_eq!(sorted(labels(dir.path(), &[])), expected, "{more}");
    }
    let dir =
        folder(&[("model.onnx", &model("nchw-f32")), ("config.json", &timm(json!({"label_names": "ant"})))]);
    assert_refused(
        &mut command(dir.path()),
        &["config.json: label_names must be an object from class ids to names"],
    );
}

#[test]
fn timm_models_of_imagenet_have_its_labels() {
    let config = |tag: &str| {
        timm(json!({"num_classes": 1000, "pretrained_cfg": {"input_size": [3, 8, 8], "tag": tag}}))
    };
    let dir = folder(&[("model.onnx", &model("1000-classes")), ("config.json", &config("a1_in1k"))]);
    let found = labels(dir.path(), &[("TOP_K", "1000")]);
    let table = fs::read_to_string(repository("tools/ic_tools/imagenet1k.tsv")).unwrap();
    let column = table.lines().next().unwrap().split('\t').position(|title| title == "en").unwrap();
    let names = table.lines().skip(1).map(|line| line.split('\t').nth(column).unwrap().to_owned());
    assert_eq!(sorted(found), sorted(names.collect()));

    let dir = folder(&[("model.onnx", &model("nchw-f32")), ("config.json", &config("a1_in1k"))]);
    assert_refused(&mut command(dir.path()), &["it answers 3 classes, but there are 1000 labels"]);
}

#[test]
fn a_graph_that_is_not_timms_own_is_not_served_with_timms_pixels() {
    let dir = folder(&[("model.onnx", &model("nhwc")), ("config.json", &timm(json!({})))]);
    assert_refused(
        &mut command(dir.path()),
        &["config.json: pretrained_cfg: ", "[batch, height, width, 3]", "preprocessor_config.json"],
    );
    let larger = timm(json!({"pretrained_cfg": {"input_size": [3, 9, 9]}}));
    let dir = folder(&[("model.onnx", &model("nchw-f32")), ("config.json", &larger)]);
    assert_refused(
        &mut command(dir.path()),
        &["the model takes 8 x 8 pixels, but pretrained_cfg in config.json makes 9 x 9"],
    );
}

#[test]
fn models_that_answer_features_are_refused_unless_their_classes_have_names() {
    let timm_backbone = timm(json!({"num_classes": 0}));
    let dir = folder(&[("model.onnx", &model("nchw-f32")), ("config.json", &timm_backbone)]);
    assert_refused(&mut command(dir.path()), &["config.json: num_classes is 0: the model answers features"]);

    let of = |config: Value| {
        folder(&[
            ("model.onnx", &model("nchw-f32")),
            ("config.json", config.to_string().as_bytes()),
            ("preprocessor_config.json", PLAIN),
        ])
    };
    let dir = of(json!({"architectures": ["CLIPVisionModelWithProjection"]}));
    assert_refused(
        &mut command(dir.path()),
        &[
            "config.json: architectures names CLIPVisionModelWithProjection, which answers features",
            "id2label",
        ],
    );
    for served in [
        json!({"architectures": ["ViTModel"], "id2label": ["ant", "bee", "cat"]}),
        json!({"architectures": ["LevitForImageClassificationWithTeacher"]}),
    ] {
        assert_eq!(labels(of(served.clone()).path(), &[]).len(), 3, "{served}");
    }
}

/// Returns what the program logs when it classifies a picture.
fn log(dir: &Path) -> String {
    let pictures = folder(&[("flat.bmp", &flat([200, 30, 90]))]);
    let output = command(dir).arg(pictures.path().join("flat.bmp")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_assumed_of_a_bundle_is_logged() {
    let processor =
        br#"{"size": {"height": 8, "width": 8}, "do_resize": true, "resample": 2, "do_normalize": false}"#;
    let dir = folder(&[
        ("model.onnx", &model("nchw-f32")),
        ("config.json", br#"{"model_type": "edgenext"}"#),
        ("preprocessor_config.json", processor),
    ]);
    let log = log(dir.path());
    assert!(log.contains("this image processor is not known") && log.contains("edgenext"), "{log}");
    assert!(log.contains("they are called LABEL_0 and so on"), "{log}");
}

/// Exporters copy timm's `crop_pct` next to a class that does not read it.
#[test]
fn a_crop_of_timm_in_another_processors_file_is_followed_where_timm_describes_it_and_else_refused() {
    for class in ["ImageFeatureExtractor", "ViTImageProcessor"] {
        let processor = json!({
            "image_processor_type": class, "crop_pct": 0.95, "do_resize": true, "resample": 3, "do_normalize": false,
            "do_rescale": true, "size": {"height": 8, "width": 8},
        });
        let processor = processor.to_string();
        let files = |config: &[u8]| {
            folder(&[
                ("model.onnx", &model("nchw-f32")),
                ("config.json", config),
                ("preprocessor_config.json", processor.as_bytes()),
            ])
        };
        let log = log(files(&timm(json!({}))).path());
        assert!(log.contains("pretrained_cfg in config.json is followed"), "{log}");
        assert_refused(
            &mut command(files(b"{}").path()),
            &["preprocessor_config.json: crop_pct is 0.95, which is not supported: remove it"],
        );
    }
}

#[test]
fn the_file_that_transformers_5_writes_is_followed() {
    let processor = br#"{"image_processor": {"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}},
                         "processor_class": "Some"}"#;
    let files: [(&str, &[u8]); 2] =
        [("model.onnx", &model("nchw-f32")), ("processor_config.json", processor)];
    assert_eq!(labels(folder(&files).path(), &[]).len(), 3);
    // It takes precedence over the file of Transformers 4, as in Transformers.
    let old: [(&str, &[u8]); 1] = [("preprocessor_config.json", br#"{"do_pad": true}"#)];
    assert_eq!(labels(folder(&[files[0], files[1], old[0]]).path(), &[]).len(), 3);
    // Except if it has no image processor.
    let other: [(&str, &[u8]); 2] =
        [("processor_config.json", br#"{"processor_class": "Some"}"#), ("preprocessor_config.json", PLAIN)];
    assert_eq!(labels(folder(&[files[0], other[0], other[1]]).path(), &[]).len(), 3);
}

#[test]
fn classes_without_names_are_called_as_transformers_calls_them() {
    for (config, expected) in [
        ("{}", ["LABEL_0", "LABEL_1", "LABEL_2"]),
        (r#"{"id2label": null}"#, ["LABEL_0", "LABEL_1", "LABEL_2"]),
        (r#"{"label2id": {"ant": 0, "bee": 1, "cat": 2}}"#, ["ant", "bee", "cat"]),
        (r#"{"id2label": ["ant", "bee", "cat"]}"#, ["ant", "bee", "cat"]),
        (r#"{"id2label": {"0": 1, "1": 2, "2": 3}}"#, ["1", "2", "3"]),
    ] {
        let dir = folder(&[
            ("model.onnx", &model("nchw-f32")),
            ("config.json", config.as_bytes()),
            ("preprocessor_config.json", PLAIN),
        ]);
        assert_eq!(sorted(labels(dir.path(), &[])), expected, "{config}");
    }
    for (config, expected) in [
        (r#"{"id2label": {"a": "ant"}}"#, "id2label: \"a\" is not a class id"),
        (r#"{"id2label": 3}"#, "id2label must be an object"),
        (r#"{"label2id": ["ant"]}"#, "label2id must be an object"),
        (r#"{"model_type": 3}"#, "model_type must be a text, not 3"),
        (r#"{"graph_output": "scores"}"#, "graph_output must be \"logits\" or \"probabilities\""),
    ] {
        let dir = folder(&[
            ("model.onnx", &model("nchw-f32")),
            ("config.json", config.as_bytes()),
            ("preprocessor_config.json", PLAIN),
        ]);
        assert_refused(&mut command(dir.path()), &["config.json: ", expected]);
    }
}

#[test]
fn the_only_model_of_a_bundle_is_taken_and_of_several_the_one_that_is_named() {
    let several = folder(&[
        ("onnx/model_fp16.onnx", &model("f16")),
        ("onnx/model_int8.onnx", &model("nchw-f32")),
        ("preprocessor_config.json", PLAIN),
    ]);
    let dir = several.path();
    let list = ["set MODEL_FILE to one of ", "onnx/model_fp16.onnx (0.0 MB), onnx/model_int8.onnx (0.0 MB)"];
    assert_refused(&mut command(dir), &["none of its .onnx files is called model.onnx", list[0], list[1]]);
    let named = |file: &str| {
        let mut command = command(dir);
        command.env("MODEL_FILE", file);
        command
    };
    assert_eq!(labels(dir, &[("MODEL_FILE", "onnx/model_int8.onnx")]).len(), 3);
    assert_eq!(labels(dir, &[("MODEL_FILE", "./onnx/model_fp16.onnx")]).len(), 3);
    assert_refused(&mut named("model.onnx"), &["model.onnx: there is no such file", list[0], list[1]]);
    for outside in ["../model.onnx", "/etc/passwd", "onnx/../../x.onnx"] {
        assert_refused(
            &mut named(outside),
            &["MODEL_FILE must be the path of a file in the bundle", outside],
        );
    }
    let none = folder(&[("preprocessor_config.json", PLAIN)]);
    assert_refused(&mut command(none.path()), &["it holds no .onnx file, neither itself nor in onnx/"]);
}
