//! Metrics of the local server, as the text that Prometheus reads.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::instruments::{Instrument, Part, readings};
use super::record::Record;

/// Seconds: a cached answer takes less than the first, the largest picture about the last.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Counts until the process ends.
pub(super) struct Prometheus {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    errors: Family<CodeLabels, Counter>,
    faults: Counter,
    cold_starts: Counter,
    images: Counter,
    cache_hits: Counter,
    times: Family<PartLabels, Histogram>,
    working: Gauge,
    waiting: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    part: &'static str,
}

impl Prometheus {
    /// `lost` counts the spans that did not arrive.
    pub(super) fn new(lost: Counter) -> Self {
        let mut all = Self {
            registry: Registry::with_prefix("image_classifier"),
            requests: Family::default(),
            errors: Family::default(),
            faults: Counter::default(),
            cold_starts: Counter::default(),
            images: Counter::default(),
            cache_hits: Counter::default(),
            times: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            working: Gauge::default(),
            waiting: Gauge::default(),
        };
        let registry = &mut all.registry;
        let requests =
            "Requests, by route (none where the path leads nowhere) and status (499: the client went away)";
        registry.register("requests", requests, all.requests.clone());
        registry.register("errors", "Requests that were answered with an error, by code", all.errors.clone());
        registry.register(
            "faults",
            "Requests that were answered with a 5xx, for one of their images at least",
            all.faults.clone(),
        );
        registry.register(
            "cold_starts",
            "Requests that were the first of their process",
            all.cold_starts.clone(),
        );
        registry.register("images", "Images with labels", all.images.clone());
        registry.register("cache_hits", "Images whose answers were remembered", all.cache_hits.clone());
        let times = "Seconds of requests that were answered with labels, by part";
        registry.register("request_seconds", times, all.times.clone());
        registry.register("spans_lost", "Spans of traces that did not arrive", lost);
        registry.register("requests_working", "Requests that are worked on", all.working.clone());
        registry.register("requests_waiting", "Requests that wait for those", all.waiting.clone());
        all
    }

    /// Counts a request.
    pub(super) fn count(&self, record: &Record) {
        for (instrument, reading) in readings(record) {
            let number = reading as u64;
            match instrument {
                Instrument::Requests => {
                    let route = record.route.clone().unwrap_or_else(|| "none".to_owned());
                    let labels = RequestLabels { route, status: record.status };
                    self.requests.get_or_create(&labels).inc_by(number);
                }
                Instrument::Errors => {
                    let labels = CodeLabels { code: record.code.unwrap_or_default() };
                    self.errors.get_or_create(&labels).inc_by(number);
                }
                Instrument::Faults => drop(self.faults.inc_by(number)),
                Instrument::ColdStarts => drop(self.cold_starts.inc_by(number)),
                Instrument::Images => drop(self.images.inc_by(number)),
                Instrument::CacheHits => drop(self.cache_hits.inc_by(number)),
                Instrument::Time(part) => {
                    self.times.get_or_create(&PartLabels { part: named(part) }).observe(reading / 1e3);
                }
            }
        }
    }

    /// The text, with the requests that are worked on and that wait just now.
    pub(super) fn text(&self, working: usize, waiting: usize) -> String {
        for (gauge, number) in [(&self.working, working), (&self.waiting, waiting)] {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // A string takes anything.
        let _ = prometheus_client::encoding::prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

fn named(part: Part) -> &'static str {
    match part {
        Part::Body => "body",
        Part::Queue => "queue",
        Part::Decode => "decode",
        Part::Preprocess => "preprocess",
        Part::Inference => "inference",
        Part::Total => "total",
    }
}
