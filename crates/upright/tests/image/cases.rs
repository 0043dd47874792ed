//! The files after public bug reports; `fixtures/cases/README.md` names the report behind each.

use std::time::Instant;

use super::Right::{Code, Picture as P, Unsupported};
use super::{LIMITS, Right, check, decode, names, read};

const WHITE: [u8; 3] = [255; 3];
const BASE: [u8; 3] = [80, 50, 170];
/// The source of `base.jpg`, without the smear that JPEG makes at the edge in the middle.
const BASE_LOSSLESS: [u8; 3] = [40, 60, 220];

const CASES: [(&str, Right); 42] = [
    ("base.jpg", P("jpeg", 96, 64, BASE)),
    ("zero.bin", Code("empty")),
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
    ("tiff.tif", P("tiff", 96, 64, BASE_LOSSLESS)),
    ("html.jpg", Unsupported("An HTML page")),
];

#[test]
fn every_file_of_the_cases_is_answered_as_it_must_be_and_the_next_good_one_works() {
    let base = read("cases", "base.jpg");
    for (name, right) in &CASES {
        check(name, right, decode(&read("cases", name), LIMITS));
        check("base.jpg", &P("jpeg", 96, 64, BASE), decode(&base, LIMITS));
    }
}

#[test]
fn every_file_of_the_cases_has_its_row() {
    for name in names("cases") {
        assert!(CASES.iter().any(|(row, _)| *row == name), "{name} has no row");
    }
}

#[test]
fn what_is_too_large_is_refused_from_its_header_in_50_ms() {
    for (name, right) in &CASES {
        if matches!(right, Code("image_too_large")) {
            let bytes = read("cases", name);
            let start = Instant::now();
            assert!(decode(&bytes, LIMITS).is_err());
            assert!(start.elapsed().as_millis() < 50, "{name}");
        }
    }
}
