//! The location of an object.

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::config::is_bucket;
use crate::text::shown;

/// Maximum length of a key in S3, in bytes.
const MAX_KEY: usize = 1024;

/// An object, `s3://bucket/key`, and optionally its version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Location {
    /// The name of the bucket.
    pub bucket: String,
    /// The key, without percent-encoding.
    pub key: String,
    /// The version; `None` for the latest one.
    pub version_id: Option<String>,
}

impl Location {
    /// The latest version of an object.
    pub(crate) fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into(), version_id: None }
    }

    /// Checks the location without contacting the storage.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] if the bucket name is invalid, if the key is empty or longer than 1024
    /// bytes, has control characters, or has parts between slashes that are empty, `.` or `..`. Libraries
    /// remove such parts from a key and would read another object.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let Self { bucket, key, .. } = self;
        if !is_bucket(bucket) {
            return Err(Error::InvalidParameter(format!(
                "{} cannot be the name of a bucket. Send the name alone, such as \"my-bucket\".",
                shown(bucket)
            )));
        }
        let fault = if key.is_empty() {
            "it is empty"
        } else if key.len() > MAX_KEY {
            "it is longer than 1024 bytes"
        } else if key.contains(|character: char| character.is_ascii_control()) {
            "it has control characters"
        } else if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            "it has an empty part, \".\" or \"..\" between slashes"
        } else {
            return Ok(());
        };
        Err(Error::InvalidParameter(format!(
            "The key {} cannot be read: {fault}. Store the object under another key.",
            shown(key)
        )))
    }
}

impl FromStr for Location {
    type Err = Error;

    /// Parses `s3://bucket/key`. The key is not decoded.
    fn from_str(text: &str) -> Result<Self, Error> {
        let path = text.strip_prefix("s3://").and_then(|path| path.split_once('/'));
        let Some((bucket, key)) = path else {
            return Err(Error::InvalidParameter(format!(
                "{} is not the address of an object. Write s3://bucket/key.",
                shown(text)
            )));
        };
        let location = Self::new(bucket, key);
        location.check()?;
        Ok(location)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_bucket_and_a_key_as_it_stands() {
        let location: Location = "s3://photos-2026/a b/c+d%20é.jpg".parse().unwrap();
        assert_eq!(location, Location::new("photos-2026", "a b/c+d%20é.jpg"));
        assert_eq!(location.to_string(), "s3://photos-2026/a b/c+d%20é.jpg");
    }

    #[test]
    fn an_address_that_could_lead_to_another_object_is_refused() {
        let long = format!("s3://photos/{}", "k".repeat(1025));
        for text in [
            "photos/a.jpg",
            "https://photos/a.jpg",
            "s3://photos",
            "s3://photos/",
            "s3://Photos/a.jpg",
            "s3://ab/a.jpg",
            "s3://photos/../secret",
            "s3://photos/a/./b",
            "s3://photos/a//b",
            "s3://photos//a",
            "s3://photos/a/",
            "s3://photos/a\nb",
            &long,
        ] {
            let error = text.parse::<Location>().unwrap_err();
            assert_eq!((error.status(), error.code()), (400, "invalid_parameter"), "{text}");
        }
    }
}
