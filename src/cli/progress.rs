//! Progress bars on standard error.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for `length` files. It draws nothing if standard error is not a terminal.
pub(super) fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::no_length();
    set_length(&bar, u64::try_from(length).unwrap_or(u64::MAX));
    bar
}

/// Like [`bar`], but hidden for fewer than `FEW` files.
pub(super) fn bar_for_many(length: usize) -> ProgressBar {
    const FEW: usize = 10;
    if length < FEW { ProgressBar::hidden() } else { bar(length) }
}

/// A counter of files whose total is not known yet. It draws nothing if standard error is not a terminal.
pub(super) fn counter() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{human_pos} {per_sec}") {
        bar.set_style(style);
    }
    bar
}

/// Sets the total number of files.
pub(super) fn set_length(bar: &ProgressBar, length: u64) {
    if bar.length().is_none()
        && let Ok(style) =
            ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} {per_sec} eta {eta}")
    {
        bar.set_style(style);
    }
    bar.set_length(length);
}
