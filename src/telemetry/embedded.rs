//! Metrics under Lambda: CloudWatch's Embedded Metric Format, a line of JSON on standard output for each request, of which
//! CloudWatch Logs makes metrics.
//!
//! Every name with every set of dimensions is a metric that is paid for. There is one dimension, the function's
//! name, and of errors their code besides. What is zero is left out.

use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime as Rfc3339};

use super::instruments::{Instrument, Part, readings};
use super::record::Record;
use crate::config::LambdaEnvironment;

/// The namespace of all metrics.
const NAMESPACE: &str = "ImageClassifier";

/// The dimension of all metrics.
const FUNCTION: &str = "FunctionName";

/// The dimension that only errors have.
const CODE: &str = "Code";

/// Writes lines for CloudWatch.
pub(super) struct Embedded {
    function_name: String,
    /// Lambda drops lines below the level that is set for the function, and takes those without one for INFO.
    level: String,
}

impl Embedded {
    pub(super) fn new(lambda: &LambdaEnvironment) -> Self {
        let level = lambda.log_level.clone().unwrap_or_else(|| "INFO".to_owned());
        Self { function_name: lambda.function_name.clone(), level }
    }

    /// Writes the line of a request.
    pub(super) fn write(&self, record: &Record) {
        let line = self.line(record, SystemTime::now());
        // A log that cannot be written to must not cost the request.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    fn line(&self, record: &Record, now: SystemTime) -> Value {
        let mut metrics = Vec::new();
        let mut values = Map::new();
        for (instrument, reading) in readings(record) {
            let Some((name, unit)) = named(instrument) else { continue };
            metrics.push(json!({"Name": name, "Unit": unit}));
            values.insert(name.to_owned(), number(reading));
        }
        let mut directives = vec![json!({
            "Namespace": NAMESPACE, "Dimensions": [[FUNCTION]], "Metrics": metrics,
        })];
        if let Some(code) = record.code {
            values.insert(CODE.to_owned(), code.into());
            directives.push(json!({
                "Namespace": NAMESPACE, "Dimensions": [[FUNCTION, CODE]], "Metrics": [{"Name": "Errors", "Unit": "Count"}],
            }));
        }
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let mut line = json!({
            "_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": directives},
            "level": self.level,
            "timestamp": rfc3339(),
            "request_id": &*record.request_id,
            FUNCTION: self.function_name,
        });
        if let Some(line) = line.as_object_mut() {
            line.append(&mut values);
        }
        line
    }
}

/// What CloudWatch calls an instrument, and its unit. `None` for what means nothing under Lambda, where the body is there
/// before the request, and requests wait elsewhere.
fn named(instrument: Instrument) -> Option<(&'static str, &'static str)> {
    Some(match instrument {
        Instrument::Requests => ("Requests", "Count"),
        Instrument::Errors => ("Errors", "Count"),
        Instrument::Faults => ("Faults", "Count"),
        Instrument::ColdStarts => ("ColdStarts", "Count"),
        Instrument::Images => ("Images", "Count"),
        Instrument::CacheHits => ("CacheHits", "Count"),
        Instrument::Time(Part::Body | Part::Queue) => return None,
        Instrument::Time(Part::Decode) => ("DecodeTime", "Milliseconds"),
        Instrument::Time(Part::Preprocess) => ("PreprocessTime", "Milliseconds"),
        Instrument::Time(Part::Inference) => ("InferenceTime", "Milliseconds"),
        Instrument::Time(Part::Total) => ("TotalTime", "Milliseconds"),
    })
}

/// A count without a decimal point, a time to the microsecond.
fn number(reading: f64) -> Value {
    if reading.fract() == 0.0 { json!(reading as u64) } else { json!((reading * 1e3).round() / 1e3) }
}

/// The time as Lambda wants it to take the level at its word.
fn rfc3339() -> String {
    let mut text = String::new();
    // A string takes anything.
    let _ = Rfc3339.format_time(&mut Writer::new(&mut text));
    text
}
