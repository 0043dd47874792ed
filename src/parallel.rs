//! Processes many items in parallel and returns the results in the order of the items. Some threads read
//! ahead, others compute.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How often a thread that waits for an item checks whether it must stop.
const POLL: Duration = Duration::from_millis(50);

/// Maximum number of items in progress per worker. A result waits until all earlier ones are finished, so
/// this is also the limit for waiting results.
const WINDOW: usize = 128;

/// The number of threads for each task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads {
    /// Threads that wait for disks or the network, 1 or more. Each holds one item that it has read.
    pub(crate) readers: usize,
    /// Threads that keep a processor busy, 1 or more.
    pub(crate) workers: usize,
}

/// A result, or the panic that occurred instead.
type Caught<T> = Result<T, Box<dyn Any + Send>>;

/// Calls `read` and then `work` for each item, and `take` with each result: one at a time, in the order of
/// the items, on the calling thread.
///
/// At most `readers + 2 * workers` items are held between `read` and the end of `work`, and at most 128 per
/// worker between the iterator and `take`. Once `stop` is true, no new item is started; items in progress are
/// finished and taken. This function then returns even if the iterator blocks, for example on a pipe that
/// sends nothing.
///
/// # Errors
///
/// The first error of `take`, which also sets `stop`.
///
/// # Panics
///
/// If `read`, `work` or the iterator panics.
pub(crate) fn in_order<T, L, R, E>(
    threads: Threads,
    items: impl Iterator<Item = T> + Send + 'static,
    stop: &AtomicBool,
    read: impl Fn(T) -> L + Sync,
    work: impl Fn(L) -> R + Sync,
    take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E>
where
    T: Send + 'static,
    L: Send,
    R: Send,
{
    let (places, free) = mpsc::channel();
    for _ in 0..WINDOW * threads.workers {
        // Cannot fail: the receiver still exists.
        let _ = places.send(());
    }
    let (feed, fed) = mpsc::sync_channel(1);
    // Not in the scope below, because this thread may block forever in the iterator.
    let feeder = thread::spawn(move || {
        for numbered in items.enumerate() {
            if free.recv().is_err() || feed.send(numbered).is_err() {
                return;
            }
        }
    });
    let (load, loaded) = mpsc::sync_channel(threads.workers);
    let (finish, finished) = mpsc::channel();
    // The receivers are dropped with the last worker, so that no reader blocks while sending.
    let (fed, loaded) = (Mutex::new(fed), Arc::new(Mutex::new(loaded)));
    let result = thread::scope(|scope| {
        for _ in 0..threads.readers {
            let load = load.clone();
            scope.spawn(|| {
                // Moves `load` into this thread; the other captures remain borrows.
                let load = load;
                while let Some((index, item)) = next(&fed, stop) {
                    if load.send((index, catch(|| read(item)))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(load);
        for _ in 0..threads.workers {
            let (finish, loaded) = (finish.clone(), Arc::clone(&loaded));
            scope.spawn(|| {
                let (finish, loaded) = (finish, loaded);
                loop {
                    let received = lock(&loaded).recv();
                    let Ok((index, item)) = received else { return };
                    let result = item.and_then(|item| catch(|| work(item)));
                    if finish.send((index, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((finish, loaded));
        let result = catch(|| hand_over(finished, places, take));
        if !matches!(result, Ok(Ok(()))) {
            stop.store(true, Ordering::SeqCst);
        }
        result
    });
    result.unwrap_or_else(|panic| resume_unwind(panic))?;
    if !stop.load(Ordering::SeqCst) {
        feeder.join().unwrap_or_else(|panic| resume_unwind(panic));
    }
    Ok(())
}

/// The next item, or `None` if there are no more or `stop` is set. Items are handed out in order, so the
/// items handed out are always a prefix of all items.
fn next<T>(fed: &Mutex<Receiver<T>>, stop: &AtomicBool) -> Option<T> {
    loop {
        let fed = lock(fed);
        if stop.load(Ordering::SeqCst) {
            return None;
        }
        match fed.recv_timeout(POLL) {
            Ok(item) => return Some(item),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Passes the results to `take` in order. Each result that is taken makes room for an item.
fn hand_over<R, E>(
    finished: Receiver<(usize, Caught<R>)>,
    places: Sender<()>,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (index, result) in finished {
        waiting.insert(index, result);
        while let Some(result) = waiting.remove(&next) {
            next += 1;
            take(result.unwrap_or_else(|panic| resume_unwind(panic)))?;
            // After the last item, the receiver may be gone.
            let _ = places.send(());
        }
    }
    Ok(())
}

fn catch<T>(run: impl FnOnce() -> T) -> Caught<T> {
    // The closure's data is not used after a panic.
    catch_unwind(AssertUnwindSafe(run))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
