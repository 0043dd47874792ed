//! What must be in the environment before the process begins: it is read before `main`, or by a library as it loads.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::executable;

/// Microsoft's builds of ONNX Runtime send telemetry by default from 1.29 on, unless this is set when they are loaded.
const TELEMETRY_OFF: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// From this size on, in bytes, glibc gives each allocation pages of its own, which go back when it is freed. Left to
/// itself it raises the threshold to the largest buffer freed so far (mallopt(3)), and after a few large pictures
/// keeps hundreds of megabytes: the next large one then takes more than the process may have. A lower one costs: fresh
/// pages have to be zeroed, which for a photo of 12 megapixels takes as long as to run the model.
const OWN_PAGES: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "8388608");

/// So many free bytes glibc keeps at most at the end of a heap, for the next request.
const KEPT: (&str, &str) = ("MALLOC_TRIM_THRESHOLD_", "33554432");

/// So many heaps there are: one for each thread, as glibc would have it, would each keep that much.
const HEAPS: (&str, &str) = ("MALLOC_ARENA_MAX", "2");

/// Makes sure that these are in the environment, by starting this program again in place where one is not. Changing
/// the environment of a running process is unsafe in Rust, and too late here; replacing the process costs a
/// millisecond, and nothing where the deployment sets the variables. Other thresholds that are set are left alone.
///
/// Where the program cannot be started again it goes on: telemetry's second switch, `with_telemetry(false)`, remains.
pub fn prepare() {
    let telemetry_is_off = std::env::var_os(TELEMETRY_OFF.0).is_some_and(|value| value == TELEMETRY_OFF.1);
    let missing: Vec<_> =
        [OWN_PAGES, KEPT, HEAPS].into_iter().filter(|(name, _)| std::env::var_os(name).is_none()).collect();
    if telemetry_is_off && missing.is_empty() {
        return;
    }
    let Some(executable) = executable::path() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(executable);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // `exec` returns only if it failed.
    let _ = command.args(arguments).env(TELEMETRY_OFF.0, TELEMETRY_OFF.1).envs(missing).exec();
}
