//! Handles Ctrl-C, and the signal that the operating system sends at shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{SignalKind, signal};

use super::report::say;
use crate::StartError;

/// The exit status of an interrupted run, as shells report it for Ctrl-C.
pub(super) const STATUS: u8 = 130;

/// Handles signals: the first SIGINT or SIGTERM sets the returned flag, the second one ends the process. The
/// thread that waits for signals also runs the network runtime; use the returned handle to run work on it.
///
/// # Errors
///
/// [`StartError::Threads`] if the operating system refuses to start the thread or to register the signals.
pub(super) fn watch() -> Result<(Arc<AtomicBool>, Handle), StartError> {
    let fault = |error: std::io::Error| StartError::Threads(error.to_string());
    let runtime = Builder::new_current_thread().enable_all().build().map_err(fault)?;
    let handle = runtime.handle().clone();
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(fault)?, signal(SignalKind::terminate()).map_err(fault)?)
    };
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let wait = async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        told.store(true, Ordering::SeqCst);
        say("finishing what is under way; once more to end at once");
        next().await;
        std::process::exit(i32::from(STATUS));
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(wait)).map_err(fault)?;
    Ok((stop, handle))
}
