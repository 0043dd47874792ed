//! What the decoder makes of image files, good and bad.
//!
//! | module | fixtures | what it asks |
//! |---|---|---|
//! | `cases`, `cases2` | `fixtures/cases`, `fixtures/cases2` | is each file after a bug report answered as it must be? |
//! | `finds` | `fixtures/finds` | does what fuzzing found stay mended? |
//! | `kinds` | `fixtures/kinds` | is every kind of file that the decoders must know answered as it must be? |
//! | `parity` | `fixtures/kinds`, `fixtures/goldens` | are the pixels those of Pillow? |
//! | `reduced` | `fixtures/kinds` | is a smaller copy the same picture? |
//! | `truncation` | `fixtures/kinds` | is every cut noticed that costs a pixel? |
//! | `limits` | made in the test | do time and memory stay in bounds? |

// Helpers of tests are tests.
#![allow(clippy::panic, clippy::unwrap_used)]

mod cases;
mod cases2;
mod finds;
mod kinds;
mod limits;
mod parity;
mod reduced;
mod truncation;

use std::fs;
use std::path::{Path, PathBuf};

use upright::{Error, Limits, Picture, decode};

const LIMITS: Limits = Limits { max_pixels: 64_000_000 };

/// What is right for a file.
enum Right {
    /// Format, width, height, and the colour in the middle.
    Picture(&'static str, u32, u32, [u8; 3]),
    /// The code of the error.
    Code(&'static str),
    /// It is not accepted, and is called this.
    Unsupported(&'static str),
}

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(folder)
}

fn read(folder: &str, name: &str) -> Vec<u8> {
    fs::read(fixtures(folder).join(name)).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"))
}

/// The names of the files in a folder of fixtures, but its README.
fn names(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(fixtures(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort_unstable();
    names
}

fn check(name: &str, right: &Right, got: Result<Picture, Error>) {
    match (right, got) {
        (&Right::Picture(format, width, height, color), Ok(picture)) => {
            assert_eq!(
                (picture.format.name(), picture.raster.rgb().dimensions()),
                (format, (width, height)),
                "{name}"
            );
            let middle = picture.raster.rgb().get_pixel(width / 2, height / 2).0;
            let close = middle.iter().zip(color).all(|(one, other)| one.abs_diff(other) <= 3);
            assert!(close, "{name}: {middle:?}");
        }
        (Right::Code(code), Err(error)) => assert_eq!(error.code(), *code, "{name}: {error:?}"),
        (Right::Unsupported(right), Err(Error::UnsupportedFormat { found })) => {
            assert_eq!(found, *right, "{name}")
        }
        (_, got) => panic!("{name}: {got:?}"),
    }
}
