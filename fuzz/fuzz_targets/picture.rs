//! Decodes the bytes of an image into pixels, and converts these to a tensor.

#![no_main]

use std::sync::LazyLock;

use upright::{Limits, Raster, decode, decode_within};
use lambda_image_classifier::model::{Layout, Preprocessor};
use libfuzzer_sys::fuzz_target;

/// A small input size, so that most of the time goes into decoding.
static PREPROCESSOR: LazyLock<Preprocessor> = LazyLock::new(|| {
    Preprocessor::from_json(
        r#"{"size": {"shortest_edge": 36}, "resample": 3, "do_center_crop": true, "crop_size": 32,
            "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}"#,
        None,
    )
    .expect("the configuration is valid")
});

fuzz_target!(init: {
    // A panic in a dependency is caught and becomes an error, and this is under test. libFuzzer's hook would
    // end the process, so it is skipped for these panics. A panic in our own code is also caught, but it is a
    // bug, so the hook runs.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.location().is_some_and(|location| location.file().contains("/registry/")) {
            hook(info);
        }
    }));
}, |data: &[u8]| {
    let limits = Limits { max_pixels: 4_000_000 };
    let small = decode_within(data, &mut limits.budget(), &|_, _| (1, 1));
    if let Ok(picture) = &small {
        check(&picture.raster, limits);
    }
    if let Ok(whole) = decode(data, limits) {
        check(&whole.raster, limits);
        let small = small.expect("what can be decoded whole can be decoded smaller");
        assert_eq!(small.raster.size(), whole.raster.size());
    }
});

fn check(raster: &Raster, limits: Limits) {
    let (width, height) = raster.size();
    assert!((1..=limits.max_pixels).contains(&(u64::from(width) * u64::from(height))));
    let tensor = PREPROCESSOR.tensor(raster, Layout::Nchw).expect("every picture has a tensor");
    assert_eq!(tensor.len(), 3 * 32 * 32);
    assert!(tensor.iter().all(|value| (-1.001..=1.001).contains(value)));
}
