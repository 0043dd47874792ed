//! Logs, metrics and traces.
//!
//! Logs are JSON lines where Lambda is set to JSON, text elsewhere. Always on standard error, since standard output
//! belongs to the answers of the command line, and to the metrics under Lambda.
//!
//! What a request was is noted in a `Record` on its way; the `Observer` makes its line, the metrics and the spans of it.

mod embedded;
mod instruments;
mod line;
mod lost;
mod observer;
#[cfg_attr(not(feature = "otlp"), path = "telemetry/otlp/without.rs")]
mod otlp;
mod parent;
mod prometheus;
mod record;
mod spans;
mod traces;
mod xray;

use std::io::{IsTerminal as _, Write as _};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use observer::Observer;
pub(crate) use record::{Found, GONE, Image, Notes, Record, Stage, cause_chain, clean};

use crate::StartError;
use crate::config::Logging;

/// Installs the log for the whole process. Call it once.
pub fn init(logging: &Logging) {
    let filter: Result<Targets, _> = logging.filter.parse();
    let mistake = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    // Where standard error is closed there is nowhere to say so, and trying to would panic.
    let builder =
        fmt().with_max_level(LevelFilter::TRACE).with_writer(std::io::stderr).log_internal_errors(false);
    // A second call (in tests) finds the log installed already; that is fine.
    let _ = if logging.json {
        builder
            .json()
            .with_target(false)
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .finish()
            .with(filter)
            .try_init()
    } else if logging.lambda {
        // Lambda stamps the time itself.
        builder.with_ansi(false).with_target(false).without_time().finish().with(filter).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).finish().with(filter).try_init()
    };
    if let Some(mistake) = mistake {
        tracing::warn!("the log filter \"{}\" is not understood ({mistake}); info is used", logging.filter);
    }
    std::panic::set_hook(Box::new(log_panic));
}

/// Tells why the program ends, in one line, even where the filter leaves errors out: who switched the log off still
/// must learn why there is no server.
pub fn fatal(error: &StartError) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{error}");
    } else {
        // There is no place left to report a failure of this.
        let _ = writeln!(std::io::stderr(), "{error}");
    }
}

/// A panic is one line of the log, in its format, not a text of its own on standard error.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, "panic: {message}");
}
