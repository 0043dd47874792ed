//! Tensors against those of the libraries that models are trained with: Hugging Face's image processors
//! (`tools/make_processor_goldens.py`), timm and Ultralytics (`tools/make_transform_goldens.py`).

use std::fs;
use std::path::{Path, PathBuf};

use lambda_image_classifier::model::{Layout, Preprocessor};
use serde_json::Value;
use upright::{Limits, decode};

use crate::fixtures;

const LIMITS: Limits = Limits { max_pixels: 1_000_000 };

fn json(path: &Path) -> Option<Value> {
    fs::read(path).ok().map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

/// The values that the golden holds: every so many rows and columns.
fn strided(tensor: &[f32], (height, width): (usize, usize), stride: usize) -> Vec<f32> {
    let planes = tensor.chunks_exact(height * width);
    planes
        .flat_map(|plane| {
            plane.chunks_exact(width).step_by(stride).flat_map(|row| row.iter().copied().step_by(stride))
        })
        .collect()
}

/// What a byte more or less is in the units of this tensor: the smallest step between two values of a channel.
fn one_level(golden: &[f32]) -> f32 {
    let mut red = golden[..golden.len() / 3].to_vec();
    red.sort_by(f32::total_cmp);
    let steps = red.windows(2).map(|pair| pair[1] - pair[0]).filter(|&step| step > 1e-4);
    steps.fold(f32::INFINITY, f32::min)
}

/// How far the tensors of the two pictures are from the goldens of a variant, in steps of a byte: at worst and on average.
fn compare(folder: &Path, preprocessor: &Preprocessor) -> [(f32, f32); 2] {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let golden = json(&folder.join("golden.json")).unwrap();
    let tensors = golden["tensors"].as_str().map_or(folder.to_path_buf(), fixtures);
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let (height, width) = (number(&golden["shape"][1]), number(&golden["shape"][2]));
    let (output_width, output_height) = preprocessor.output_size();
    assert_eq!((output_height as usize, output_width as usize), (height, width), "{name}");
    ["wide", "tall"].map(|picture| {
        let file = fs::read(fixtures("processors").join(format!("{picture}.png"))).unwrap();
        let raster = decode(&file, LIMITS).unwrap().raster;
        let tensor = preprocessor.tensor(&raster, Layout::Nchw).unwrap();
        let values = strided(&tensor, (height, width), number(&golden["stride"]));
        let golden = fs::read(tensors.join(format!("{picture}.f32"))).unwrap();
        let golden: Vec<f32> = golden.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(values.len(), golden.len(), "{name}");
        let level = one_level(&golden);
        let differences: Vec<f32> =
            values.iter().zip(&golden).map(|(one, other)| (one - other).abs() / level).collect();
        let worst = differences.iter().copied().fold(0.0, f32::max);
        let mean = differences.iter().sum::<f32>() / differences.len() as f32;
        // The box filter takes or leaves a whole pixel where its edge falls on the middle of one, by the last bit
        // of a sum; nobody uses it.
        let (most, on_average) = if name.ends_with("vit-box") { (25.0, 0.3) } else { (1.1, 0.1) };
        assert!(
            worst <= most && mean <= on_average,
            "{name}, {picture}: {worst} levels at worst, {mean} in the mean"
        );
        (worst, mean)
    })
}

/// What docs/models.md says of the goldens.
fn print_summary(found: &[(f32, f32)]) {
    let most = |of: fn(&(f32, f32)) -> f32| found.iter().map(of).fold(0.0, f32::max);
    println!(
        "{} tensors, {} of them the same in every value; steps of a byte at worst {}, on average of a tensor {} at most",
        found.len(),
        found.iter().filter(|(worst, _)| *worst < 0.01).count(),
        most(|(worst, _)| *worst),
        most(|(_, mean)| *mean)
    );
}

/// The folders of the variants.
fn variants(of: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(fixtures(of)).unwrap();
    let mut folders: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[test]
fn each_variant_of_a_processor_has_the_tensor_of_its_golden() {
    let mut found = Vec::new();
    for folder in variants("processors") {
        let config = fs::read_to_string(folder.join("preprocessor_config.json")).unwrap();
        let model_type = json(&folder.join("config.json")).map(|config| config["model_type"].clone());
        let model_type = model_type.as_ref().and_then(Value::as_str);
        let preprocessor = Preprocessor::from_json(&config, model_type)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        found.extend(compare(&folder, &preprocessor));
    }
    assert!(found.len() >= 74, "{} goldens", found.len());
    print_summary(&found);
}

#[test]
fn transforms_of_timm_ultralytics_and_transformers_5_have_the_tensors_of_their_goldens() {
    let mut found = Vec::new();
    for folder in variants("transforms") {
        let read = |file: &str| json(&folder.join(file));
        let preprocessor = if let Some(config) = read("config.json") {
            // The model fixes the size for which it was exported.
            let shape = read("golden.json").unwrap()["shape"].clone();
            let side = |at: usize| u32::try_from(shape[at].as_u64().unwrap()).ok();
            Preprocessor::from_timm(&config["pretrained_cfg"].to_string(), (side(2), side(1)))
        } else if let Some(metadata) = read("metadata.json") {
            let text = |key: &str| metadata[key].as_str().unwrap();
            Preprocessor::from_ultralytics(text("task"), text("imgsz"))
        } else {
            Preprocessor::from_json(&read("preprocessor_config.json").unwrap().to_string(), None)
        };
        let preprocessor = preprocessor.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        found.extend(compare(&folder, &preprocessor));
    }
    assert!(found.len() >= 92, "{} goldens", found.len());
    print_summary(&found);
}

#[test]
fn a_test_size_that_is_the_training_size_does_not_change_the_crop() {
    let read = |cfg: &str| format!("{:?}", Preprocessor::from_timm(cfg, (Some(8), Some(8))).unwrap());
    let plain = read(r#"{"input_size": [3, 8, 8], "crop_pct": 0.8}"#);
    let same = read(
        r#"{"input_size": [3, 8, 8], "crop_pct": 0.8, "test_input_size": [3, 8, 8], "test_crop_pct": 1.0}"#,
    );
    assert_eq!(same, plain);
}

#[test]
fn what_timm_does_and_this_program_does_not_is_refused_by_its_name() {
    for (cfg, expected) in [
        (r#"{"crop_mode": "border"}"#, "crop_mode \"border\" is not supported; center and squash are"),
        (r#"{"interpolation": "random"}"#, "interpolation \"random\" is not supported"),
        (r#"{"input_size": [1, 28, 28]}"#, "input_size has 1 channels; 3 are supported"),
        (r#"{"input_size": 224}"#, "input_size must be [channels, height, width], not 224"),
        (r#"{"crop_pct": 0}"#, "crop_pct must be above 0, not 0"),
        (r#"{"crop_pct": 1e-9}"#, "pixels a side are not supported"),
        (r#"{"mean": "imagenet"}"#, "mean must be three numbers, not \"imagenet\""),
        (r#"{"std": [0, 0, 0]}"#, "mean and std give no finite numbers"),
    ] {
        let error = Preprocessor::from_timm(cfg, (None, None)).unwrap_err();
        assert!(error.contains(expected), "{cfg}: {error}");
    }
}
