//! Reads and writes S3 objects.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Attribute, GetOptions, ObjectStore as _, ObjectStoreExt as _, PutOptions};
use rusty_s3::S3Action as _;

use super::client::Clients;
use super::{Listed, Location, Patience, fault, list};
use crate::Error;
use crate::config::AwsEnvironment;

/// Access to the storage. The client of a bucket is created on first use.
pub(super) struct Stores {
    clients: Clients,
    /// Timeout for reading or writing an object, including all attempts.
    patience: Duration,
}

impl Stores {
    pub(super) fn new(aws: AwsEnvironment, patience: Patience) -> Self {
        Self { clients: Clients::new(aws, patience.silence), patience: patience.whole }
    }

    /// Reads an object of at most `max` bytes.
    pub(super) async fn read(&self, location: &Location, max: usize) -> Result<Bytes, Error> {
        let store = self.clients.bucket(&location.bucket)?;
        let path = path(location)?;
        in_time(self.patience, async {
            let options = GetOptions { version: location.version_id.clone(), ..GetOptions::default() };
            let versioned = options.version.is_some();
            // One request returns headers and body. If the object is too large, the response is dropped
            // before its body is read.
            let found = store.get_opts(&path, options).await;
            let found = found.map_err(|error| fault::of_store(error, versioned))?;
            let (size, etag) = (found.meta.size, found.meta.e_tag.clone());
            let too_large = |size| Error::ObjectTooLarge { size, max };
            let expected = usize::try_from(size).ok().filter(|&size| size <= max).ok_or(too_large(size))?;
            let mut bytes = BytesMut::with_capacity(expected);
            let mut chunks = found.into_stream();
            while let Some(chunk) = chunks.next().await {
                match chunk {
                    Ok(chunk) if bytes.len() + chunk.len() > max => return Err(too_large(size)),
                    Ok(chunk) => bytes.extend_from_slice(&chunk),
                    Err(error) if was_replaced(&store, &path, location, etag.as_deref()).await => {
                        tracing::debug!(%error, "the object was replaced while it was read");
                        return Err(Error::ObjectChanged);
                    }
                    Err(error) => return Err(fault::of_store(error, versioned)),
                }
            }
            if bytes.len() != expected {
                let cause = format!("{} bytes came of {expected}", bytes.len());
                return Err(Error::StorageUnavailable(cause.into()));
            }
            Ok(bytes.freeze())
        })
        .await
    }

    /// Writes an object.
    pub(super) async fn write(
        &self,
        location: &Location,
        bytes: Bytes,
        content_type: &'static str,
    ) -> Result<(), Error> {
        let store = self.clients.bucket(&location.bucket)?;
        let path = path(location)?;
        let attributes = [(Attribute::ContentType, content_type)].into_iter().collect();
        let options = PutOptions { attributes, ..PutOptions::default() };
        in_time(self.patience, async {
            let written = store.put_opts(&path, bytes.into(), options).await;
            written.map(drop).map_err(|error| fault::of_store(error, false))
        })
        .await
    }

    /// The origin of a bucket's URLs.
    pub(super) fn origin(&self, bucket: &str) -> Option<String> {
        self.clients.origin(bucket)
    }

    /// Creates a presigned URL to upload an object of this type and length.
    pub(super) async fn presigned_put(
        &self,
        bucket: &str,
        key: &str,
        content_type: &str,
        length: u64,
        valid: Duration,
    ) -> Result<String, Error> {
        let (bucket, credentials) = self.clients.signer(bucket).await?;
        let mut action = bucket.put_object(Some(&credentials), key);
        // These headers are signed. The storage rejects requests with other values.
        action.headers_mut().insert("content-type", content_type);
        action.headers_mut().insert("content-length", length.to_string());
        Ok(action.sign(valid).into())
    }

    /// The objects whose keys begin with a prefix, or the error in `allowed`.
    pub(super) fn list(
        &self,
        allowed: Result<(), Error>,
        bucket: String,
        prefix: String,
    ) -> impl Stream<Item = Result<Listed, Error>> + Send + use<'_> {
        list::objects(&self.clients, allowed, bucket, prefix)
    }
}

/// Whether the object was replaced during the read. The crate resumes an interrupted read, but not if the
/// object has changed. In that case it returns the error that interrupted the read.
async fn was_replaced(store: &AmazonS3, path: &Path, location: &Location, etag: Option<&str>) -> bool {
    if location.version_id.is_some() || etag.is_none() {
        return false;
    }
    store.head(path).await.is_ok_and(|now| now.e_tag.as_deref() != etag)
}

/// Converts a key to the crate's type. [`Location::check`] guarantees that this does not change the key.
fn path(location: &Location) -> Result<Path, Error> {
    Path::parse(&location.key).map_err(Error::internal)
}

/// Runs `work` with a timeout.
async fn in_time<T>(patience: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let done = tokio::time::timeout(patience, work).await;
    done.unwrap_or_else(|elapsed| Err(Error::StorageUnavailable(elapsed.into())))
}
