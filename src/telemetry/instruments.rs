//! What is counted and measured: the same for CloudWatch and Prometheus, each of which names it by its own custom.

use super::record::Record;

/// One instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instrument {
    /// Requests of any kind.
    Requests,
    /// Requests that were answered with an error: by code.
    Errors,
    /// Requests that were answered with a 5xx, for one of their images at least.
    Faults,
    /// Requests that were the first of their process.
    ColdStarts,
    /// Images with labels.
    Images,
    /// Those of them whose answers were remembered.
    CacheHits,
    /// A part of the time of a request that was answered with labels.
    Time(Part),
}

/// A part of a request's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The body arrived.
    Body,
    /// Others were worked on.
    Queue,
    /// Bytes became pixels.
    Decode,
    /// Pixels became the model's input.
    Preprocess,
    /// ONNX Runtime ran.
    Inference,
    /// All of it, to the answer.
    Total,
}

/// What a request counts for. Times are in milliseconds, and are those of requests that were answered with labels, so
/// that refusals, which are fast, do not make the service look fast; an image that was remembered has neither been
/// decoded nor looked at.
pub(super) fn readings(record: &Record) -> Vec<(Instrument, f64)> {
    let mut readings = vec![(Instrument::Requests, 1.0)];
    let mut count = |instrument, number: usize| {
        if number > 0 {
            readings.push((instrument, number as f64));
        }
    };
    count(Instrument::Errors, usize::from(record.code.is_some()));
    count(Instrument::Faults, usize::from(record.is_faulty()));
    count(Instrument::ColdStarts, usize::from(record.cold_start));
    let images = record.found().count();
    count(Instrument::Images, images);
    count(Instrument::CacheHits, record.cache_hits());
    if record.status == 200 && images > 0 {
        let times = record.times();
        let parts = [
            (Part::Body, record.body_ms),
            (Part::Queue, record.queue_ms),
            (Part::Decode, times.map(|times| times.decode)),
            (Part::Preprocess, times.map(|times| times.preprocess)),
            (Part::Inference, times.map(|times| times.inference)),
            (Part::Total, Some(record.total_ms)),
        ];
        readings.extend(parts.into_iter().filter_map(|(part, ms)| Some((Instrument::Time(part), ms?))));
    }
    readings
}
