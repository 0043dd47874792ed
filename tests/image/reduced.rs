//! A smaller copy of a JPEG is the same picture.

use lambda_image_classifier::image::{Raster, decode_within};
use lambda_image_classifier::model::{Layout, Preprocessor};

use super::{LIMITS, decode, names, read};

/// Decodes for a purpose that needs a part of the picture's size.
fn small(bytes: &[u8], factor: u32) -> Raster {
    // Twice as many pixels are kept as are asked for.
    let target = |width: u32, height: u32| (width / factor / 2, height / factor / 2);
    decode_within(bytes, &mut LIMITS.budget(), &target).unwrap().raster
}

/// The mean difference of two pictures, of 255, once they are scaled to 4 × 4 pixels.
fn difference(one: &Raster, other: &Raster) -> f32 {
    let squeezed = Preprocessor::from_json(
        r#"{"size": {"height": 4, "width": 4}, "resample": 2, "do_rescale": false, "do_normalize": false}"#,
        Some("vit"),
    )
    .unwrap();
    let tensor = |raster: &Raster| squeezed.tensor(raster, Layout::Nhwc).unwrap();
    let (one, other) = (tensor(one), tensor(other));
    one.iter().zip(&other).map(|(a, b)| (a - b).abs()).sum::<f32>() / one.len() as f32
}

#[test]
fn every_kind_of_jpeg_is_the_same_picture_at_a_half_a_quarter_and_an_eighth() {
    let (mut compared, mut turned) = ([0; 9], 0);
    for name in names("kinds").into_iter().filter(|name| name.ends_with(".jpg")) {
        let bytes = read("kinds", &name);
        let Ok(whole) = decode(&bytes, LIMITS).map(|picture| picture.raster) else { continue };
        let (width, height) = whole.size();
        for factor in [2, 4, 8] {
            let copy = small(&bytes, factor);
            assert_eq!(copy.size(), (width, height), "{name}");
            let side = |side: u32| side.div_ceil(copy.factor());
            assert_eq!(copy.rgb().dimensions(), (side(width), side(height)), "{name}");
            // A few pixels with hard edges between them cannot be scaled twice and look alike.
            let mean = difference(&whole, &copy);
            assert!(mean <= 2.5 || width.min(height) < 40, "{name} at 1/{factor}: {mean:.2} of 255");
            compared[copy.factor() as usize] += 1;
            turned += usize::from(copy.corner() != (0.0, 0.0));
        }
    }
    assert!([2, 4, 8].iter().all(|&factor| compared[factor] > 30) && turned > 5, "{compared:?} {turned}");
}

#[test]
fn no_smaller_copy_is_taken_than_the_purpose_allows() {
    let bytes = read("kinds", "plain.jpg");
    let (width, height) = decode(&bytes, LIMITS).unwrap().raster.size();
    for (target, factor) in [(2, 1), (4, 2), (5, 2), (8, 4), (16, 8), (100, 8)] {
        let target = |width: u32, height: u32| (width / target, height / target);
        let raster = decode_within(&bytes, &mut LIMITS.budget(), &target).unwrap().raster;
        assert_eq!((raster.factor(), raster.size()), (factor, (width, height)));
    }
}
