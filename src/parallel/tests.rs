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
