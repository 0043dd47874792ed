//! What fuzzing found, one test each, named by what it did.

use std::error::Error as _;

use crate::{LIMITS, decode, read};

#[test]
fn a_webp_distance_beyond_its_alphabet_overflowed_a_shift() {
    let error = decode(&read("finds", "webp_distance_beyond_the_alphabet.webp"), LIMITS).unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(!cause.contains("panicked"), "{cause}");
}
