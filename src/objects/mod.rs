//! S3: only the buckets that the configuration names are called.
//!
//! [`Objects`] holds the rules: which bucket may be read or written, and how large an object may be. `store` carries them out
//! over the crate `object_store`. A client is made when it is first needed, so that a start without S3 does not pay for it.

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

/// How long the storage may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// In which an object must have been read or written, with all attempts.
    whole: Duration,
    /// In which the next bytes of an answer must come. It also bounds the time in which an object is sent, because
    /// nothing is answered meanwhile.
    silence: Duration,
}

impl Patience {
    /// API Gateway waits 30 s for the whole answer.
    const OF_A_SERVICE: Self = Self { whole: Duration::from_secs(25), silence: Duration::from_secs(10) };

    /// Many objects share the link of a laptop, and rows are sent at once.
    const OF_AN_OPERATOR: Self = Self { whole: Duration::from_secs(600), silence: Duration::from_secs(60) };
}

/// Reads and writes the objects of the buckets that are named.
pub(crate) struct Objects {
    /// Every bucket may be read and written.
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
    /// Where it lies. The version is never set.
    pub location: Location,
    /// Its size in bytes.
    pub size: u64,
}

impl Objects {
    /// Over the buckets that the configuration names. Nothing is called yet.
    pub(crate) fn new(config: &Config) -> Self {
        Self::over(config, false, Patience::OF_A_SERVICE)
    }

    /// Over every bucket, for the person at the command line: who starts the program has the credentials, and waits
    /// longer than a caller of the service. Nothing is called yet.
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

    /// Reads an object whole. Its size is checked before its first byte is taken, and again with each that comes. An
    /// interrupted read goes on with the same version of the object or fails.
    ///
    /// # Errors
    ///
    /// [`Error::BucketNotAllowed`], [`Error::InvalidParameter`] for a key that cannot be read, [`Error::ObjectNotFound`],
    /// [`Error::ObjectTooLarge`], [`Error::ObjectChanged`], [`Error::StorageDenied`] and [`Error::StorageUnavailable`].
    pub(crate) async fn read(&self, location: &Location) -> Result<Bytes, Error> {
        self.check_read(&location.bucket)?;
        location.check()?;
        self.stores.read(location, self.max_bytes).await
    }

    /// Writes an object, in place of one that may be there.
    ///
    /// # Errors
    ///
    /// [`Error::BucketNotAllowed`], [`Error::InvalidParameter`] for a key that cannot be written, [`Error::StorageDenied`] and
    /// [`Error::StorageUnavailable`].
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

    /// The objects whose keys begin with a prefix, in the order of their keys. What consoles make to show a folder, an empty
    /// object whose key ends with a slash, is left out. The list ends with its first error.
    ///
    /// # Errors
    ///
    /// Those of [`Self::read`] that no single object can have.
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
