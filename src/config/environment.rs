//! What must be in the environment before the process begins, because a library reads it while it is loaded.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::executable;

/// Microsoft's builds of ONNX Runtime send telemetry by default from 1.29 on, unless this is set when they are loaded.
const TELEMETRY_OFF: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// Makes sure that ONNX Runtime's telemetry is switched off. Where the variable is not set, this starts the program
/// again in its own place: to change the environment of a running process is unsafe in Rust. That takes a
/// millisecond, and nothing where the deployment sets the variable, as `template.yaml` does.
///
/// If the program cannot be started again, it goes on: telemetry's second switch, `with_telemetry(false)`, remains.
pub fn prepare() {
    let (name, value) = TELEMETRY_OFF;
    if std::env::var_os(name).is_some_and(|found| found == value) {
        return;
    }
    let Some(executable) = executable::path() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(executable);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // `exec` returns only if it failed.
    let _ = command.args(arguments).env(name, value).exec();
}
