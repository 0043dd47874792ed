//! Which requests have spans, and who sends them: to X-Ray under Lambda, by OTLP elsewhere, nobody where nothing is
//! configured.

use super::lost::Lost;
use super::otlp::Otlp;
use super::parent::{Parent, TraceId};
use super::record::Record;
use super::spans::Tree;
use super::xray::XRay;
use crate::Config;

pub(crate) use super::otlp::Exporting;

/// Takes the spans of all requests of this process.
pub(super) struct Traces {
    is_lambda: bool,
    sender: Sender,
}

enum Sender {
    Nobody,
    XRay(XRay),
    Otlp(Box<Otlp>),
}

/// Whoever asks for these asks all the time. They are traced for callers who trace, and begin no trace.
const WATCHED: [&str; 2] = ["/health", "/metrics"];

impl Traces {
    /// Nothing is sent yet. What is wrong with the settings goes to the log: it must not keep the service from starting.
    pub(super) fn new(config: &Config, lost: Lost) -> Self {
        for warning in &config.traces.warnings {
            tracing::warn!("{warning}");
        }
        let xray = config.traces.xray.map(|daemon| XRay::new(daemon, lost.clone()));
        let sender = match (xray, &config.traces.otlp) {
            (Some(Ok(xray)), _) => Sender::XRay(xray),
            (Some(Err(error)), _) => {
                tracing::warn!(%error, "no spans are sent to X-Ray: there is no socket for it");
                Sender::Nobody
            }
            (None, Some(otlp)) => Sender::Otlp(Box::new(Otlp::new(otlp, lost))),
            (None, None) => Sender::Nobody,
        };
        Self { is_lambda: config.lambda.is_some(), sender }
    }

    /// The span in which a request was made. Under Lambda only Lambda's own header counts; elsewhere anybody may send that
    /// of the W3C.
    pub(super) fn parent(&self, traceparent: Option<&str>, xray: Option<&str>) -> Option<Parent> {
        if self.is_lambda { Parent::of_xray(xray?) } else { Parent::of_traceparent(traceparent?) }
    }

    /// The trace that the spans of a request go into; `None` if it has none.
    pub(super) fn sample(&self, record: &Record) -> Option<TraceId> {
        let parent = record.parent.as_ref();
        match &self.sender {
            Sender::Nobody => None,
            Sender::XRay(_) => parent.filter(|parent| parent.is_sampled).map(|parent| parent.trace_id),
            Sender::Otlp(otlp) => {
                let is_watch = record.route.as_deref().is_some_and(|route| WATCHED.contains(&route));
                let trace_id = match parent {
                    Some(parent) => parent.trace_id,
                    None if is_watch => return None,
                    None => TraceId::random()?,
                };
                otlp.samples(parent, trace_id).then_some(trace_id)
            }
        }
    }

    /// The trace that the log names as that of a request: the one that its spans go into, else its caller's. X-Ray's has a
    /// field of its own.
    pub(super) fn told(&self, record: &Record, sampled: Option<TraceId>) -> Option<TraceId> {
        sampled.or(record.parent.map(|parent| parent.trace_id)).filter(|_| !self.is_lambda)
    }

    /// Sends the spans of a request, or puts them where they are sent from. That takes microseconds, and cannot fail.
    pub(super) fn send(&self, record: &Record, trace_id: TraceId) {
        let parent = record.parent.map(|parent| parent.span_id);
        let Some(tree) = Tree::new(record, trace_id, parent) else { return };
        match &self.sender {
            Sender::Nobody => {}
            Sender::XRay(xray) => xray.send(&tree),
            Sender::Otlp(otlp) => otlp.send(tree),
        }
    }

    /// Begins to send what is put aside for it.
    pub(super) fn export(&self) -> Exporting {
        match &self.sender {
            Sender::Otlp(otlp) => otlp.export(),
            Sender::Nobody | Sender::XRay(_) => Exporting::default(),
        }
    }
}
