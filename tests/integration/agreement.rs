//! The program gives the same labels as the training pipeline, as far as an 8-bit model can.

use std::path::PathBuf;

use serde_json::Value;

use crate::process::binary;

/// Uses the photos in the folder `PHOTOS`; they must not be distributed with the source.
#[test]
fn labels_agree_with_pytorch_on_labelled_photos() {
    let Some(photos) = std::env::var_os("PHOTOS").filter(|photos| !photos.is_empty()).map(PathBuf::from)
    else {
        println!("not checked: set PHOTOS to a folder of labelled photos with a reference.json");
        return;
    };
    let output = binary().args(["evaluate", "--json"]).arg(photos).output().unwrap();
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reference = &figures["reference"];
    let count = |key: &str| reference[key].as_f64().unwrap();
    assert!(count("photos") >= 100.0, "{figures}");
    let photos = count("photos");
    assert!(count("agreeing") / photos >= 0.97, "{figures}");
    assert!(count("mean_abs_probability_difference") < 0.02, "{figures}");
    assert!(figures["top1"].as_f64().unwrap() / photos >= 0.9, "{figures}");
}
