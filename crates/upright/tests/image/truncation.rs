//! A cut file is refused, or nothing of its picture is missing.

use super::{LIMITS, decode, names, read};

/// Where a file is cut: everywhere near its end, and at even distances before.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let last = length.saturating_sub(40);
    (1..last).step_by((last / 50).max(1)).chain(last..length)
}

#[test]
fn a_cut_file_is_refused_or_has_every_pixel_of_the_whole() {
    for name in names("kinds") {
        let bytes = read("kinds", &name);
        // EXIF behind the pixels: without it they are there, and not upright.
        let oriented_last = ["raw_profile_compressed.png", "xmp_6.tif"].contains(&name.as_str())
            || (name.starts_with("orientation") && name.ends_with("png"));
        if bytes.len() > 20_000 || oriented_last {
            continue;
        }
        let Ok(whole) = decode(&bytes, LIMITS) else { continue };
        for cut in cuts(bytes.len()) {
            match decode(&bytes[..cut], LIMITS) {
                Ok(picture) => {
                    assert!(picture.raster == whole.raster, "{name} cut to {cut} of {} bytes", bytes.len())
                }
                Err(error) => assert_ne!(error.code(), "internal", "{name} cut to {cut} bytes: {error:?}"),
            }
        }
    }
}

#[test]
fn a_cut_at_a_tenth_half_or_nine_tenths_is_called_incomplete() {
    let files = [
        "plain.jpg",
        "420.jpg",
        "progressive.jpg",
        "progressive_420.jpg",
        "progressive_cmyk.jpg",
        "restart.jpg",
        "progressive_restart.jpg",
        "grey.jpg",
        "cmyk.jpg",
        "scans.jpg",
        "rgb_8.png",
        "rgb_8_interlaced.png",
        "rgb_16.png",
        "many_idat.png",
        "lossy.webp",
        "lossless.webp",
        "lossy_alpha.webp",
        "lossless_alpha.webp",
        "global.gif",
        "interlaced.gif",
        "24.bmp",
        "32_alpha_v5.bmp",
        "8.bmp",
        "rle8.bmp",
        "rle4.bmp",
        "rgb.tif",
        "deflate_tiles.tif",
        "lzw_predictor.tif",
        "packbits.tif",
        "planar.tif",
        "jpeg_ycbcr.tif",
        "group4.tif",
        "420.avif",
        "alpha.avif",
        "grid.avif",
    ];
    for name in files {
        let bytes = read("kinds", name);
        for percent in [10, 50, 90, 99] {
            // A picture may be complete when the last hundredth is not; the test above looks at that.
            let cut = bytes.len() * percent / 100;
            match decode(&bytes[..cut], LIMITS) {
                Err(error) => {
                    assert_eq!(error.code(), "truncated_image", "{name} cut to {percent} %: {error:?}")
                }
                Ok(_) => assert_eq!(percent, 99, "{name} cut to {percent} % is accepted"),
            }
        }
    }
}

#[test]
fn a_jpeg_without_its_last_two_bytes_is_whole_and_without_its_last_ten_is_not() {
    for name in
        ["plain.jpg", "420.jpg", "progressive.jpg", "restart.jpg", "grey.jpg", "cmyk.jpg", "scans.jpg"]
    {
        let bytes = read("kinds", name);
        assert!(decode(&bytes[..bytes.len() - 2], LIMITS).is_ok(), "{name}");
        let cut = &bytes[..bytes.len() - 10];
        assert_eq!(decode(cut, LIMITS).unwrap_err().code(), "truncated_image", "{name}");
        // To close it again does not bring the pixels back.
        let closed = [cut, &b"\xff\xd9"[..]].concat();
        assert_eq!(decode(&closed, LIMITS).unwrap_err().code(), "truncated_image", "{name}");
    }
}
