//! Where a request's record goes when it is complete: a line of the log, and the metrics.

use std::sync::atomic::{AtomicBool, Ordering};

use super::embedded::Embedded;
use super::line;
use super::prometheus::Prometheus;
use super::record::Record;
use crate::Config;

/// Takes the records of all requests of this process.
pub(crate) struct Observer {
    metrics: Metrics,
    /// A request has come.
    is_warm: AtomicBool,
}

enum Metrics {
    Off,
    Embedded(Embedded),
    Prometheus(Box<Prometheus>),
}

impl Observer {
    pub(crate) fn new(config: &Config) -> Self {
        let metrics = match &config.lambda {
            _ if !config.metrics => Metrics::Off,
            Some(lambda) => Metrics::Embedded(Embedded::new(lambda)),
            None => Metrics::Prometheus(Box::new(Prometheus::new())),
        };
        Self { metrics, is_warm: AtomicBool::new(false) }
    }

    /// Whether this is the first request that asks.
    pub(crate) fn is_cold_start(&self) -> bool {
        !self.is_warm.swap(true, Ordering::Relaxed)
    }

    /// Logs and counts a request.
    pub(crate) fn take(&self, record: &Record) {
        line::write(record);
        match &self.metrics {
            Metrics::Off => {}
            Metrics::Embedded(embedded) => embedded.write(record),
            Metrics::Prometheus(prometheus) => prometheus.count(record),
        }
    }

    /// The metrics as text, where there is any: not under Lambda, where they are lines on standard output. Two numbers
    /// that no request knows are told: how many are worked on just now, and how many wait.
    pub(crate) fn text(&self, working: usize, waiting: usize) -> Option<String> {
        match &self.metrics {
            Metrics::Prometheus(prometheus) => Some(prometheus.text(working, waiting)),
            Metrics::Off | Metrics::Embedded(_) => None,
        }
    }
}
