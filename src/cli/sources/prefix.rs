//! The pictures below a prefix in a bucket.

use super::{Item, Storage, walk};
use crate::objects::{Listed, Location};

/// The objects of a bucket whose keys begin with a prefix, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Prefix {
    bucket: String,
    prefix: String,
}

impl Prefix {
    /// Parses the part after `s3://`.
    ///
    /// # Errors
    ///
    /// A message if the bucket name is invalid.
    pub(super) fn new(address: &str) -> Result<Self, String> {
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        // This check requires a complete location, including a key.
        Location::new(bucket, "key").check().map_err(|error| error.to_string())?;
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// The pictures, in the order of their keys. The first error ends the iteration.
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

/// Converts an object to an item, by the same rules as for files in folders. One difference: the first bytes
/// only decide if the name has no extension, because objects are read as a whole.
pub(super) fn picture(prefix: &str, location: Location) -> Option<Item> {
    // The part that the user named is not checked for hidden names.
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
