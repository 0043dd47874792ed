//! Reads and writes objects of S3.

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

/// The storage. A client for a bucket is made when it is first needed.
pub(super) struct Stores {
    clients: Clients,
    /// The time in which an object must have been read or written, with all attempts.
    patience: Duration,
}

impl Stores {
    pub(super) fn new(aws: AwsEnvironment, patience: Patience) -> Self {
        Self { clients: Clients::new(aws, patience.silence), patience: patience.whole }
    }

    /// Reads an object of at most so many bytes.
    pub(super) async fn read(&self, location: &Location, max: usize) -> Result<Bytes, Error> {
        let store = self.clients.bucket(&location.bucket)?;
        let path = path(location)?;
        in_time(self.patience, async {
            let options = GetOptions { version: location.version_id.clone(), ..GetOptions::default() };
            let versioned = options.version.is_some();
            // One request brings the head and the body: what is too large is dropped before its body is taken.
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

    /// The origin of a bucket's addresses.
    pub(super) fn origin(&self, bucket: &str) -> Option<String> {
        self.clients.origin(bucket)
    }

    /// The address that an object of this type and length may be put to.
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
        // Signed headers: the storage refuses a request that has others.
        action.headers_mut().insert("content-type", content_type);
        action.headers_mut().insert("content-length", length.to_string());
        Ok(action.sign(valid).into())
    }

    /// The objects whose keys begin with a prefix, or why it is not allowed to ask for them.
    pub(super) fn list(
        &self,
        allowed: Result<(), Error>,
        bucket: String,
        prefix: String,
    ) -> impl Stream<Item = Result<Listed, Error>> + Send + use<'_> {
        list::objects(&self.clients, allowed, bucket, prefix)
    }
}

/// Whether another object lies there now. The crate goes on with an interrupted read where it broke off, but not with
/// another object; what it then answers is what interrupted the read.
async fn was_replaced(store: &AmazonS3, path: &Path, location: &Location, etag: Option<&str>) -> bool {
    if location.version_id.is_some() || etag.is_none() {
        return false;
    }
    store.head(path).await.is_ok_and(|now| now.e_tag.as_deref() != etag)
}

/// The key as the crate has it: without a change, since [`Location::check`] let it pass.
fn path(location: &Location) -> Result<Path, Error> {
    Path::parse(&location.key).map_err(Error::internal)
}

/// Gives up where it takes too long.
async fn in_time<T>(patience: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let done = tokio::time::timeout(patience, work).await;
    done.unwrap_or_else(|elapsed| Err(Error::StorageUnavailable(elapsed.into())))
}
