//! Where the answers of events without a reply are left: below `RESULTS`, by the name of their object.

use sha2::{Digest as _, Sha256};

use crate::objects::Location;

/// The longest key that S3 takes, in bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// Ends the key of every result.
const ENDING: &str = ".json";

/// The place that `RESULTS` names.
#[derive(Debug)]
pub(super) struct Results {
    bucket: String,
    /// Without a slash at its end; empty for the whole bucket.
    prefix: String,
}

impl Results {
    /// The place `s3://bucket/prefix`.
    pub(super) fn new(bucket: &str, prefix: &str) -> Self {
        Self { bucket: bucket.to_owned(), prefix: prefix.trim_end_matches('/').to_owned() }
    }

    /// Whether an object is a result, which must never be read: its result would have an event of its own, without
    /// end.
    pub(super) fn holds(&self, object: &Location) -> bool {
        let below = match self.prefix.as_str() {
            // Other objects may lie in the bucket, too.
            "" => object.key.ends_with(ENDING),
            prefix => object.key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')),
        };
        object.bucket == self.bucket && below
    }

    /// Where the result of an object belongs: `<prefix>/<bucket>/<key>.json`. Where that is longer than a key may be,
    /// its end is replaced by the hash of the object's key, so that every object still has a place of its own.
    pub(super) fn place_of(&self, object: &Location) -> Location {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        let whole = format!("{}{slash}{}/{}", self.prefix, object.bucket, object.key);
        let key = if whole.len() + ENDING.len() <= MAX_KEY_BYTES {
            whole + ENDING
        } else {
            let hash = Sha256::digest(object.key.as_bytes());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            let end = whole.floor_char_boundary(MAX_KEY_BYTES - ENDING.len() - 1 - hash.len());
            format!("{}-{hash}{ENDING}", whole.get(..end).unwrap_or_default())
        };
        Location { bucket: self.bucket.clone(), key, version_id: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bucket: &str, key: &str) -> Location {
        Location { bucket: bucket.into(), key: key.into(), version_id: Some("v1".into()) }
    }

    #[test]
    fn a_result_has_the_name_of_its_object() {
        for (prefix, key, expected) in [
            ("labels", "a.jpg", "labels/photos/a.jpg.json"),
            ("labels/", "cats/a b+c%.jpg", "labels/photos/cats/a b+c%.jpg.json"),
            ("", "🐱.jpg", "photos/🐱.jpg.json"),
        ] {
            let place = Results::new("results", prefix).place_of(&object("photos", key));
            assert_eq!((place.bucket.as_str(), place.key.as_str()), ("results", expected));
            assert_eq!(place.version_id, None);
        }
    }

    #[test]
    fn a_long_key_still_has_a_place_of_its_own() {
        let results = Results::new("results", "labels");
        let keys = ["a".repeat(1010), "a".repeat(1011), "é".repeat(512)];
        let places = keys.map(|key| results.place_of(&object("photos", &key)).key);
        assert!(places.iter().all(|key| key.len() <= 1024 && key.ends_with(".json")), "{places:?}");
        assert_ne!(places[0], places[1]);
    }

    #[test]
    fn results_are_told_from_photos() {
        let below = Results::new("photos", "labels");
        assert!(below.holds(&object("photos", "labels/photos/a.jpg.json")));
        assert!(below.holds(&object("photos", "labels/a.jpg")));
        assert!(!below.holds(&object("photos", "labels-of-cats/a.jpg")));
        assert!(!below.holds(&object("others", "labels/photos/a.jpg.json")));
        let whole = Results::new("photos", "");
        assert!(whole.holds(&object("photos", "photos/a.jpg.json")));
        assert!(!whole.holds(&object("photos", "a.jpg")));
    }
}
