//! Where results are stored for events without a reply: below `RESULTS`, named after their object.

use sha2::{Digest as _, Sha256};

use crate::config::Prefix;
use crate::objects::Location;

/// The extension of every result.
const ENDING: &str = ".json";

/// The location in the setting `RESULTS`.
#[derive(Debug)]
pub(super) struct Results(Prefix);

impl Results {
    /// Creates this from the configured location.
    pub(super) fn new(place: Prefix) -> Self {
        Self(place)
    }

    /// Whether an object is a result. Results must never be processed: each would create another result and
    /// another event, in an endless loop. In the bucket of the results, every key with the extension of
    /// results counts as one, because it may be the result of another function.
    pub(super) fn holds(&self, object: &Location) -> bool {
        let is_below = || {
            let prefix = self.0.prefix.as_str();
            // Without a prefix, other objects are stored next to the results.
            !prefix.is_empty() && object.key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
        };
        object.bucket == self.0.bucket && (object.key.ends_with(ENDING) || is_below())
    }

    /// The location for the result of an object: `<prefix>/<bucket>/<key>.json`. If this key is too long or
    /// invalid, a hash of the object's key is used instead. Every object thus has a unique location.
    pub(super) fn place_of(&self, object: &Location) -> Location {
        let place = |name: &str| {
            Location::new(self.0.bucket.as_str(), self.0.key(&format!("{}/{name}{ENDING}", object.bucket)))
        };
        let named = place(&object.key);
        if named.check().is_ok() {
            return named;
        }
        let hash = Sha256::digest(object.key.as_bytes());
        place(&hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn object(bucket: &str, key: &str) -> Location {
        Location { version_id: Some("v1".into()), ..Location::new(bucket, key) }
    }

    fn results(bucket: &str, prefix: &str) -> Results {
        Results::new(Prefix { bucket: bucket.into(), prefix: prefix.into() })
    }

    #[test]
    fn a_result_has_the_name_of_its_object() {
        for (prefix, key, expected) in [
            ("labels", "a.jpg", "labels/photos/a.jpg.json"),
            ("a/b", "cats/a b+c%.jpg", "a/b/photos/cats/a b+c%.jpg.json"),
            ("", "🐱.jpg", "photos/🐱.jpg.json"),
        ] {
            let place = results("results", prefix).place_of(&object("photos", key));
            assert_eq!((place.bucket.as_str(), place.key.as_str()), ("results", expected));
            assert_eq!(place.version_id, None);
        }
    }

    #[test]
    fn an_odd_or_long_key_still_has_a_place_of_its_own() {
        let results = results("results", "labels");
        let keys =
            ["a".repeat(1010), "a".repeat(1011), "é".repeat(512), "a//b.jpg".into(), "../b.jpg".into()];
        let places = keys.map(|key| results.place_of(&object("photos", &key)));
        assert!(
            places.iter().all(|place| place.check().is_ok() && place.key.ends_with(".json")),
            "{places:?}"
        );
        assert_eq!(places.iter().map(|place| &place.key).collect::<BTreeSet<_>>().len(), 5);
    }

    #[test]
    fn results_are_told_from_photos() {
        let below = results("photos", "labels");
        assert!(below.holds(&object("photos", "labels/photos/a.jpg.json")));
        assert!(below.holds(&object("photos", "labels/a.jpg")));
        assert!(!below.holds(&object("photos", "labels-of-cats/a.jpg")));
        assert!(!below.holds(&object("others", "labels/photos/a.jpg.json")));
        // The results of another function, which would take the results of this function for photos.
        assert!(below.holds(&object("photos", "embeddings/photos/labels/a.jpg.json.json")));
        let whole = results("photos", "");
        assert!(whole.holds(&object("photos", "photos/a.jpg.json")));
        assert!(!whole.holds(&object("photos", "a.jpg")));
    }
}
