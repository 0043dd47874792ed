//! Spans outside Lambda: in batches to a collector, by OTLP over HTTP.
//!
//! A request only puts its spans into a queue. A task takes them out, gathers them for a while and sends them: `document`
//! writes what `collector` posts. Where the queue is full, spans are lost, and no request waits.

mod collector;
mod document;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use self::collector::Collector;
use self::document::Resource;
use super::lost::Lost;
use super::parent::{Parent, TraceId};
use super::spans::Tree;
use crate::config;

/// Requests whose spans wait to be sent. Most have six spans: some 200 kB.
const QUEUE: usize = 512;

/// Spans in one request to the collector: when there are so many, no more are gathered. The specification of
/// OpenTelemetry has this number.
const BATCH: usize = 512;

/// How often spans are sent again that the collector could not take.
const RETRIES: u32 = 3;

/// Before spans are sent for the second time; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause that a collector may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The time that is left for sending when the process ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Takes the spans of requests.
pub(super) struct Otlp {
    sampler: config::Sampler,
    queue: mpsc::Sender<Tree>,
    /// Until it is started.
    exporter: Mutex<Option<Exporter>>,
    lost: Lost,
}

impl Otlp {
    pub(super) fn new(settings: &config::Otlp, lost: Lost) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let exporter = Exporter {
            waiting,
            delay: settings.delay,
            resource: Resource::new(&settings.resource),
            collector: Collector::new(settings),
            lost: lost.clone(),
        };
        Self { sampler: settings.sampler, queue, exporter: Mutex::new(Some(exporter)), lost }
    }

    /// Whether the spans of a request are sent.
    pub(super) fn samples(&self, parent: Option<&Parent>, trace_id: TraceId) -> bool {
        let config::Sampler { follows_parent, ratio } = self.sampler;
        match parent.filter(|_| follows_parent) {
            Some(parent) => parent.is_sampled,
            None => ratio >= 1.0 || draw(trace_id) < ratio,
        }
    }

    /// Has the spans of a request sent, if there is room for them.
    pub(super) fn send(&self, tree: Tree) {
        let spans = tree.size;
        if self.queue.try_send(tree).is_err() {
            self.lost.add(spans, &"the queue is full");
        }
    }

    /// Begins to send.
    pub(super) fn export(&self) -> Exporting {
        let exporter = self.exporter.lock().unwrap_or_else(PoisonError::into_inner).take();
        Exporting(exporter.map(|exporter| {
            let (end, ending) = watch::channel(false);
            (end, tokio::spawn(exporter.run(ending)))
        }))
    }
}

/// A number from 0 to 1 that all services draw alike, because the id of the trace says it.
fn draw(trace_id: TraceId) -> f64 {
    // More bits than these an f64 does not hold.
    (trace_id.low() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A pause that is a quarter longer or shorter, by chance: many services may wait for the same collector.
fn jittered(pause: Duration) -> Duration {
    let chance = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    pause.mul_f64(0.75 + chance / 2.0)
}

/// The task that sends spans. None where none are sent.
#[derive(Default)]
pub(crate) struct Exporting(Option<(watch::Sender<bool>, JoinHandle<()>)>);

impl Exporting {
    /// Waits until what is there is sent, but not for long.
    pub(crate) async fn finish(self) {
        if let Some((end, task)) = self.0 {
            end.send_replace(true);
            if timeout(FAREWELL, task).await.is_err() {
                tracing::warn!("spans that were not sent in time are lost");
            }
        }
    }
}

/// Sends what is in the queue.
struct Exporter {
    waiting: mpsc::Receiver<Tree>,
    delay: Duration,
    resource: Resource,
    collector: Collector,
    lost: Lost,
}

impl Exporter {
    async fn run(mut self, mut ending: watch::Receiver<bool>) {
        loop {
            let batch = self.gather(&mut ending).await;
            if batch.is_empty() {
                return;
            }
            self.send(&batch, &mut ending).await;
        }
    }

    /// The next spans. None if the process ends, and no more wait.
    async fn gather(&mut self, ending: &mut watch::Receiver<bool>) -> Vec<Tree> {
        let mut batch = Vec::new();
        let mut spans = 0;
        // Until the first spans come, there is nothing to hurry for.
        let mut deadline = None;
        while spans < BATCH {
            let next = tokio::select! {
                biased;
                next = self.waiting.recv() => next,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => None,
                _ = ending.wait_for(|&told| told) => None,
            };
            let Some(tree) = next else { break };
            deadline.get_or_insert_with(|| Instant::now() + self.delay);
            spans += tree.size;
            batch.push(tree);
        }
        batch
    }

    /// Sends spans, again if it must be, and gives them up in the end.
    async fn send(&self, batch: &[Tree], ending: &mut watch::Receiver<bool>) {
        let spans: usize = batch.iter().map(|tree| tree.size).sum();
        let body = document::of(&self.resource, batch);
        let mut pause = FIRST_PAUSE;
        for attempt in 0.. {
            let failure = match self.collector.post(body.clone()).await {
                Ok(None) => return self.lost.is_over(),
                Ok(Some(refused)) => return self.lost.add(refused.spans.min(spans), &refused),
                Err(failure) => failure,
            };
            if !failure.may_pass || attempt == RETRIES || *ending.borrow() {
                return self.lost.add(spans, &failure);
            }
            self.lost.tell(&failure);
            let pause_now = failure.pause.unwrap_or_else(|| jittered(pause)).min(LONGEST_PAUSE);
            tokio::select! {
                () = sleep(pause_now) => {}
                // Once more, and at once.
                _ = ending.wait_for(|&told| told) => {}
            }
            pause *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::spans::tests::caller;

    fn otlp(follows_parent: bool, ratio: f64) -> Otlp {
        let settings = config::Otlp {
            endpoint: "http://127.0.0.1:1".to_owned(),
            headers: Vec::new(),
            timeout: Duration::from_secs(1),
            delay: Duration::from_secs(1),
            resource: Vec::new(),
            sampler: config::Sampler { follows_parent, ratio },
        };
        Otlp::new(&settings, Lost::default())
    }

    #[test]
    fn the_share_that_is_sampled_is_that_of_the_ratio() {
        for ratio in [0.0, 0.1, 0.5, 1.0] {
            let otlp = otlp(true, ratio);
            let sampled = (0..10_000).filter(|_| otlp.samples(None, TraceId::random().unwrap())).count();
            // Six standard deviations at most.
            assert!((sampled as f64 - ratio * 1e4).abs() <= 300.0, "{ratio}: {sampled}");
        }
    }

    #[test]
    fn all_services_decide_alike_about_a_trace() {
        let id = TraceId::random().unwrap();
        let least = draw(id);
        assert!(!otlp(true, least).samples(None, id));
        assert!(otlp(true, least + 1e-15).samples(None, id));
    }

    #[test]
    fn the_caller_decides_where_the_sampler_follows_it() {
        let (sampled, other) = (caller(), Parent { is_sampled: false, ..caller() });
        for (follows_parent, ratio, parent, expected) in [
            (true, 0.0, sampled, true),
            (true, 1.0, other, false),
            (false, 0.0, sampled, false),
            (false, 1.0, other, true),
        ] {
            let decided = otlp(follows_parent, ratio).samples(Some(&parent), parent.trace_id);
            assert_eq!(decided, expected, "{follows_parent} {ratio}");
        }
    }
}
