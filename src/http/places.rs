//! Concurrency limits: which requests run, which wait, and which are rejected. A place is the slot of one
//! request.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Config, Error};

/// Requests that may hold an object, per request that may run. Reading an object takes longer than processing
/// it.
const READERS: usize = 2;

/// Limits how many requests run at the same time and how many wait.
pub(super) struct Places {
    /// One permit per running request.
    work: Arc<Semaphore>,
    /// One permit per request, running or waiting.
    queue: Arc<Semaphore>,
    /// The number of permits in `work` and in `queue` when none is taken.
    all: (usize, usize),
    patience: Duration,
}

/// The place of a request, freed on drop. A request that is dropped while it waits, because its client
/// disconnected, also frees its place.
pub(super) struct Place {
    _work: OwnedSemaphorePermit,
    _queue: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(config: &Config) -> Self {
        Self::of(config.max_concurrency, config)
    }

    /// Places for requests that hold an object in memory: while the object is read, while it waits for a
    /// processor, and while it is processed. There are more of them than running requests, so that processors
    /// do not wait for storage.
    pub(super) fn for_reading(config: &Config) -> Self {
        Self::of(config.max_concurrency.saturating_mul(READERS), config)
    }

    fn of(working: usize, config: &Config) -> Self {
        // Lambda sends at most `lambda.concurrency` requests, and cannot redirect a request that waits here.
        // So none is rejected.
        let waiting = config.lambda.as_ref().map_or(config.max_queue, |lambda| lambda.concurrency);
        let all = (working, working + waiting);
        let [work, queue] = [all.0, all.1].map(|permits| Arc::new(Semaphore::new(permits)));
        Self { work, queue, all, patience: config.request_timeout }
    }

    /// Waits for a place.
    ///
    /// # Errors
    ///
    /// [`Error::Overloaded`]: at once if too many requests wait already, or after `REQUEST_TIMEOUT_MS`.
    pub(super) async fn take(&self) -> Result<Place, Error> {
        let queue = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let work = tokio::time::timeout(self.patience, Arc::clone(&self.work).acquire_owned());
        let work = work.await.map_err(|_| Error::Overloaded)?.map_err(Error::internal)?;
        Ok(Place { _work: work, _queue: queue })
    }

    /// The number of running and of waiting requests.
    pub(super) fn taken(&self) -> (usize, usize) {
        let working = self.all.0.saturating_sub(self.work.available_permits());
        let there = self.all.1.saturating_sub(self.queue.available_permits());
        (working, there.saturating_sub(working))
    }
}
