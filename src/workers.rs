//! The threads of the process: one that waits for the network, and so many that decode and run the model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, RwLock, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::StartError;

/// A thread that has been started is kept: another might be refused later, when there is a request to work on.
const KEEP_ALIVE: Duration = Duration::from_secs(u32::MAX as u64);

/// A thread starts in a tenth of a millisecond; one that has not begun after this time never will.
const PATIENCE: Duration = Duration::from_secs(5);

/// A runtime whose `spawn_blocking` has this many threads, all of which run already.
///
/// # Errors
///
/// [`StartError::Threads`] if the operating system refuses one. Left to itself tokio would find out with the first
/// requests, and panic, or let them wait for ever.
pub(crate) fn start(blocking: usize) -> Result<Runtime, StartError> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(blocking)
        .thread_keep_alive(KEEP_ALIVE)
        .build()
        .map_err(|error| StartError::Threads(error.to_string()))?;
    // Each waits for the last one, so that no two tasks are done by the same thread.
    let gate = Arc::new(RwLock::new(()));
    let closed = gate.write();
    let (begun, begins) = mpsc::channel();
    for _ in 0..blocking {
        let (gate, begun) = (Arc::clone(&gate), begun.clone());
        let task = move || {
            // Nobody counts any more where another one was refused.
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
