//! Replaces `store` in a build without the feature `s3`. No bucket can be configured in such a build, so this
//! code is never reached in practice.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};

use super::{Listed, Location, Patience};
use crate::Error;
use crate::config::AwsEnvironment;

pub(super) struct Stores;

impl Stores {
    pub(super) fn new(_: AwsEnvironment, _: Patience) -> Self {
        Self
    }

    pub(super) async fn read(&self, _: &Location, _: usize) -> Result<Bytes, Error> {
        Err(missing())
    }

    pub(super) async fn write(&self, _: &Location, _: Bytes, _: &'static str) -> Result<(), Error> {
        Err(missing())
    }

    pub(super) fn origin(&self, _: &str) -> Option<String> {
        None
    }

    pub(super) async fn presigned_put(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: u64,
        _: Duration,
    ) -> Result<String, Error> {
        Err(missing())
    }

    pub(super) fn list(
        &self,
        allowed: Result<(), Error>,
        _: String,
        _: String,
    ) -> impl Stream<Item = Result<Listed, Error>> + Send + use<'_> {
        stream::iter([Err(allowed.err().unwrap_or_else(missing))])
    }
}

fn missing() -> Error {
    Error::StorageDenied("the program was built without the feature s3".into())
}
