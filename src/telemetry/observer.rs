//! Where a request's record goes when it is complete: a line of the log, the metrics, and the spans of a trace.

use std::sync::atomic::{AtomicBool, Ordering};

use super::embedded::Embedded;
use super::line;
use super::lost::Lost;
use super::parent::Parent;
use super::prometheus::Prometheus;
use super::record::Record;
use super::traces::{Exporting, Traces};
use crate::Config;

/// Takes the records of all requests of this process.
pub(crate) struct Observer {
    metrics: Metrics,
    traces: Traces,
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
        let lost = Lost::default();
        let metrics = match &config.lambda {
            _ if !config.metrics => Metrics::Off,
            Some(lambda) => Metrics::Embedded(Embedded::new(lambda)),
            None => Metrics::Prometheus(Box::new(Prometheus::new(lost.counter()))),
        };
        Self { metrics, traces: Traces::new(config, lost), is_warm: AtomicBool::new(false) }
    }

    /// Whether this is the first request that asks.
    pub(crate) fn is_cold_start(&self) -> bool {
        !self.is_warm.swap(true, Ordering::Relaxed)
    }

    /// The span of the caller in which a request was made, by the headers of the W3C and of X-Ray.
    pub(crate) fn parent(&self, traceparent: Option<&str>, xray: Option<&str>) -> Option<Parent> {
        self.traces.parent(traceparent, xray)
    }

    /// Sends spans in the background, on the runtime that calls this, until it is told to finish.
    pub(crate) fn export(&self) -> Exporting {
        self.traces.export()
    }

    /// Logs and counts a request, and sends its spans.
    pub(crate) fn take(&self, mut record: Record) {
        let sampled = self.traces.sample(&record);
        record.trace_id = self.traces.told(&record, sampled);
        line::write(&record);
        match &self.metrics {
            Metrics::Off => {}
            Metrics::Embedded(embedded) => embedded.write(&record),
            Metrics::Prometheus(prometheus) => prometheus.count(&record),
        }
        if let Some(trace_id) = sampled {
            self.traces.send(&record, trace_id);
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
