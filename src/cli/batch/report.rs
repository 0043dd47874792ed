//! The progress of a run: a bar on a terminal, otherwise regular lines.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar};

use crate::cli::progress;
use crate::cli::sources::{Source, Storage};

/// Interval between progress lines.
const EVERY: Duration = Duration::from_secs(10);

/// The value of `total` until the sources are counted.
const UNKNOWN: u64 = u64::MAX;

/// The progress of a run.
pub(super) struct Report {
    bar: ProgressBar,
    /// Number of pictures in all sources, or [`UNKNOWN`].
    total: Arc<AtomicU64>,
    /// Number of rows from earlier runs.
    before: u64,
    begin: Instant,
    told: Instant,
    done: u64,
    errors: u64,
    skipped: u64,
}

impl Report {
    /// Starts to count the sources, if possible, and to show the progress. `before` is the number of pictures
    /// that earlier runs have processed.
    pub(super) fn begin(sources: &[Source], storage: &Storage, before: u64) -> Self {
        let total = Arc::new(AtomicU64::new(UNKNOWN));
        if sources.iter().all(Source::is_countable) {
            let (sources, storage, total) = (sources.to_vec(), storage.clone(), Arc::clone(&total));
            // Count in parallel to the work: this takes seconds for a million files. The run does not wait
            // for it.
            std::thread::spawn(move || {
                let count = sources.iter().map(|source| source.items(&storage).count() as u64).sum();
                total.store(count, Ordering::Relaxed);
            });
        }
        let now = Instant::now();
        let bar = progress::counter();
        Self { bar, total, before, begin: now, told: now, done: 0, errors: 0, skipped: 0 }
    }

    /// Counts a picture after its row is written.
    pub(super) fn row(&mut self, is_error: bool) {
        self.done += 1;
        self.errors += u64::from(is_error);
        self.tell();
    }

    /// Counts a file that is not a picture.
    pub(super) fn skip(&mut self) {
        self.skipped += 1;
        self.tell();
    }

    fn tell(&mut self) {
        let at = self.done + self.skipped;
        let total = Some(self.total.load(Ordering::Relaxed)).filter(|&total| total != UNKNOWN);
        // The total counts duplicate files twice, so it is an estimate.
        let length = total.map(|total| total.saturating_sub(self.before).max(at));
        if let Some(length) = length.filter(|&length| self.bar.length() != Some(length)) {
            progress::set_length(&self.bar, length);
        }
        self.bar.set_position(at);
        if self.told.elapsed() >= EVERY && !std::io::stderr().is_terminal() {
            self.told = Instant::now();
            say(&self.line(at, length));
        }
    }

    fn line(&self, at: u64, length: Option<u64>) -> String {
        let rate = at as f64 / self.begin.elapsed().as_secs_f64().max(1e-3);
        let rest = length.map_or(String::new(), |length| {
            let left = Duration::from_secs_f64((length - at) as f64 / rate.max(1e-3));
            format!(" of {}, {} left", HumanCount(length), HumanDuration(left))
        });
        format!("{}{rest}, {rate:.1} a second", HumanCount(at))
    }

    /// Prints a summary, and returns the number of error rows of this run.
    pub(super) fn end(self, out: &str) -> u64 {
        self.bar.finish_and_clear();
        let seconds = self.begin.elapsed().as_secs_f64();
        let Self { done, errors, skipped, before, .. } = self;
        let mut parts = format!(
            "{out}: {} rows in {seconds:.1} s ({:.1} a second), {} of them errors",
            HumanCount(done),
            done as f64 / seconds.max(1e-3),
            HumanCount(errors)
        );
        if before > 0 {
            parts += &format!("; {} were there before", HumanCount(before));
        }
        if skipped > 0 {
            parts += &format!("; {} files that are no images were left out", HumanCount(skipped));
        }
        say(&parts);
        errors
    }
}

/// Prints a line to standard error. Ignores errors, because stderr may be closed.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
