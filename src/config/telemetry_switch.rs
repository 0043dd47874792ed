//! Switches ONNX Runtime's telemetry off before the library is loaded.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Microsoft's builds send telemetry by default from 1.29 on, unless this is set when they are loaded.
const SWITCH: &str = "ORT_DISABLE_TELEMETRY";

/// Makes sure that `ORT_DISABLE_TELEMETRY=1` is in the environment, by starting this program again in place
/// where it is not. Changing the environment of a running process is unsafe in Rust; replacing the process
/// costs a millisecond, and nothing where the deployment template sets the variable.
///
/// Where the program cannot be started again it goes on: the second switch, `with_telemetry(false)`, remains.
pub fn switch_ort_telemetry_off() {
    if std::env::var_os(SWITCH).is_some_and(|value| value == "1") {
        return;
    }
    let Ok(executable) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(executable);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // `exec` returns only if it failed.
    let _ = command.args(arguments).env(SWITCH, "1").exec();
}
