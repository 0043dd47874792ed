//! Cache of model outputs. An image that was seen before costs only a hash.
//!
//! The cache stores the model's outputs for all classes. The options `top_k`, `min_score` and
//! `function_to_apply` are applied afterwards, so requests with different options share an entry. Embeddings
//! have separate entries, and so do outputs with the feature map for heat maps.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use sha2::{Digest as _, Sha256};

use crate::classifier::ImageInfo;
use crate::model::Evidence;

/// SHA-256 of the model's hash, the kind of output, and the image's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

/// The kind of output that the model computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Outputs,
    Embedding,
    /// The outputs, with the data for heat maps.
    Explained,
}

/// A cached result.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The model's outputs for all classes, in its order, or the embedding.
    pub(crate) values: Vec<f32>,
    /// Properties of the image.
    pub(crate) image: ImageInfo,
    /// The data for heat maps, if requested.
    pub(crate) evidence: Option<Evidence>,
}

/// The most recently used entries, up to a maximum number. An entry takes 4 bytes per class, or per number of
/// the embedding.
pub(crate) struct Cache {
    entries: Mutex<LruCache<Key, Arc<Entry>>>,
    model: Sha256,
}

impl Cache {
    /// Creates an empty cache for the model with this hash.
    pub(crate) fn new(entries: NonZeroUsize, model_sha256: &str) -> Self {
        Self { entries: Mutex::new(LruCache::new(entries)), model: Sha256::new_with_prefix(model_sha256) }
    }

    /// The key of an image. It covers the exact bytes of the file, so that different files never share a key.
    pub(crate) fn key(&self, asked: Asked, bytes: &[u8]) -> Key {
        Key(self.model.clone().chain_update([asked as u8]).chain_update(bytes).finalize().into())
    }

    /// Returns the entry for a key, and marks it as used.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        // Ignore poisoning: a panic could only come from `lru`, and each operation on it is complete in
        // itself.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(key).map(Arc::clone)
    }

    /// Adds an entry. If the cache is full, the least recently used entry is removed.
    pub(crate) fn put(&self, key: Key, entry: Arc<Entry>) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).put(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use upright::Format;

    /// Files of the same length with small differences: one bit, the order of their halves, the position of a
    /// zero.
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
                // The last entry is the most recently used.
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
