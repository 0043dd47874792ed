//! Shared by the benchmarks: a loaded model with one thread, and the photos.

use std::fs;
use std::path::Path;

use clap::Parser as _;
use lambda_image_classifier::cli::Arguments;
use lambda_image_classifier::{Classifier, Config};

/// The committed model on one thread, as on a Lambda function of 1769 MB or less.
pub fn load() -> (Config, Classifier) {
    let arguments = Arguments::parse_from(["image-classifier", "--intra-threads", "1"]);
    let config = Config::from_settings(&arguments.settings).expect("the default configuration");
    let classifier =
        Classifier::load(&config, 1).expect("the committed model; `make setup` fetches ONNX Runtime");
    (config, classifier)
}

/// A photo of 500 × 375 pixels, like most of ImageNet.
pub fn photo() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/coffee_500x375.jpg"))
        .expect("a fixture")
}
