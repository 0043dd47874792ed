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
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    const THREADS: Threads = Threads { readers: 3, workers: 2 };

    /// Processes the items with work that takes longest for every tenth one.
    fn run(items: impl Iterator<Item = usize> + Send + 'static) -> Vec<usize> {
        let mut taken = Vec::new();
        let work = |item: usize| {
            if item.is_multiple_of(10) {
                thread::sleep(Duration::from_millis(5));
            }
            item * 2
        };
        let result = in_order(
            THREADS,
            items,
            &AtomicBool::new(false),
            |item| item,
            work,
            |result| {
                taken.push(result);
                Ok::<_, Infallible>(())
            },
        );
        result.unwrap();
        taken
    }

    #[test]
    fn results_come_in_the_order_of_their_items() {
        assert_eq!(run(0..1000), (0..1000).map(|item| item * 2).collect::<Vec<_>>());
        assert!(run(0..0).is_empty());
    }

    #[test]
    fn items_are_taken_from_the_iterator_only_as_far_as_the_window_goes() {
        let (begun, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut done = 0;
        let read = |item| {
            begun.fetch_add(1, Ordering::SeqCst);
            item
        };
        // The first item takes long, and all later ones wait for it.
        let work = |item: usize| {
            if item == 0 {
                thread::sleep(Duration::from_millis(200));
            }
        };
        let stop = AtomicBool::new(false);
        in_order(THREADS, 0..2000, &stop, read, work, |()| {
            most.fetch_max(begun.load(Ordering::SeqCst) - done, Ordering::SeqCst);
            done += 1;
            Ok::<_, Infallible>(())
        })
        .unwrap();
        let most = most.into_inner();
        assert!((WINDOW..=WINDOW * THREADS.workers).contains(&most), "{most} items were under way");
    }

    #[test]
    fn a_stop_finishes_what_is_under_way_and_takes_a_beginning_of_the_whole() {
        let stop = AtomicBool::new(false);
        let begun = AtomicUsize::new(0);
        let mut taken = Vec::new();
        let read = |item: usize| {
            begun.fetch_add(1, Ordering::SeqCst);
            item
        };
        in_order(
            THREADS,
            0..,
            &stop,
            read,
            |item| item,
            |item| {
                taken.push(item);
                if item == 20 {
                    stop.store(true, Ordering::SeqCst);
                }
                Ok::<_, Infallible>(())
            },
        )
        .unwrap();
        assert_eq!(taken, (0..begun.into_inner()).collect::<Vec<_>>());
        assert!((21..1000).contains(&taken.len()), "{} items", taken.len());
    }

    #[test]
    fn a_stop_does_not_wait_for_an_iterator_that_blocks() {
        let stop = AtomicBool::new(false);
        // The sender is kept alive, so the iterator waits for an item that never comes.
        let (sender, items) = mpsc::channel();
        sender.send(1).unwrap();
        in_order(
            THREADS,
            items.into_iter(),
            &stop,
            |item| item,
            |item| item,
            |_: i32| {
                stop.store(true, Ordering::SeqCst);
                Ok::<_, Infallible>(())
            },
        )
        .unwrap();
        drop(sender);
    }

    #[test]
    fn the_first_error_of_the_taker_ends_the_run() {
        let stop = AtomicBool::new(false);
        let result = in_order(
            THREADS,
            0..,
            &stop,
            |item| item,
            |item| item,
            |item: usize| {
                if item == 50 { Err("full") } else { Ok(()) }
            },
        );
        assert_eq!(result, Err("full"));
    }

    #[test]
    fn a_panic_reaches_the_caller_wherever_it_happens() {
        let run = |bad: &'static str| {
            let check = move |here: &str, item: usize| {
                assert!(here != bad || item != 300, "a test");
                item
            };
            let items = (0..1000).map(move |item| check("iterator", item));
            let stop = AtomicBool::new(false);
            let run = || {
                in_order(
                    THREADS,
                    items,
                    &stop,
                    |item| check("read", item),
                    |item| check("work", item),
                    |_| Ok::<_, Infallible>(()),
                )
            };
            catch(run).is_err()
        };
        assert!(!run("nowhere"));
        for bad in ["iterator", "read", "work"] {
            assert!(run(bad), "{bad}");
        }
    }
}
