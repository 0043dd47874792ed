//! Every image of `fixtures/cases`: what the decoder must say about it.
//!
//! The files are made after public bug reports; `fixtures/cases/README.md` names the report behind each.

// Helpers of tests are tests.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use lambda_image_classifier::error::Error;
use lambda_image_classifier::image::{Limits, Picture, decode};

const LIMITS: Limits = Limits { max_pixels: 50_000_000 };

/// What is right for a file.
enum Right {
    /// Format, width, height, and the colour in the middle.
    Picture(&'static str, u32, u32, [u8; 3]),
    /// The code of the error.
    Code(&'static str),
    /// It is not accepted, and is called this.
    Unsupported(&'static str),
}
use Right::{Code, Picture as P, Unsupported};

const WHITE: [u8; 3] = [255; 3];
const BASE: [u8; 3] = [80, 50, 170];
/// The source of `base.jpg`, without the smear that JPEG makes at the edge in the middle.
const BASE_LOSSLESS: [u8; 3] = [40, 60, 220];

const CASES: [(&str, Right); 43] = [
    ("base.jpg", P("jpeg", 96, 64, BASE)),
    ("zero.bin", Code("empty_body")),
    ("1x1.png", P("png", 1, 1, [1, 2, 3])),
    ("1x5000.png", P("png", 1, 5000, [1, 2, 3])),
    ("0x0.png", Code("undecodable_image")),
    ("anim.gif", P("gif", 32, 32, [255, 0, 0])),
    ("anim.webp", P("webp", 32, 32, [255, 0, 0])),
    ("arith_sof9.jpg", Unsupported("An arithmetic-coded JPEG")),
    ("prec12.jpg", Unsupported("A 12-bit JPEG")),
    ("bit1.png", P("png", 16, 16, WHITE)),
    ("gray.jpg", P("jpeg", 32, 32, [77; 3])),
    ("gray16.png", P("png", 16, 16, [156; 3])),
    ("bmp24.bmp", P("bmp", 96, 64, BASE_LOSSLESS)),
    ("png_named.jpg", P("png", 96, 64, BASE_LOSSLESS)),
    ("mpo.jpg", P("jpeg", 96, 64, BASE)),
    ("prog.jpg", P("jpeg", 96, 64, BASE)),
    ("bomb_60000_hdr.png", Code("image_too_large")),
    ("gif_65535.gif", Code("image_too_large")),
    ("jpg_12000_hdr.jpg", Code("image_too_large")),
    ("webp_16383.webp", Code("image_too_large")),
    ("progressive_13000.jpg", Code("image_too_large")),
    ("two_component_progressive.jpg", Code("undecodable_image")),
    ("cmyk_pillow.jpg", P("jpeg", 64, 64, [230, 30, 30])),
    ("crc_idat.png", Code("undecodable_image")),
    ("trunc.png", Code("truncated_image")),
    ("trunc5.jpg", Code("truncated_image")),
    ("crc_text.png", P("png", 8, 8, [128, 64, 32])),
    ("noiend.png", P("png", 256, 256, [187, 130, 160])),
    ("noeoi.jpg", P("jpeg", 96, 64, BASE)),
    ("trailing.jpg", P("jpeg", 96, 64, BASE)),
    ("leading_nl.jpg", P("jpeg", 96, 64, BASE)),
    ("iccp_bomb.png", P("png", 8, 8, [128, 64, 32])),
    ("la_transparent.png", P("png", 16, 16, WHITE)),
    ("pal_trns0.png", P("png", 16, 16, WHITE)),
    ("rgba_black_transparent.png", P("png", 16, 16, WHITE)),
    ("webp_alpha.webp", P("webp", 16, 16, WHITE)),
    ("orient6.jpg", P("jpeg", 64, 96, BASE)),
    ("orient6.png", P("png", 64, 96, BASE_LOSSLESS)),
    ("heic.jpg", Unsupported("An HEIC image")),
    ("svg.svg", Unsupported("An SVG image")),
    ("tiff.tif", Unsupported("A TIFF image")),
    ("html.jpg", Unsupported("An HTML page")),
    ("README.md", Unsupported("Plain text")),
];

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn close(one: [u8; 3], other: [u8; 3]) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(other) <= 3)
}

fn check(name: &str, right: &Right, got: Result<Picture, Error>) {
    match (right, got) {
        (&P(format, width, height, color), Ok(picture)) => {
            assert_eq!(
                (picture.format.name(), picture.rgb.dimensions()),
                (format, (width, height)),
                "{name}"
            );
            let middle = picture.rgb.get_pixel(width / 2, height / 2).0;
            assert!(close(middle, color), "{name}: {middle:?}");
        }
        (Code(code), Err(error)) => assert_eq!(error.code(), *code, "{name}: {error:?}"),
        (Unsupported(right), Err(Error::UnsupportedFormat { found })) => assert_eq!(found, *right, "{name}"),
        (_, got) => panic!("{name}: {got:?}"),
    }
}

#[test]
fn every_file_of_the_cases_is_answered_as_it_must_be_and_the_next_good_one_works() {
    let base = fs::read(fixtures().join("cases/base.jpg")).unwrap();
    for (name, right) in &CASES {
        let bytes = fs::read(fixtures().join("cases").join(name)).unwrap();
        check(name, right, decode(&bytes, LIMITS));
        check("base.jpg", &P("jpeg", 96, 64, BASE), decode(&base, LIMITS));
    }
}

#[test]
fn every_file_of_the_cases_has_its_row() {
    for entry in fs::read_dir(fixtures().join("cases")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(CASES.iter().any(|(row, _)| *row == name), "{name} has no row");
    }
}

#[test]
fn what_is_too_large_is_refused_from_its_header_in_50_ms() {
    for (name, right) in &CASES {
        if matches!(right, Code("image_too_large")) {
            let bytes = fs::read(fixtures().join("cases").join(name)).unwrap();
            let start = Instant::now();
            assert!(decode(&bytes, LIMITS).is_err());
            assert!(start.elapsed().as_millis() < 50, "{name}");
        }
    }
}
