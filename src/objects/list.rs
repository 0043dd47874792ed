//! Lists the objects of a bucket, page by page.
//!
//! The crate `object_store` rejects a whole page if one key has an empty part, and strips trailing slashes
//! from other keys. This module returns keys unchanged.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{Stream, stream};
use reqwest::StatusCode;
use rusty_s3::S3Action as _;
use rusty_s3::actions::{ListObjectsV2, ListObjectsV2Response};

use super::client::Clients;
use super::{Listed, Location, fault};
use crate::Error;

/// How long the presigned URL of a page is valid.
const VALID: Duration = Duration::from_secs(300);

/// Timeout for a page.
const PATIENCE: Duration = Duration::from_secs(20);

/// Maximum number of attempts per page.
const ATTEMPTS: u32 = 4;

/// The rest of a listing.
struct List<'a> {
    clients: &'a Clients,
    allowed: Result<(), Error>,
    bucket: String,
    prefix: String,
    page: VecDeque<Listed>,
    /// The next page.
    next: Next,
}

enum Next {
    First,
    Behind(String),
    None,
}

/// The objects whose keys begin with a prefix. The stream ends after the first error.
pub(super) fn objects(
    clients: &Clients,
    allowed: Result<(), Error>,
    bucket: String,
    prefix: String,
) -> impl Stream<Item = Result<Listed, Error>> + Send + use<'_> {
    let list = List { clients, allowed, bucket, prefix, page: VecDeque::new(), next: Next::First };
    stream::unfold(list, |mut list| async move {
        let item = list.next().await.transpose()?;
        if item.is_err() {
            list.next = Next::None;
            list.page.clear();
        }
        Some((item, list))
    })
}

impl List<'_> {
    async fn next(&mut self) -> Result<Option<Listed>, Error> {
        std::mem::replace(&mut self.allowed, Ok(()))?;
        loop {
            if let Some(listed) = self.page.pop_front() {
                return Ok(Some(listed));
            }
            let token = match std::mem::replace(&mut self.next, Next::None) {
                Next::First => None,
                Next::Behind(token) => Some(token),
                Next::None => return Ok(None),
            };
            let found = self.ask_often(token.as_deref()).await?;
            if let Some(token) = found.next_continuation_token {
                self.next = Next::Behind(token);
            }
            let listed = found.contents.into_iter().map(|content| Listed {
                location: Location::new(self.bucket.clone(), content.key),
                size: content.size.unwrap_or_default(),
            });
            self.page.extend(listed.filter(|listed| listed.size > 0 || !listed.location.key.ends_with('/')));
        }
    }

    /// Requests a page, and retries if the storage is unavailable.
    async fn ask_often(&self, token: Option<&str>) -> Result<ListObjectsV2Response, Error> {
        let mut attempt = 1;
        loop {
            match self.ask(token).await {
                Err(Error::StorageUnavailable(cause)) if attempt < ATTEMPTS => {
                    tracing::info!(%cause, attempt, "a page of the list did not come; it is asked for again");
                    tokio::time::sleep(Duration::from_millis(100) * 3_u32.pow(attempt)).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    async fn ask(&self, token: Option<&str>) -> Result<ListObjectsV2Response, Error> {
        let (bucket, credentials) = self.clients.signer(&self.bucket).await?;
        let mut action = ListObjectsV2::new(&bucket, Some(&credentials));
        action.with_prefix(self.prefix.as_str());
        if let Some(token) = token {
            action.with_continuation_token(token);
        }
        let request = self.clients.http()?.get(action.sign(VALID)).timeout(PATIENCE).send();
        let unavailable = |error: reqwest::Error| Error::StorageUnavailable(error.without_url().into());
        let response = request.await.map_err(unavailable)?;
        if response.status() != StatusCode::OK {
            return Err(fault::of_response(response).await);
        }
        let text = response.text().await.map_err(unavailable)?;
        ListObjectsV2::parse_response(&text)
            .map_err(|error| Error::StorageUnavailable(error.to_string().into()))
    }
}
