//! Pictures of reported faults; `fixtures/cases2/cases.tsv` names the report behind each.

use super::Right::Picture as P;
use super::{LIMITS, Right, check, decode, read};

const CASES: [(&str, Right); 6] = [
    ("alpha_all_zero_v5.bmp", P("bmp", 300, 200, [249, 251, 255])),
    ("exif_MM_2A00.jpg", P("jpeg", 300, 200, [255, 250, 247])),
    ("exif_header_twice.webp", P("webp", 300, 200, [255, 253, 253])),
    ("photo_8160x6144.jpg", P("jpeg", 8160, 6144, [249, 248, 246])),
    ("raw_profile_app1.png", P("png", 300, 200, [249, 251, 255])),
    ("screen_0x0.gif", P("gif", 300, 200, [249, 252, 252])),
];

#[test]
fn every_file_of_the_second_cases_is_answered_as_it_must_be() {
    for (name, right) in &CASES {
        check(name, right, decode(&read("cases2", name), LIMITS));
    }
}
