//! Objects in S3, for threads that may wait.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::thread;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::runtime::Handle;

use crate::Error;
use crate::config::Config;
use crate::objects::{Listed, Location, Objects};

/// Listed objects that wait to be read: a page of S3's list.
const AHEAD: usize = 1000;

/// S3 for the person at the command line, who may name any bucket. That person has the credentials, so `S3_BUCKETS`
/// would protect nobody here.
#[derive(Clone)]
pub(in crate::cli) struct Storage {
    objects: Arc<Objects>,
    network: Handle,
}

/// The address of an object as text.
pub(super) fn text(location: &Location) -> String {
    match &location.version_id {
        Some(version) => format!("{location}?versionId={version}"),
        None => location.to_string(),
    }
}

impl Storage {
    /// Nothing is called yet. `network` belongs to a runtime that a thread drives.
    pub(in crate::cli) fn new(config: &Config, network: Handle) -> Self {
        Self { objects: Arc::new(Objects::for_operator(config)), network }
    }

    /// Reads an object.
    ///
    /// # Errors
    ///
    /// Those of [`Objects::read`].
    pub(in crate::cli) fn read(&self, location: &Location) -> Result<Bytes, Error> {
        self.network.block_on(self.objects.read(location))
    }

    /// Writes an object.
    ///
    /// # Errors
    ///
    /// Those of [`Objects::write`].
    pub(in crate::cli) fn write(
        &self,
        location: &Location,
        bytes: Bytes,
        content_type: &'static str,
    ) -> Result<(), Error> {
        self.network.block_on(self.objects.write(location, bytes, content_type))
    }

    /// Whether there is such an object.
    ///
    /// # Errors
    ///
    /// Those of [`Objects::list`].
    pub(in crate::cli) fn has(&self, location: &Location) -> Result<bool, Error> {
        match self.list(&location.bucket, &location.key).next() {
            // The first of all keys that begin so is the key itself.
            Some(found) => Ok(found?.location.key == location.key),
            None => Ok(false),
        }
    }

    /// The objects whose keys begin with a prefix, in the order of their keys. The first error ends it.
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
                // Nobody takes them any more where the run is over.
                if send.send(found).is_err() || is_over {
                    return;
                }
            }
        });
        listed.into_iter()
    }
}
