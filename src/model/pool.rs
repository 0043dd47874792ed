//! The sessions of a model: one for each run at the same time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use ort::session::Session;

use crate::Error;

/// Sessions of one model, to be taken for a run. `ort` takes `&mut` for it, since not all of ONNX Runtime is safe to run
/// twice at a time.
pub(super) struct Pool {
    free: Mutex<Free>,
    given_back: Condvar,
    /// Runs at the same time.
    concurrency: usize,
}

/// The sessions that nobody has.
struct Free {
    /// That of a run that is alone: it has all the threads.
    alone: Option<Session>,
    /// Those of runs that share the processors: they have one thread each. None where there is no second run.
    shared: Vec<Session>,
    running: usize,
}

/// A session that goes back when this is dropped.
struct Taken<'a> {
    pool: &'a Pool,
    session: Option<Session>,
    is_alone: bool,
}

impl Pool {
    /// Builds the sessions, `build` being given the number of threads.
    pub(super) fn new(
        intra_threads: usize,
        concurrency: usize,
        build: impl Fn(usize) -> ort::Result<Session>,
    ) -> ort::Result<Self> {
        let alone = Some(build(intra_threads)?);
        // With one thread, that of a lone run is one of them.
        let shared = match (concurrency, intra_threads) {
            (0 | 1, _) => 0,
            (concurrency, 1) => concurrency - 1,
            (concurrency, _) => concurrency,
        };
        let shared = (0..shared).map(|_| build(1)).collect::<ort::Result<Vec<_>>>()?;
        let free = Mutex::new(Free { alone, shared, running: 0 });
        Ok(Self { free, given_back: Condvar::new(), concurrency: concurrency.max(1) })
    }

    /// Does something with a session, as soon as one is free.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, Error>) -> Result<T, Error> {
        let mut taken = self.take();
        match &mut taken.session {
            Some(session) => work(session),
            // There are as many as may run.
            None => Err(Error::internal("no session is free")),
        }
    }

    fn take(&self) -> Taken<'_> {
        let busy = |free: &mut Free| free.running >= self.concurrency;
        let mut free = self.given_back.wait_while(self.lock(), busy).unwrap_or_else(PoisonError::into_inner);
        let first = if free.running == 0 { None } else { free.shared.pop() };
        let is_alone = first.is_none() && free.alone.is_some();
        let session = first.or_else(|| free.alone.take()).or_else(|| free.shared.pop());
        free.running += 1;
        Taken { pool: self, session, is_alone }
    }

    /// A panic elsewhere leaves nothing half-done: sessions are moved in and out.
    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut free = self.pool.lock();
        if self.is_alone {
            free.alone = self.session.take();
        } else {
            free.shared.extend(self.session.take());
        }
        free.running -= 1;
        self.pool.given_back.notify_one();
    }
}
