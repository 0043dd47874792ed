//! What must be in the environment before the process begins: it is read before `main`, or by a library as it loads.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Microsoft's builds of ONNX Runtime send telemetry by default from 1.29 on, unless this is set when they are loaded.
const TELEMETRY_OFF: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// From this size on, in bytes, glibc gives each allocation pages of its own, which go back when it is freed. Left to
/// itself it raises the threshold to the largest buffer freed so far (mallopt(3)), and after a few large pictures
/// keeps hundreds of megabytes: the next large one then takes more than the process may have.
const GIVE_BACK: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "1048576");

/// Makes sure that both are in the environment, by starting this program again in place where they are not. Changing
/// the environment of a running process is unsafe in Rust, and too late here; replacing the process costs a
/// millisecond, and nothing where the deployment sets the variables. Another threshold that is set is left alone.
///
/// Where the program cannot be started again it goes on: telemetry's second switch, `with_telemetry(false)`, remains.
pub fn prepare() {
    let telemetry_off = std::env::var_os(TELEMETRY_OFF.0).is_some_and(|value| value == TELEMETRY_OFF.1);
    let threshold = std::env::var_os(GIVE_BACK.0);
    if telemetry_off && threshold.is_some() {
        return;
    }
    let Ok(executable) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = Command::new(executable);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env(TELEMETRY_OFF.0, TELEMETRY_OFF.1);
    command.env(GIVE_BACK.0, threshold.unwrap_or_else(|| GIVE_BACK.1.into()));
    // `exec` returns only if it failed.
    let _ = command.exec();
}
