//! What images were found to be, so that one that comes again costs no more than its hash.
//!
//! Kept are the model's outputs for all classes: what a request asks for, `top_k`, `min_score` and `function_to_apply`, is
//! applied to them afterwards, and two requests that ask for different things share an entry. The embedding of an image
//! has an entry of its own, and so have outputs with the feature map that heat maps are made of.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use sha2::{Digest as _, Sha256};

use crate::classifier::ImageInfo;
use crate::model::Evidence;

/// SHA-256 of the model's hash, what was asked of the model, and the image's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

/// What the model is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Outputs,
    Embedding,
    /// The outputs, with what heat maps are made of.
    Explained,
}

/// What is remembered of an image.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The model's outputs for all classes, in its order, or the embedding.
    pub(crate) values: Vec<f32>,
    /// What the image is.
    pub(crate) image: ImageInfo,
    /// What heat maps are made of, where they were asked for.
    pub(crate) evidence: Option<Evidence>,
}

/// The entries that were used last, so many at most: 4 bytes for each class, or for each number of the embedding.
pub(crate) struct Cache {
    entries: Mutex<LruCache<Key, Arc<Entry>>>,
    model: Sha256,
}

impl Cache {
    /// An empty cache for the answers of the model with this hash.
    pub(crate) fn new(entries: NonZeroUsize, model_sha256: &str) -> Self {
        Self { entries: Mutex::new(LruCache::new(entries)), model: Sha256::new_with_prefix(model_sha256) }
    }

    /// The key of an image: of its bytes as they are, so that no two different files share one.
    pub(crate) fn key(&self, asked: Asked, bytes: &[u8]) -> Key {
        Key(self.model.clone().chain_update([asked as u8]).chain_update(bytes).finalize().into())
    }

    /// What is remembered under the key. It counts as used.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        // A panic while the lock was held would have been in `lru`, between whole operations of ours.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(key).map(Arc::clone)
    }

    /// Remembers an entry; where there are too many, that which was used longest ago is forgotten.
    pub(crate) fn put(&self, key: Key, entry: Arc<Entry>) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).put(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use upright::Format;

    /// Files of one length that differ in little: a bit, the order of their halves, the side of a zero.
    const FILES: [&[u8]; 5] = [b"ab\0cd", b"ab\0ce", b"cd\0ab", b"\0abcd", b"abcd\0"];

    fn answer(file: usize) -> Arc<Entry> {
        let image = ImageInfo { format: Format::Png, width: 1, height: 1 };
        Arc::new(Entry { values: vec![file as f32], image, evidence: None })
    }

    #[test]
    fn whatever_the_order_an_answer_is_that_of_its_file_and_the_last_used_are_kept() {
        const LENGTH: u32 = 6;
        for capacity in 1..=3 {
            for order in 0..FILES.len().pow(LENGTH) {
                let cache = Cache::new(NonZeroUsize::new(capacity).unwrap(), "model");
                // The last one is the one that was used last.
                let mut kept: Vec<usize> = Vec::new();
                for step in 0..LENGTH {
                    let file = order / FILES.len().pow(step) % FILES.len();
                    let key = cache.key(Asked::Outputs, FILES[file]);
                    let known = cache.get(&key).map(|entry| entry.values[0]);
                    assert_eq!(known, kept.contains(&file).then_some(file as f32), "{order} {step}");
                    if known.is_none() {
                        cache.put(key, answer(file));
                    }
                    kept.retain(|&other| other != file);
                    kept.push(file);
                    kept.drain(..kept.len().saturating_sub(capacity));
                }
            }
        }
    }

    #[test]
    fn labels_and_embeddings_and_other_models_have_keys_of_their_own() {
        let cache = |model| Cache::new(NonZeroUsize::MIN, model);
        let key = |model, asked| cache(model).key(asked, b"file");
        assert_eq!(key("a", Asked::Outputs), key("a", Asked::Outputs));
        assert_ne!(key("a", Asked::Outputs), key("b", Asked::Outputs));
        assert_ne!(key("a", Asked::Outputs), key("a", Asked::Embedding));
        assert_ne!(key("a", Asked::Outputs), key("a", Asked::Explained));
    }
}
