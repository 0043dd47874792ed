//! Who is worked on, who waits, and who is sent away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Config, Error};

/// For each request that may be worked on, this many may hold an object: to read an object takes longer than to work on it.
const READERS: usize = 2;

/// So many requests are worked on at the same time, and so many wait for it.
pub(super) struct Places {
    /// A permit for each request that may be worked on.
    work: Arc<Semaphore>,
    /// A permit for each request that may be there, to wait or to be worked on.
    queue: Arc<Semaphore>,
    /// The permits of `work` and of `queue`, when none is taken.
    all: (usize, usize),
    patience: Duration,
}

/// The place of a request. It is free again when this is dropped, also while the request still waits for it: a client
/// that goes away frees its place.
pub(super) struct Place {
    _work: OwnedSemaphorePermit,
    _queue: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(config: &Config) -> Self {
        Self::of(config.max_concurrency, config)
    }

    /// Places for the requests that hold an object in memory: while the object comes, while it waits for a processor, and
    /// while it is worked on. There are more of them than requests that are worked on, so that the processors need not wait
    /// for the storage.
    pub(super) fn for_reading(config: &Config) -> Self {
        Self::of(config.max_concurrency.saturating_mul(READERS), config)
    }

    fn of(working: usize, config: &Config) -> Self {
        // Lambda sends no more than it has said, and what waits here it cannot send elsewhere.
        let waiting = config.lambda.as_ref().map_or(config.max_queue, |lambda| lambda.concurrency);
        let all = (working, working + waiting);
        let [work, queue] = [all.0, all.1].map(|permits| Arc::new(Semaphore::new(permits)));
        Self { work, queue, all, patience: config.request_timeout }
    }

    /// Waits for a place.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`]: at once if too many wait already, or when the wait has been too long.
    pub(super) async fn take(&self) -> Result<Place, Error> {
        let queue = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let work = tokio::time::timeout(self.patience, Arc::clone(&self.work).acquire_owned());
        let work = work.await.map_err(|_| Error::Overloaded)?.map_err(Error::internal)?;
        Ok(Place { _work: work, _queue: queue })
    }

    /// How many are worked on, and how many wait.
    pub(super) fn taken(&self) -> (usize, usize) {
        let working = self.all.0.saturating_sub(self.work.available_permits());
        let there = self.all.1.saturating_sub(self.queue.available_permits());
        (working, there.saturating_sub(working))
    }
}
