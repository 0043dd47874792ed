//! A progress bar on standard error, for work that a person waits for.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` files; it draws nothing where standard error is no terminal.
pub(super) fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} eta {eta}") {
        bar.set_style(style);
    }
    bar
}

/// A bar that is shown only from `FEW` files on.
pub(super) fn bar_for_many(length: usize) -> ProgressBar {
    const FEW: usize = 10;
    if length < FEW { ProgressBar::hidden() } else { bar(length) }
}
