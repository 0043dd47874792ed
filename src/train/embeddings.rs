//! Files → examples: an embedding of each picture, on all processors.

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

/// Examples, and what did not become one.
#[derive(Debug, Default)]
pub(crate) struct Embedded {
    /// In the order of the dataset.
    pub(crate) examples: Vec<Example>,
    /// Each file that cannot be read, with the reason.
    pub(crate) left_out: Vec<String>,
    /// Examples whose embedding was remembered.
    pub(crate) remembered: usize,
}

/// Has the model make an embedding of each picture, `threads` at the same time, unless it stands in the file `memory`;
/// then writes all of them there. `read` gives the bytes of a file. `done` is called after each file.
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

/// What an embedding depends on beside the picture: the model, what makes its input, and the programs that compute.
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
        // Here the caller and the operator are the same person.
        Error::Internal(cause) => cause.to_string(),
        error => error.to_string(),
    })
}
