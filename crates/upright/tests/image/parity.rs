//! The pixels are those of Pillow: equal for JPEG, else within 2/255 in the mean of a picture. `tools/make_goldens.py` wrote them.

use std::fs;
use std::io::Cursor;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::{LIMITS, decode, fixtures, names, read};

/// The mean absolute difference that is allowed: decoders of lossy WebP round in their own ways.
const MEAN: f64 = 2.0;

/// `tools/make_jpegs.py` wrote the files and hashed Pillow's pixels.
#[test]
fn jpeg_pixels_equal_those_of_pillow_bit_for_bit() {
    let lines = fs::read_to_string(fixtures("jpegs.tsv")).unwrap();
    let mut different = Vec::new();
    for line in lines.lines() {
        let [name, right, file] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let file = BASE64_STANDARD.decode(file).unwrap();
        let picture = decode(&file, LIMITS).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let hash = Sha256::digest(picture.raster.rgb().as_raw());
        if hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>() != right {
            different.push(name);
        }
    }
    assert!(lines.lines().count() > 150);
    assert!(different.is_empty(), "{} files differ: {different:?}", different.len());
}

fn golden(name: &str) -> Option<(u32, u32, Vec<u8>)> {
    let file = format!("{name}.png");
    if !fixtures("goldens").join(&file).exists() {
        return None;
    }
    let mut reader = png::Decoder::new(Cursor::new(read("goldens", &file))).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb, "{name}");
    Some((info.width, info.height, pixels))
}

#[test]
fn the_mean_difference_to_pillow_is_at_most_2_of_255_for_every_golden() {
    let mut compared = 0;
    for name in names("kinds") {
        let Some((width, height, right)) = golden(&name) else { continue };
        let picture =
            decode(&read("kinds", &name), LIMITS).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(picture.raster.rgb().dimensions(), (width, height), "{name}");
        let sum: u64 =
            picture.raster.rgb().as_raw().iter().zip(&right).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let mean = sum as f64 / right.len() as f64;
        assert!(mean <= MEAN, "{name}: {mean:.2}");
        if name.ends_with(".jpg") {
            assert_eq!(sum, 0, "{name}: {mean:.4}");
        }
        // Without loss there is nothing to round, but for 16 bits to 8 and for alpha.
        let lossless = !name.ends_with(".jpg") && !name.contains("lossy") && !name.contains("orientation");
        // The chroma of each tile is interpolated by itself, where libavif does it over their seams.
        let lossless = lossless && name != "grid_420.avif";
        if lossless && !name.ends_with(".webp") {
            let most = picture.raster.rgb().as_raw().iter().zip(&right).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most <= Some(8), "{name}: {most:?}");
        }
        compared += 1;
    }
    assert!(compared > 210, "{compared} goldens");
}
