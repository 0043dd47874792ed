//! A smaller copy of a JPEG is the same picture.

use upright::{Raster, decode_within};

use super::{LIMITS, decode, fixtures, names, read};

/// Decodes for a purpose that needs a part of the picture's size.
fn small(bytes: &[u8], factor: u32) -> Raster {
    // Twice as many pixels are kept as are asked for.
    let target = |width: u32, height: u32| (width / factor / 2, height / factor / 2);
    decode_within(bytes, &mut LIMITS.budget(), &target).unwrap().raster
}

/// The mean difference of a copy, of 255, to the means of the squares of pixels that its pixels stand for. The squares
/// at the edges, which may be cut, are left out.
fn difference(whole: &Raster, copy: &Raster) -> f64 {
    let (factor, (left, top)) = (copy.factor(), copy.corner());
    let start = |corner: f64| (corner * f64::from(factor)).round() as i64;
    let (width, height) = whole.size();
    let (mut sum, mut count) = (0.0, 0.0);
    for (x, y, pixel) in copy.rgb().enumerate_pixels() {
        let (from_x, from_y) = (i64::from(x * factor) - start(left), i64::from(y * factor) - start(top));
        let inside = |from: i64, side: u32| from >= 0 && from + i64::from(factor) <= i64::from(side);
        if !inside(from_x, width) || !inside(from_y, height) {
            continue;
        }
        for channel in 0..3 {
            let square = (0..factor * factor).map(|at| {
                let (x, y) = (from_x as u32 + at % factor, from_y as u32 + at / factor);
                f64::from(whole.rgb().get_pixel(x, y).0[channel])
            });
            let mean = square.sum::<f64>() / f64::from(factor * factor);
            sum += (mean - f64::from(pixel.0[channel])).abs();
            count += 1.0;
        }
    }
    sum / count
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
            // A few pixels with hard edges between them are no photo.
            let mean = if width.min(height) < 40 { 0.0 } else { difference(&whole, &copy) };
            // The slowest cosines are not quite the mean, which shows most where there are few.
            let allowed = [0.01, 1.6, 2.2, 3.5][copy.factor().ilog2() as usize];
            assert!(mean <= allowed, "{name} at 1/{factor}: {mean:.2} of 255");
            compared[copy.factor() as usize] += 1;
            turned += usize::from(copy.corner() != (0.0, 0.0));
        }
    }
    assert!([2, 4, 8].iter().all(|&factor| compared[factor] > 30) && turned > 5, "{compared:?} {turned}");
}

#[test]
fn a_progressive_file_gives_the_very_copy_that_its_sequential_twin_gives() {
    let twins = [
        ("plain", "progressive"),
        ("420", "progressive_420"),
        ("422", "progressive_422"),
        ("420", "progressive_restart"),
        ("grey", "progressive_grey"),
        ("cmyk", "progressive_cmyk"),
        ("444_as_2x2", "scans"),
    ];
    for (sequential, twin) in twins {
        for factor in [2, 4, 8] {
            let copy = |name: &str| small(&read("kinds", &format!("{name}.jpg")), factor);
            let (one, other) = (copy(sequential), copy(twin));
            assert!(one == other, "{twin} at 1/{factor}");
        }
    }
}

#[test]
fn chroma_that_is_more_than_enough_is_repeated() {
    // A photo, since of the small pictures of the other tests no colour would be left.
    let bytes = std::fs::read(fixtures("").join("coffee_500x375.jpg")).unwrap();
    let whole = decode(&bytes, LIMITS).unwrap().raster;
    let copy = decode_within(&bytes, &mut LIMITS.budget(), &|_, _| (12, 9)).unwrap().raster;
    assert_eq!(copy.factor(), 8);
    assert!(copy != small(&bytes, 8), "it has as much chroma as luma");
    let mean = difference(&whole, &copy);
    assert!(mean <= 3.5, "{mean:.2} of 255");
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
