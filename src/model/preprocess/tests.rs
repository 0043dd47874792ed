use ::image::RgbImage;
use fast_image_resize::FilterType;

use super::super::geometry::{Anchor, Resize};
use super::*;

fn preprocessor(resize: Resize, output: (u32, u32), filter: FilterType) -> Preprocessor {
    Preprocessor::new(Plan {
        geometry: Geometry { resize, output, anchor: Anchor::HalfToEven },
        filter: Filter::Convolution(filter),
        scale: [1.0; 3],
        bias: [0.0; 3],
        blue_first: false,
    })
}

fn imagenet() -> Preprocessor {
    preprocessor(Resize::ShortestEdge(256), (224, 224), FilterType::CatmullRom)
}

#[test]
fn a_picture_of_the_scaled_size_is_cropped_and_nothing_else() {
    let picture = RgbImage::from_fn(300, 256, |x, y| ::image::Rgb([x as u8, y as u8, 7]));
    let picture = Raster::from(picture);
    let tensor = imagenet().tensor(&picture, Layout::Nhwc).unwrap();
    // Offsets are (300 - 224) / 2 = 38 and (256 - 224) / 2 = 16.
    assert_eq!(&tensor[..6], [38.0, 16.0, 7.0, 39.0, 16.0, 7.0]);
    let planes = imagenet().tensor(&picture, Layout::Nchw).unwrap();
    assert_eq!((planes[0], planes[1], planes[224 * 224]), (38.0, 39.0, 16.0));
}

#[test]
fn a_model_that_sees_a_margin_has_a_region_larger_than_the_picture() {
    // 100 x 50 becomes 200 x 100, with 50 rows of zeros above and below. Each of its pixels covers half a
    // pixel of the picture.
    let padding = preprocessor(Resize::ShortestEdge(100), (200, 200), FilterType::Bilinear);
    let wide = Region { x: 0.0, y: -25.0, width: 100.0, height: 100.0 };
    assert_eq!(padding.region(100, 50), wide);
    let tall = Region { x: -25.0, y: 0.0, width: 100.0, height: 100.0 };
    assert_eq!(padding.region(50, 100), tall);
}

#[test]
fn cropping_before_scaling_gives_the_same_as_after() {
    let picture =
        RgbImage::from_fn(640, 427, |x, y| ::image::Rgb([((x * 7) ^ (y * 3)) as u8, (x + y) as u8, x as u8]));
    let picture = Raster::from(picture);
    let folded = imagenet().tensor(&picture, Layout::Nhwc).unwrap();
    let whole = preprocessor(Resize::Exact { width: 383, height: 256 }, (383, 256), FilterType::CatmullRom);
    let scaled = whole.tensor(&picture, Layout::Nhwc).unwrap();
    let (left, top) = (80, 16);
    let mut worst = 0.0f32;
    for y in 0..224 {
        for x in 0..224 * 3 {
            let after = scaled[((y + top) * 383 + left) * 3 + x];
            worst = worst.max((folded[y * 224 * 3 + x] - after).abs());
        }
    }
    assert!(worst <= 1.0, "a difference of {worst} of 255");
}

#[test]
fn a_thin_picture_that_is_squeezed_into_a_square_keeps_its_parts() {
    let square = |side| Resize::Exact { width: side, height: side };
    let squeezed = preprocessor(square(224), (224, 224), FilterType::Bilinear);
    for (width, height) in [(1, 20_000_000), (20_000_000, 1), (30_000, 1500)] {
        // The first half dark, the second half bright.
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let second = if width > height { x >= width / 2 } else { y >= height / 2 };
            ::image::Rgb([if second { 200 } else { 50 }; 3])
        });
        let tensor = squeezed.tensor(&picture.into(), Layout::Nchw).unwrap();
        assert!((tensor[0] - 50.0).abs() <= 1.0, "{width} x {height}: {}", tensor[0]);
        let last = tensor[224 * 224 - 1];
        assert!((last - 200.0).abs() <= 1.0, "{width} x {height}: {last}");
    }
}

#[test]
fn the_thinnest_and_the_smallest_pictures_have_a_tensor() {
    for (width, height) in [(1, 1), (1, 5000), (5000, 1), (2, 3), (64_000_000, 1)] {
        let picture = RgbImage::from_pixel(width, height, ::image::Rgb([200, 100, 50]));
        let tensor = imagenet().tensor(&picture.into(), Layout::Nchw).unwrap();
        assert_eq!(tensor.len(), 3 * 224 * 224);
        assert!(tensor[..224 * 224].iter().all(|&red| (red - 200.0).abs() <= 1.0), "{width} x {height}");
    }
}
