//! A prefix in a bucket → the pictures below it.

use super::{Item, Storage, walk};
use crate::objects::{Listed, Location};

/// The objects of a bucket whose keys begin with a text; it may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Prefix {
    bucket: String,
    prefix: String,
}

impl Prefix {
    /// Reads what stands behind `s3://`.
    ///
    /// # Errors
    ///
    /// That no bucket can be called so.
    pub(super) fn new(address: &str) -> Result<Self, String> {
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        // The checks of a whole address, which has a key.
        Location::new(bucket, "key").check().map_err(|error| error.to_string())?;
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The pictures, in the order of their keys. The first error ends it.
    pub(super) fn items(
        &self,
        storage: &Storage,
    ) -> impl Iterator<Item = Result<Item, String>> + Send + use<> {
        let Self { bucket, prefix } = self.clone();
        storage.list(&bucket, &prefix).filter_map(move |listed| match listed {
            Ok(Listed { location, .. }) => picture(&prefix, location).map(Ok),
            Err(error) => Some(Err(format!("s3://{bucket}/{prefix}: {}", super::reason(&error)))),
        })
    }
}

/// The item that an object is, by the rules for files in folders. The first bytes decide only where the name has no
/// ending, since an object is read whole.
pub(super) fn picture(prefix: &str, location: Location) -> Option<Item> {
    // What a person named is looked at, whatever it is called.
    let named = prefix.rfind('/').map_or(0, |slash| slash + 1);
    let below = location.key.get(named..).unwrap_or_default();
    if below.split('/').any(|part| part.starts_with('.')) {
        return None;
    }
    let is_certain = walk::has_image_ending(location.key.as_bytes());
    let has_ending = walk::ending(location.key.as_bytes()).is_some();
    (is_certain || !has_ending).then(|| Item { is_certain, ..Item::object(location) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_bucket_and_perhaps_a_prefix() {
        for (address, bucket, prefix) in
            [("photos", "photos", ""), ("photos/", "photos", ""), ("photos/2026/a b", "photos", "2026/a b")]
        {
            assert_eq!(
                Prefix::new(address),
                Ok(Prefix { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            );
        }
        assert!(Prefix::new("").unwrap_err().contains("bucket"));
    }

    #[test]
    fn the_name_of_an_object_tells_whether_it_is_a_picture() {
        for (prefix, key, expected) in [
            ("", "a/b.JPG", Some(true)),
            ("", "a.b/c", Some(false)),
            ("", "a/Thumbs.db", None),
            ("", "a/labels.json", None),
            ("", "a/.hidden/b.jpg", None),
            ("a/.hidden/", "a/.hidden/b.jpg", Some(true)),
            ("a/.hid", "a/.hidden/b.jpg", None),
        ] {
            let found = picture(prefix, Location::new("photos", key)).map(|item| item.is_certain);
            assert_eq!(found, expected, "{key}");
        }
    }
}
