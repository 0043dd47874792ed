//! Tensors against those of Hugging Face's image processors; `tools/make_processor_goldens.py` made them.

use std::fs;
use std::path::Path;

use lambda_image_classifier::image::{Limits, decode};
use lambda_image_classifier::model::{Layout, Preprocessor};
use serde_json::Value;

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

#[test]
fn each_variant_of_a_processor_has_the_tensor_of_its_golden() {
    let (mut compared, mut exact) = (0, 0);
    let mut variants: Vec<_> =
        fs::read_dir(fixtures("processors")).unwrap().map(|entry| entry.unwrap().path()).collect();
    variants.retain(|path| path.is_dir());
    variants.sort();
    for folder in variants {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let config = fs::read_to_string(folder.join("preprocessor_config.json")).unwrap();
        let model_type = json(&folder.join("config.json")).map(|config| config["model_type"].clone());
        let model_type = model_type.as_ref().and_then(Value::as_str);
        let preprocessor =
            Preprocessor::from_json(&config, model_type).unwrap_or_else(|error| panic!("{name}: {error}"));
        let golden = json(&folder.join("golden.json")).unwrap();
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let (height, width) = (number(&golden["shape"][1]), number(&golden["shape"][2]));
        let (output_width, output_height) = preprocessor.output_size();
        assert_eq!((output_height as usize, output_width as usize), (height, width), "{name}");
        for picture in ["wide", "tall"] {
            let file = fs::read(fixtures("processors").join(format!("{picture}.png"))).unwrap();
            let raster = decode(&file, LIMITS).unwrap().raster;
            let tensor = preprocessor.tensor(&raster, Layout::Nchw).unwrap();
            let values = strided(&tensor, (height, width), number(&golden["stride"]));
            let golden = fs::read(folder.join(format!("{picture}.f32"))).unwrap();
            let golden: Vec<f32> =
                golden.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            assert_eq!(values.len(), golden.len(), "{name}");
            let level = one_level(&golden);
            let differences: Vec<f32> =
                values.iter().zip(&golden).map(|(one, other)| (one - other).abs() / level).collect();
            let worst = differences.iter().copied().fold(0.0, f32::max);
            let mean = differences.iter().sum::<f32>() / differences.len() as f32;
            // The box filter takes or leaves a whole pixel where its edge falls on the middle of one, by the last bit
            // of a sum; nobody uses it.
            let (most, on_average) = if name == "vit-box" { (25.0, 0.3) } else { (1.1, 0.1) };
            assert!(
                worst <= most && mean <= on_average,
                "{name}, {picture}: {worst} levels at worst, {mean} in the mean"
            );
            compared += 1;
            exact += usize::from(worst < 0.01);
        }
    }
    assert!(compared >= 74, "{compared} goldens");
    println!("{exact} of {compared} are the same in every pixel");
}
