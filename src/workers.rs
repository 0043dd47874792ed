//! The threads of the process: one waits for the network, the others decode images and run the model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, RwLock, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::StartError;

/// Threads are never stopped. A new thread might be refused later, when a request needs it.
const KEEP_ALIVE: Duration = Duration::from_secs(u32::MAX as u64);

/// A thread starts in a tenth of a millisecond. One that has not started after this time never will.
const PATIENCE: Duration = Duration::from_secs(5);

/// Creates a runtime whose `spawn_blocking` has `blocking` threads, all of them already running.
///
/// # Errors
///
/// [`StartError::Threads`] if the operating system refuses a thread. Otherwise tokio would only notice during
/// the first requests, and panic or let them wait forever.
pub(crate) fn start(blocking: usize) -> Result<Runtime, StartError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(blocking)
        .thread_keep_alive(KEEP_ALIVE)
        .build()
        .map_err(|error| StartError::Threads(error.to_string()))?;
    // Each task waits until all have started, so that every task needs its own thread.
    let gate = Arc::new(RwLock::new(()));
    let closed = gate.write();
    let (begun, begins) = mpsc::channel();
    for _ in 0..blocking {
        let (gate, begun) = (Arc::clone(&gate), begun.clone());
        let task = move || {
            // The receiver is gone if another thread was refused.
            let _ = begun.send(());
            drop(gate.read());
        };
        catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(task)))
            .map_err(|_| StartError::Threads(format!("none of {blocking} could be started")))?;
    }
    for number in 0..blocking {
        begins
            .recv_timeout(PATIENCE)
            .map_err(|_| StartError::Threads(format!("only {number} of {blocking} could be started")))?;
    }
    drop(closed);
    Ok(runtime)
}
