//! Files → examples: an embedding of each picture, on all processors.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::dataset::Dataset;
use super::examples::Example;
use super::remembered;
use crate::model::digest;
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
    done: &(dyn Fn() + Sync),
) -> Result<Embedded, StartError> {
    let depends_on = depends_on(classifier);
    let known = remembered::read(memory, &depends_on);
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(dataset.files.len()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((path, class)) = dataset.files.get(index) else { return };
                    let example = read(path).and_then(|bytes| {
                        let hash = Sha256::digest(&bytes).into();
                        let old = known.get(&hash).cloned();
                        let is_old = old.is_some();
                        let embedding = old.map_or_else(|| embedding(classifier, &bytes), Ok)?;
                        Ok((Example { path: path.clone(), hash, class: *class, embedding }, is_old))
                    });
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((index, example));
                    done();
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|&(index, _)| index);
    let mut embedded = Embedded::default();
    for (index, example) in found {
        match example {
            Ok((example, is_old)) => {
                embedded.remembered += usize::from(is_old);
                embedded.examples.push(example);
            }
            Err(error) => embedded.left_out.push(format!("{}: {error}", dataset.files[index].0.display())),
        }
    }
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
