//! Spans that did not arrive: counted, and told in the log when it begins and when it is over.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus_client::metrics::counter::Counter;

/// What all senders of spans share.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    spans: Counter,
    /// The log says that spans do not arrive.
    is_told: Arc<AtomicBool>,
}

impl Lost {
    /// Counts them.
    pub(super) fn counter(&self) -> Counter {
        self.spans.clone()
    }

    /// Says why spans do not arrive, unless the log says so already: a line for each request would be no help.
    pub(super) fn tell(&self, reason: &dyn Display) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("spans do not arrive: {reason}; this is told once, until they arrive again");
        }
    }

    /// Counts spans that are given up, and says why.
    pub(super) fn add(&self, spans: usize, reason: &dyn Display) {
        self.spans.inc_by(spans as u64);
        self.tell(reason);
    }

    /// Says that spans arrive again, if they did not.
    pub(super) fn is_over(&self) {
        if self.is_told.swap(false, Ordering::Relaxed) {
            tracing::info!(lost = self.spans.get(), "spans arrive again");
        }
    }
}
