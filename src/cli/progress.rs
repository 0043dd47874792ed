//! A progress bar on standard error, for work that a person waits for.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` files; it draws nothing where standard error is no terminal.
pub(super) fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::no_length();
    set_length(&bar, u64::try_from(length).unwrap_or(u64::MAX));
    bar
}

/// A bar that is shown only from `FEW` files on.
pub(super) fn bar_for_many(length: usize) -> ProgressBar {
    const FEW: usize = 10;
    if length < FEW { ProgressBar::hidden() } else { bar(length) }
}

/// A count of files whose number is not known yet; it draws nothing where standard error is no terminal.
pub(super) fn counter() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{human_pos} {per_sec}") {
        bar.set_style(style);
    }
    bar
}

/// Tells how many files there are.
pub(super) fn set_length(bar: &ProgressBar, length: u64) {
    if bar.length().is_none()
        && let Ok(style) =
            ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} {per_sec} eta {eta}")
    {
        bar.set_style(style);
    }
    bar.set_length(length);
}
