//! What is made of a model bundle.
//!
//! | module | fixtures | what it asks |
//! |---|---|---|
//! | `explain` | `fixtures/models` | do heat maps add up to the logits? |
//! | `keys` | | is each key that is not supported refused by its name? |
//! | `processors` | `fixtures/processors`, `fixtures/transforms` | are the tensors those of the libraries of the training? |

// Helpers of tests are tests.
#![allow(clippy::panic, clippy::unwrap_used)]

mod explain;
mod keys;
mod processors;

use std::path::{Path, PathBuf};

fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder)
}
