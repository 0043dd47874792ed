//! Captures what a library writes to standard error while it is loaded, before it can be given a logger.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::stdio::dup2_stderr;

/// Does `work` and returns what was written to standard error in the meantime. Other threads of the program that log
/// wait until then, so `work` must not wait for them.
///
/// If standard error cannot be redirected, the work is still done, and the text is empty.
pub(super) fn captured<T>(work: impl FnOnce() -> T) -> (T, String) {
    // Rust code takes this lock to write to standard error. Libraries in C++ do not.
    let _turn = io::stderr().lock();
    let Ok((mut file, redirected)) = redirect() else { return (work(), String::new()) };
    let done = work();
    drop(redirected);
    let mut bytes = Vec::new();
    let _ = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    (done, String::from_utf8_lossy(&bytes).into_owned())
}

/// Redirects standard error to a file in memory. A pipe would stop the work when it is full, unless another thread
/// reads it, and that thread may write to standard error, too: the dynamic linker does if `LD_DEBUG` is set.
fn redirect() -> io::Result<(File, Redirected)> {
    let original = io::stderr().as_fd().try_clone_to_owned()?;
    let file = File::from(memfd_create("standard error", MemfdFlags::CLOEXEC)?);
    dup2_stderr(&file)?;
    Ok((file, Redirected { original }))
}

/// Standard error is redirected until this is dropped.
struct Redirected {
    original: OwnedFd,
}

impl Drop for Redirected {
    fn drop(&mut self) {
        let _ = dup2_stderr(&self.original);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::Command;
    use std::thread;

    use super::*;

    /// Writes to standard error as a library of C++ does, past what Rust's test harness captures.
    fn write(text: &str) {
        let script = r#"printf %s "$1" >&2"#;
        assert!(Command::new("sh").args(["-c", script, "sh", text]).status().unwrap().success());
    }

    #[test]
    fn what_is_written_meanwhile_is_returned_with_the_result() {
        let (number, text) = captured(|| {
            write("first line\nsecond");
            7
        });
        assert_eq!(number, 7);
        assert!(text.contains("first line\nsecond"), "{text}");
    }

    #[test]
    fn what_another_thread_logs_meanwhile_is_not_taken_for_the_librarys() {
        let (begun, begin) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                begin.recv().unwrap();
                writeln!(io::stderr(), "a line of another thread").unwrap();
            });
            let ((), text) = captured(|| {
                begun.send(()).unwrap();
                thread::sleep(std::time::Duration::from_millis(50));
            });
            assert!(!text.contains("another thread"), "{text}");
        });
    }

    #[test]
    fn more_than_a_pipe_holds_is_returned() {
        let long = "0123456789abcdef".repeat(1 << 12);
        let ((), text) = captured(|| (0..4).for_each(|_| write(&long)));
        assert!(text.len() >= 4 * long.len());
    }

    #[test]
    fn standard_error_is_what_it_was_after_a_panic_too() {
        let place = || std::fs::read_link("/proc/self/fd/2").unwrap();
        // The same thread may take the lock again.
        let _turn = io::stderr().lock();
        let before = place();
        let caught = std::panic::catch_unwind(|| captured(|| -> () { panic!("on purpose") }));
        assert!(caught.is_err());
        assert_eq!(place(), before);
    }
}
