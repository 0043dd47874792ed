//! The sessions of a model: one for each concurrent run.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Error;

/// A pool of sessions of one model. A run takes one of them. `ort` requires `&mut` for a run, because not all
/// of ONNX Runtime is safe to run concurrently.
pub(super) struct Pool<S> {
    free: Mutex<Free<S>>,
    given_back: Condvar,
    /// Maximum number of concurrent runs.
    concurrency: usize,
}

/// The sessions that are not in use.
struct Free<S> {
    /// The session of a run that is alone: it has all the threads.
    alone: Option<S>,
    /// The sessions of concurrent runs, which have one thread each. Empty if there is never a second run.
    shared: Vec<S>,
    running: usize,
}

/// A session that returns to the pool when this is dropped.
struct Taken<'a, S> {
    pool: &'a Pool<S>,
    session: Option<S>,
    is_alone: bool,
}

impl<S> Pool<S> {
    /// Builds the sessions. `build` gets the number of threads.
    pub(super) fn new<E>(
        intra_threads: usize,
        concurrency: usize,
        build: impl Fn(usize) -> Result<S, E>,
    ) -> Result<Self, E> {
        let alone = Some(build(intra_threads)?);
        // With one thread, the session of a lone run also counts as one of these.
        let shared = match (concurrency, intra_threads) {
            (0 | 1, _) => 0,
            (concurrency, 1) => concurrency - 1,
            (concurrency, _) => concurrency,
        };
        let shared = (0..shared).map(|_| build(1)).collect::<Result<Vec<_>, E>>()?;
        let free = Mutex::new(Free { alone, shared, running: 0 });
        Ok(Self { free, given_back: Condvar::new(), concurrency: concurrency.max(1) })
    }

    /// Calls `work` with a session, as soon as one is free.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut S) -> Result<T, Error>) -> Result<T, Error> {
        let mut taken = self.take();
        // There are as many sessions as concurrent runs.
        let session = taken.session.as_mut().ok_or_else(|| Error::internal("no session is free"))?;
        work(session)
    }

    fn take(&self) -> Taken<'_, S> {
        let busy = |free: &mut Free<S>| free.running >= self.concurrency;
        let mut free = self.given_back.wait_while(self.lock(), busy).unwrap_or_else(PoisonError::into_inner);
        let shared = if free.running == 0 { None } else { free.shared.pop() };
        let is_alone = shared.is_none();
        let session = shared.or_else(|| free.alone.take());
        free.running += 1;
        Taken { pool: self, session, is_alone }
    }

    /// A panic elsewhere leaves nothing half done, because sessions are only moved in and out.
    fn lock(&self) -> MutexGuard<'_, Free<S>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Drop for Taken<'_, S> {
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    /// A session is represented by its number of threads.
    fn pool(intra_threads: usize, concurrency: usize) -> Pool<usize> {
        Pool::new(intra_threads, concurrency, Ok::<_, ()>).unwrap()
    }

    #[test]
    fn a_lone_run_has_all_the_threads_and_those_that_come_meanwhile_one_each() {
        for (intra_threads, concurrency) in [(4, 3), (1, 3), (4, 2), (2, 1)] {
            let pool = pool(intra_threads, concurrency);
            for _ in 0..2 {
                let taken: Vec<_> = (0..concurrency).map(|_| pool.take()).collect();
                let threads: Vec<_> = taken.iter().map(|taken| taken.session.unwrap()).collect();
                assert_eq!(threads[0], intra_threads);
                assert!(threads[1..].iter().all(|&threads| threads == 1), "{threads:?}");
            }
        }
        // The first run has ended, and another one is still running.
        let pool = pool(1, 2);
        let first = pool.take();
        let _second = pool.take();
        drop(first);
        assert_eq!(pool.take().session, Some(1));
    }

    #[test]
    fn a_run_too_many_waits_until_one_is_over() {
        let pool = pool(2, 1);
        let (began, begun) = mpsc::channel();
        thread::scope(|scope| {
            let first = pool.take();
            scope.spawn(|| pool.with(|_| began.send(()).map_err(Error::internal)).unwrap());
            assert!(begun.recv_timeout(std::time::Duration::from_millis(50)).is_err());
            drop(first);
            begun.recv().unwrap();
        });
    }

    #[test]
    fn a_session_comes_back_after_an_error_and_after_a_panic() {
        let pool = pool(2, 1);
        for _ in 0..2 {
            assert!(pool.with(|_| Err::<(), _>(Error::internal("a test"))).is_err());
            let panic =
                catch_unwind(AssertUnwindSafe(|| pool.with(|_| -> Result<(), Error> { panic!("a test") })));
            assert!(panic.is_err());
            assert_eq!(pool.with(|&mut threads| Ok(threads)).unwrap(), 2);
        }
    }
}
