//! Where the answers of events without a reply are left: below `RESULTS`, by the name of their object.

use sha2::{Digest as _, Sha256};

use crate::config::Prefix;
use crate::objects::Location;

/// Ends the key of every result.
const ENDING: &str = ".json";

/// The place that `RESULTS` names.
#[derive(Debug)]
pub(super) struct Results(Prefix);

impl Results {
    /// The place that the configuration names.
    pub(super) fn new(place: Prefix) -> Self {
        Self(place)
    }

    /// Whether an object is a result, which must never be read: its result would have an event of its own, without end. In
    /// the bucket of the results this holds for every key with their ending: it may be the result of another function.
    pub(super) fn holds(&self, object: &Location) -> bool {
        let is_below = || {
            let prefix = self.0.prefix.as_str();
            // Without a prefix other objects lie beside the results, too.
            !prefix.is_empty() && object.key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
        };
        object.bucket == self.0.bucket && (object.key.ends_with(ENDING) || is_below())
    }

    /// Where the result of an object belongs: `<prefix>/<bucket>/<key>.json`. Where that cannot be a key, because it is too
    /// long or the object's key is an odd one, the hash of that key takes its place: every object has a place of its own.
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
        // Those of another function, which would take those of this one for its photos.
        assert!(below.holds(&object("photos", "embeddings/photos/labels/a.jpg.json.json")));
        let whole = results("photos", "");
        assert!(whole.holds(&object("photos", "photos/a.jpg.json")));
        assert!(!whole.holds(&object("photos", "a.jpg")));
    }
}
