//! Blocking access to S3 objects.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::thread;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::runtime::Handle;

use crate::Error;
use crate::config::Config;
use crate::objects::{Listed, Location, Objects};

/// Number of objects that are listed ahead: one page of an S3 listing.
const AHEAD: usize = 1000;

/// S3 access for commands. All buckets are allowed, because the user has the credentials and `S3_BUCKETS`
/// would protect nothing.
#[derive(Clone)]
pub(in crate::cli) struct Storage {
    objects: Arc<Objects>,
    network: Handle,
}

/// The URL of an object.
pub(super) fn text(location: &Location) -> String {
    match &location.version_id {
        Some(version) => format!("{location}?versionId={version}"),
        None => location.to_string(),
    }
}

impl Storage {
    /// Creates the access without making network calls. A thread must drive the runtime of `network`.
    pub(in crate::cli) fn new(config: &Config, network: Handle) -> Self {
        Self { objects: Arc::new(Objects::for_operator(config)), network }
    }

    /// Reads an object.
    ///
    /// # Errors
    ///
    /// The errors of [`Objects::read`].
    pub(in crate::cli) fn read(&self, location: &Location) -> Result<Bytes, Error> {
        self.network.block_on(self.objects.read(location))
    }

    /// Writes an object.
    ///
    /// # Errors
    ///
    /// The errors of [`Objects::write`].
    pub(in crate::cli) fn write(
        &self,
        location: &Location,
        bytes: Bytes,
        content_type: &'static str,
    ) -> Result<(), Error> {
        self.network.block_on(self.objects.write(location, bytes, content_type))
    }

    /// Whether the object exists.
    ///
    /// # Errors
    ///
    /// The errors of [`Objects::list`].
    pub(in crate::cli) fn has(&self, location: &Location) -> Result<bool, Error> {
        match self.list(&location.bucket, &location.key).next() {
            // Keys are sorted, so if the key exists, it is the first one with this prefix.
            Some(found) => Ok(found?.location.key == location.key),
            None => Ok(false),
        }
    }

    /// The objects whose keys begin with a prefix, in the order of their keys. The first error ends the
    /// iteration.
    pub(super) fn list(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> impl Iterator<Item = Result<Listed, Error>> + Send + use<> {
        let (send, listed) = mpsc::sync_channel(AHEAD);
        let (objects, network) = (Arc::clone(&self.objects), self.network.clone());
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        thread::spawn(move || {
            let mut list = pin!(objects.list(&bucket, &prefix));
            while let Some(found) = network.block_on(list.next()) {
                let is_over = found.is_err();
                // The receiver is gone if the run has ended.
                if send.send(found).is_err() || is_over {
                    return;
                }
            }
        });
        listed.into_iter()
    }
}
