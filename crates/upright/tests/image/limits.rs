//! Time and memory stay in bounds.

use std::time::Instant;

use super::{LIMITS, decode, read};
use upright::Limits;

/// The start-of-frame segment of a JPEG with another size.
fn resized(name: &str, width: u16, height: u16) -> Vec<u8> {
    let mut bytes = read("kinds", name);
    let frame = bytes.windows(4).position(|four| matches!(four, [0xff, 0xc0..=0xc2, 0, _])).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn kinds_of_jpeg_that_need_more_memory_have_a_lower_limit_of_their_own() {
    // Both sizes are within the limit of pixels; the headers are all that there is of them.
    let table = [
        ("progressive.jpg", 8000, 6250, "truncated_image"),
        ("progressive_cmyk.jpg", 8000, 6000, "truncated_image"),
        ("progressive_cmyk.jpg", 8000, 6250, "image_too_large"),
        ("scans.jpg", 8000, 6250, "truncated_image"),
        ("cmyk.jpg", 8000, 6250, "truncated_image"),
    ];
    for (name, width, height, code) in table {
        let error = decode(&resized(name, width, height), LIMITS).unwrap_err();
        assert_eq!(error.code(), code, "{name} {width} x {height}: {error}");
    }
    let error = decode(&resized("progressive_cmyk.jpg", 8000, 6250), LIMITS).unwrap_err();
    assert!(
        error.to_string().contains("at most 48000000 pixels are accepted for a progressive CMYK JPEG"),
        "{error}"
    );
}

#[test]
fn the_limit_of_pixels_is_kept_by_every_format() {
    let limits = Limits { max_pixels: 61 * 43 };
    let under = Limits { max_pixels: 61 * 43 - 1 };
    for name in [
        "plain.jpg",
        "progressive.jpg",
        "rgb_8.png",
        "lossy.webp",
        "lossless.webp",
        "animated.webp",
        "global.gif",
        "24.bmp",
        "deflate_tiles.tif",
        "jpeg.tif",
        "420.avif",
        "alpha.avif",
    ] {
        let bytes = read("kinds", name);
        assert!(decode(&bytes, limits).is_ok(), "{name}");
        assert_eq!(decode(&bytes, under).unwrap_err().code(), "image_too_large", "{name}");
    }
}

/// A TIFF of one column of pixels, a strip for each, and all strips are the same bytes.
fn strips_of_one(compression: u32, strip: &[u8], count: u32) -> Vec<u8> {
    let strip_at = 8 + 10 * 12 + 6;
    let offsets_at = strip_at + strip.len() as u32;
    let lengths_at = offsets_at + 4 * count;
    let tags = [
        (256, 1, 1),
        (257, 1, count),
        (258, 1, 8),
        (259, 1, compression),
        (262, 1, 1),
        (273, count, offsets_at),
        (277, 1, 1),
        (278, 1, 1),
        (279, count, lengths_at),
        (284, 1, 1),
    ];
    let mut file = b"II*\0\x08\0\0\0\x0a\0".to_vec();
    for (tag, values, value) in tags {
        file.extend([tag as u16, 4].map(u16::to_le_bytes).concat());
        file.extend([values, value].map(u32::to_le_bytes).concat());
    }
    file.extend([0; 4]);
    file.extend(strip);
    file.extend(
        [strip_at, strip.len() as u32].map(|value| value.to_le_bytes().repeat(count as usize)).concat(),
    );
    file
}

#[test]
fn a_tiff_whose_strips_share_megabytes_without_a_pixel_takes_no_time_to_speak_of() {
    // PackBits has a code that stands for nothing. Deflate has empty blocks. LZW has a code that clears its table.
    let nothing = |code: &[u8], pixel: &[u8]| [&code.repeat(2_000_000 / code.len())[..], pixel].concat();
    let table = [
        (32773, nothing(&[0x80], &[0, 0x55])),
        (8, [&[0x78, 0x01][..], &nothing(&[0, 0, 0, 0xff, 0xff], &[1, 1, 0, 0xfe, 0xff, 0x55])].concat()),
        // Nine bits of the clear code, eight times.
        (5, nothing(&[0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0x00], &[0x2a, 0xc0, 0x40])),
    ];
    for (compression, strip) in table {
        let file = strips_of_one(compression, &strip, 50_000);
        let start = Instant::now();
        let error = decode(&file, LIMITS).unwrap_err();
        assert!(start.elapsed().as_secs() < 3, "compression {compression}: {:?}", start.elapsed());
        assert_eq!(error.code(), "truncated_image", "compression {compression}: {error}");
    }
}

/// A progressive JPEG of one grey component: a DC scan of zeros, then `scans` of AC coefficients that say with
/// few bytes that there are none.
fn many_scans(side: u16, scans: usize) -> Vec<u8> {
    let blocks = usize::from(side.div_ceil(8)).pow(2);
    let [high, low] = side.to_be_bytes();
    let mut bytes = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
    bytes.extend([1; 64]);
    bytes.extend([0xff, 0xc2, 0, 11, 8, high, low, high, low, 1, 1, 0x11, 0]);
    // DC: one code of one bit for size 0. AC: one code of one bit for a run of 16384 blocks and more.
    for (table, symbol) in [(0x00, 0x00), (0x10, 0xe0)] {
        bytes.extend([0xff, 0xc4, 0, 20, table, 1]);
        bytes.extend([0; 15]);
        bytes.push(symbol);
    }
    bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0]);
    bytes.resize(bytes.len() + blocks.div_ceil(8), 0);
    for scan in 0..scans {
        // Each brings bit 1 once more, so that the picture is never complete.
        let approximation = if scan == 0 { 1 } else { 0x21 };
        bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, approximation]);
        // Runs of 16384 blocks: the code and 14 bits of zero.
        bytes.resize(bytes.len() + (15 * blocks.div_ceil(16384)).div_ceil(8), 0);
    }
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn a_progressive_jpeg_of_many_scans_is_refused_before_they_are_decoded() {
    assert!(decode(&many_scans(64, 20), LIMITS).is_ok());
    let few_but_large = many_scans(7000, 99);
    let many_but_small = many_scans(64, 5000);
    for bytes in [few_but_large, many_but_small] {
        let start = Instant::now();
        assert_eq!(decode(&bytes, LIMITS).unwrap_err().code(), "undecodable_image");
        assert!(start.elapsed().as_secs_f64() < 3.0, "{:?}", start.elapsed());
    }
}
