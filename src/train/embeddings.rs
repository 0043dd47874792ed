//! Computes an embedding of each picture, on all processors.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use sha2::{Digest as _, Sha256};

use super::dataset::Dataset;
use super::examples::Example;
use super::remembered;
use crate::model::digest;
use crate::parallel::{self, Threads};
use crate::{Classifier, Error, StartError};

/// The examples, and the files that were left out.
#[derive(Debug, Default)]
pub(crate) struct Embedded {
    /// In the order of the dataset.
    pub(crate) examples: Vec<Example>,
    /// Each file that cannot be read, with the reason.
    pub(crate) left_out: Vec<String>,
    /// Number of examples whose embedding came from the cache file.
    pub(crate) remembered: usize,
}

/// Computes the embedding of each picture on `threads` threads. Embeddings in the cache file `memory` are
/// reused; afterwards all embeddings are written to this file. `read` returns the bytes of a file. `done` is
/// called after each file.
///
/// # Errors
///
/// [`StartError::Command`] if `memory` cannot be written.
pub(crate) fn embed(
    classifier: &Classifier,
    dataset: &Dataset,
    memory: &Path,
    read: &(dyn Fn(&Path) -> Result<Vec<u8>, String> + Sync),
    threads: usize,
    done: &dyn Fn(),
) -> Result<Embedded, StartError> {
    let depends_on = depends_on(classifier);
    let known = remembered::read(memory, &depends_on);
    let mut embedded = Embedded::default();
    let read_one = |index: usize| {
        let (path, class) = &dataset.files[index];
        (path, *class, read(path))
    };
    let embed_one = |(path, class, bytes): (&PathBuf, usize, Result<Vec<u8>, String>)| {
        let example = bytes.and_then(|bytes| {
            let hash = Sha256::digest(&bytes).into();
            let old = known.get(&hash).cloned();
            let is_old = old.is_some();
            let embedding = old.map_or_else(|| embedding(classifier, &bytes), Ok)?;
            Ok((Example { path: path.clone(), hash, class, embedding }, is_old))
        });
        example.map_err(|error| format!("{}: {error}", path.display()))
    };
    let files = 0..dataset.files.len();
    let threads = Threads { readers: threads, workers: threads };
    let never = AtomicBool::new(false);
    let Ok(()) = parallel::in_order(threads, files, &never, read_one, embed_one, |result| {
        match result {
            Ok((example, is_old)) => {
                embedded.remembered += usize::from(is_old);
                embedded.examples.push(example);
            }
            Err(error) => embedded.left_out.push(error),
        }
        done();
        Ok::<_, Infallible>(())
    });
    let all = embedded.examples.iter().map(|example| (&example.hash, &example.embedding[..]));
    remembered::write(memory, &depends_on, all)
        .map_err(|error| StartError::Command(format!("{}: {error}", memory.display())))?;
    Ok(embedded)
}

/// A hash of everything that an embedding depends on besides the picture: the model, its preprocessing, and
/// the versions of this program and of ONNX Runtime.
fn depends_on(classifier: &Classifier) -> String {
    let model = classifier.model();
    let backbone = model.card().backbone_sha256.as_ref().unwrap_or(&model.card().sha256);
    let parts = format!(
        "{backbone} {:?} {} {}",
        model.preprocessor(),
        env!("CARGO_PKG_VERSION"),
        classifier.runtime_version()
    );
    digest::hex(Sha256::new_with_prefix(parts))
}

fn embedding(classifier: &Classifier, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let embedding = classifier.embed(bytes, false, &mut classifier.budget());
    embedding.map(|embedding| embedding.values).map_err(|error| match error {
        // The user is also the operator here, so internal causes may be shown.
        Error::Internal(cause) => cause.to_string(),
        error => error.to_string(),
    })
}
