//! The binary as a child process that always ends before its test.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The binary under test, without the developer's environment variables.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_image-classifier"));
    command.env_clear().current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

pub struct Process {
    child: Child,
    stdout: Mutex<Receiver<String>>,
    stderr: Arc<Mutex<String>>,
    log_closed: Arc<AtomicBool>,
    /// The threads that read standard output and standard error.
    readers: [JoinHandle<()>; 2],
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, stdout) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = thread::spawn(move || {
            let _ = lines.map_while(Result::ok).try_for_each(|line| sender.send(line));
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let (log, mut source) = (Arc::clone(&stderr), child.stderr.take().unwrap());
        let log_closed = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&log_closed);
        let log_reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = source.read(&mut buffer) {
                log.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
                if closed.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        let readers = [reader, log_reader];
        Self { child, stdout: Mutex::new(stdout), stderr, log_closed, readers }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the first line of standard output from which `pick` extracts something.
    pub fn wait_for_line<T>(&mut self, pick: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stdout.get_mut().unwrap().recv_timeout(left) {
                Ok(line) => match pick(&line) {
                    Some(found) => return found,
                    None => continue,
                },
                Err(_) => panic!("the line did not come; the log: {}", self.log()),
            }
        }
    }

    /// Returns the next lines of standard output, until none comes for a while.
    pub fn lines(&self) -> Vec<String> {
        let stdout = self.stdout.lock().unwrap();
        std::iter::from_fn(|| stdout.recv_timeout(Duration::from_millis(300)).ok()).collect()
    }

    /// Returns standard error so far.
    pub fn log(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Returns standard error, once it contains the text this number of times.
    #[track_caller]
    pub fn log_with(&self, text: &str, times: usize) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let log = self.log();
            if log.matches(text).count() >= times {
                return log;
            }
            assert!(Instant::now() < deadline, "{text:?} does not stand {times} times in {log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Closes the reading end of standard error after the next write.
    pub fn close_log(&self) {
        self.log_closed.store(true, Ordering::SeqCst);
    }

    /// Returns the peak memory of the process, in kB.
    pub fn peak_memory_kb(&self) -> u64 {
        self.status_kb("VmHWM:")
    }

    /// Returns the current memory of the process, in kB.
    pub fn memory_kb(&self) -> u64 {
        self.status_kb("VmRSS:")
    }

    /// Returns a line of `/proc/PID/status`, see proc(5).
    fn status_kb(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Returns the exit status, if the process ends within the time.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                // The readers see the end of the pipes shortly after, unless a child of the process holds
                // them open.
                let deadline = Instant::now() + Duration::from_secs(5);
                while !self.readers.iter().all(JoinHandle::is_finished) && Instant::now() < deadline {
                    thread::sleep(Duration::from_millis(1));
                }
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    pub fn signal(&self, name: &str) {
        // All shells have a built-in `kill`.
        let status =
            Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
