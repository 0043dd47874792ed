//! Whether heat maps add up to what the model answers.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use lambda_image_classifier::model::{Bundle, Model, Runtime};
use upright::{Limits, decode};

use crate::fixtures;

/// ONNX Runtime has one environment for each process, which all tests share.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("lib/libonnxruntime.so");
    Runtime::load(&library).unwrap()
});

fn load(folder: &Path) -> Model {
    Model::load(&RUNTIME, Bundle::read(folder, None).unwrap(), 1, 1, "").unwrap()
}

/// For each class, what is left of its logit when the mean of its evidence is taken off: its bias.
fn biases(model: &Model, photo: &str) -> Vec<f64> {
    let bytes = fs::read(fixtures(photo)).unwrap();
    let picture = decode(&bytes, Limits { max_pixels: 1_000_000 }).unwrap();
    let (logits, evidence, _) = model.explained(&picture.raster).unwrap();
    assert_eq!(logits, model.outputs(&picture.raster).unwrap().0);
    let classes = logits.iter().enumerate();
    classes
        .map(|(class_id, &logit)| {
            let places = model.evidence(&evidence, [(class_id, 1.0)].into_iter()).unwrap();
            f64::from(logit) - places.iter().sum::<f64>() / places.len() as f64
        })
        .collect()
}

fn largest(differences: impl Iterator<Item = f64>) -> f64 {
    differences.map(f64::abs).fold(0.0, f64::max)
}

#[test]
fn the_evidence_of_a_class_sums_to_its_logit_less_the_bias() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("model");
    for (folder, tolerance) in [
        // 8-bit integers: each of the 1,280 means is rounded to a step of 0.02 before the classifier. Of these two
        // photos no logit is off by more than 0.05, where logits differ by up to 11.
        (committed, 0.15),
        (fixtures("models/features-map"), 1e-4),
        (fixtures("models/features-map-f16"), 0.05),
    ] {
        let model = load(&folder);
        let (coffee, cat) = (biases(&model, "coffee.png"), biases(&model, "chelsea.png"));
        let off = largest(coffee.iter().zip(&cat).map(|(coffee, cat)| coffee - cat));
        assert!(off < tolerance, "{}: {off}", folder.display());
    }
}

#[test]
fn the_evidence_of_a_trained_head_sums_to_its_logit_with_its_bias() {
    let dir = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("model");
    for file in ["model.onnx", "model.onnx_data", "preprocessor_config.json"] {
        fs::copy(model.join(file), dir.path().join(file)).unwrap();
    }
    fs::write(dir.path().join("config.json"), r#"{"id2label": {"0": "a", "1": "b"}}"#).unwrap();
    let weight: Vec<u8> = (0..2 * 1280).flat_map(|at| ((at % 7) as f32 / 10.0 - 0.3).to_le_bytes()).collect();
    let bias: Vec<u8> = [0.5_f32, -2.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    let view =
        |shape, data| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, data).unwrap();
    let tensors = [("weight", view(vec![2, 1280], &weight)), ("bias", view(vec![2], &bias))];
    fs::write(dir.path().join("head.safetensors"), safetensors::serialize(tensors, None).unwrap()).unwrap();
    let found = biases(&load(dir.path()), "coffee.png");
    let off = largest(found.iter().zip([0.5, -2.0]).map(|(found, expected)| found - expected));
    assert!(off < 1e-4, "{found:?}");
}
