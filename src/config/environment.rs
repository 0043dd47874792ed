//! What must be in the environment before the process begins, because a library reads it while it is loaded.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::executable;

/// Microsoft's builds of ONNX Runtime send telemetry by default from 1.29 on, unless this is set when they are loaded.
const TELEMETRY_OFF: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// Milliseconds after which mimalloc gives free pages back. With its default, a second, requests that follow one
/// another keep the memory of the largest: a third more at the peak. Whoever sets another value gets that.
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10");

/// Makes sure that these variables are set. Where one is not, this starts the program again in its own place: to change
/// the environment of a running process is unsafe in Rust. That takes a millisecond, and nothing where the deployment
/// sets them, as `template.yaml` does.
///
/// If the program cannot be started again, it goes on: telemetry's second switch, `with_telemetry(false)`, remains.
pub fn prepare() {
    let mut missing = Vec::new();
    if std::env::var_os(TELEMETRY_OFF.0).is_none_or(|found| found != TELEMETRY_OFF.1) {
        missing.push(TELEMETRY_OFF);
    }
    if std::env::var_os(PURGE_DELAY.0).is_none() {
        missing.push(PURGE_DELAY);
    }
    if missing.is_empty() {
        return;
    }
    let Some(executable) = executable::path() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(executable);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // `exec` returns only if it failed.
    let _ = command.args(arguments).envs(missing).exec();
}
