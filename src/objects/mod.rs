//! S3. Only the configured buckets are accessed.
//!
//! [`Objects`] enforces the rules: which buckets may be read or written, and how large an object may be.
//! `store` implements the access with the crate `object_store`. Clients are created on first use, so that
//! they do not slow down a start without S3.

#[cfg(feature = "s3")]
mod client;
#[cfg(feature = "s3")]
mod fault;
#[cfg(feature = "s3")]
mod list;
mod location;
#[cfg(feature = "s3")]
mod store;
#[cfg(not(feature = "s3"))]
#[path = "without.rs"]
mod store;
mod uploads;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;

pub(crate) use location::Location;
use store::Stores;
pub(crate) use uploads::VALID as UPLOAD_VALID;

use crate::Error;
use crate::config::{Config, Storage};
use crate::text::shown;

/// Timeouts for the storage.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For reading or writing an object, including all attempts.
    whole: Duration,
    /// For the next bytes of a response. This also limits the time for sending an object, because the storage
    /// does not respond meanwhile.
    silence: Duration,
}

impl Patience {
    /// API Gateway's timeout for the whole response is 30 s.
    const OF_A_SERVICE: Self = Self { whole: Duration::from_secs(25), silence: Duration::from_secs(10) };

    /// For the command line: many objects share the connection of a laptop, and rows are uploaded as one
    /// object.
    const OF_AN_OPERATOR: Self = Self { whole: Duration::from_secs(600), silence: Duration::from_secs(60) };
}

/// Reads and writes objects of the configured buckets.
pub(crate) struct Objects {
    /// Whether all buckets may be read and written.
    all: bool,
    readable: BTreeSet<String>,
    writable: BTreeSet<String>,
    upload_bucket: Option<String>,
    max_bytes: usize,
    stores: Stores,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The location of the object. The version is never set.
    pub location: Location,
    /// Its size in bytes.
    pub size: u64,
}

impl Objects {
    /// Access to the configured buckets. Makes no network call.
    pub(crate) fn new(config: &Config) -> Self {
        Self::over(config, false, Patience::OF_A_SERVICE)
    }

    /// Access to all buckets, for commands: the user has the credentials, and waits longer than a caller of
    /// the service. Makes no network call.
    pub(crate) fn for_operator(config: &Config) -> Self {
        Self::over(config, true, Patience::OF_AN_OPERATOR)
    }

    fn over(config: &Config, all: bool, patience: Patience) -> Self {
        let Storage { buckets, max_object_bytes, results, upload_bucket, aws } = &config.storage;
        Self {
            all,
            readable: buckets.clone(),
            writable: results.iter().map(|prefix| prefix.bucket.clone()).collect(),
            upload_bucket: upload_bucket.clone(),
            max_bytes: *max_object_bytes,
            stores: Stores::new(aws.clone(), patience),
        }
    }

    /// Whether the objects of a bucket may be read.
    pub(crate) fn may_read(&self, bucket: &str) -> bool {
        self.all || self.readable.contains(bucket)
    }

    /// Whether objects may be written to a bucket.
    pub(crate) fn may_write(&self, bucket: &str) -> bool {
        self.all || self.writable.contains(bucket)
    }

    /// Reads a whole object. Its size is checked before the body is read, and again for each chunk. An
    /// interrupted read continues with the same version of the object or fails.
    ///
    /// # Errors
    ///
    /// [`Error::BucketNotAllowed`], [`Error::InvalidParameter`] for an invalid key,
    /// [`Error::ObjectNotFound`], [`Error::ObjectTooLarge`], [`Error::ObjectChanged`],
    /// [`Error::StorageDenied`] and [`Error::StorageUnavailable`].
    pub(crate) async fn read(&self, location: &Location) -> Result<Bytes, Error> {
        self.check_read(&location.bucket)?;
        location.check()?;
        self.stores.read(location, self.max_bytes).await
    }

    /// Writes an object. An existing object is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::BucketNotAllowed`], [`Error::InvalidParameter`] for an invalid key, [`Error::StorageDenied`]
    /// and [`Error::StorageUnavailable`].
    pub(crate) async fn write(
        &self,
        location: &Location,
        bytes: Bytes,
        content_type: &'static str,
    ) -> Result<(), Error> {
        if !self.may_write(&location.bucket) {
            return Err(not_allowed(&location.bucket, "written", "RESULTS"));
        }
        location.check()?;
        self.stores.write(location, bytes, content_type).await
    }

    /// The objects whose keys begin with a prefix, in the order of their keys. Folder markers of consoles,
    /// which are empty objects whose key ends with a slash, are left out. The stream ends after the first
    /// error.
    ///
    /// # Errors
    ///
    /// The errors of [`Self::read`] that do not concern a single object.
    pub(crate) fn list(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> impl Stream<Item = Result<Listed, Error>> + Send + use<'_> {
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        let allowed = self.check_read(&bucket);
        self.stores.list(allowed, bucket, prefix)
    }

    fn check_read(&self, bucket: &str) -> Result<(), Error> {
        if self.may_read(bucket) { Ok(()) } else { Err(not_allowed(bucket, "read", "S3_BUCKETS")) }
    }
}

fn not_allowed(bucket: &str, done: &str, variable: &str) -> Error {
    Error::BucketNotAllowed(format!(
        "The bucket {} is not one that may be {done}. Whoever runs this service can name it in {variable}.",
        shown(bucket)
    ))
}

#[cfg(test)]
mod tests;
