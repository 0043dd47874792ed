"""The server as a process: starts it, measures its resources, and ends it."""

import os
import pathlib
import re
import resource
import signal
import subprocess
import tempfile
import threading
import time

READY = 60.0
"""Timeout for its start in seconds, next to processes that keep the processors busy."""
END = 10.0
"""Timeout for its end in seconds."""


class NotReady(Exception):
    """The process ended, or does not listen."""


class Server:
    """Runs until the end of a `with`; `address_space` is its limit in bytes."""

    def __init__(self, command: list, variables: dict[str, str], address_space: int | None = None) -> None:
        def limit() -> None:
            if address_space is not None:
                resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))

        # Opened before the process starts, so that the log is written whatever happens to its path.
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command,
            cwd="/",
            env={"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": "0"} | variables,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            preexec_fn=limit,
        )
        self.pid = self.process.pid
        self.port = 0

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.output.close()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY
        while time.monotonic() < deadline and self.process.poll() is None:
            if match := re.search(rb"^Serving http://127\.0\.0\.1:(\d+)", self.log(), re.MULTILINE):
                self.port = int(match[1])
                return
            time.sleep(0.05)
        raise NotReady(f"it does not start (exit status {self.process.poll()}):\n{self.last_lines()}")

    def log(self) -> bytes:
        # Without seeking: the process writes at the file's only position.
        size = os.fstat(self.output.fileno()).st_size
        return os.pread(self.output.fileno(), size, 0)

    def last_lines(self) -> str:
        return b"\n".join(self.log().splitlines()[-8:]).decode(errors="replace")

    def loud_lines(self) -> list[str]:
        """Returns lines that are not at the log's usual levels: panics, aborts, errors."""
        lines = self.log().decode(errors="replace").splitlines()
        usual = re.compile(r"^$|^Serving |^ +curl |^\S+Z +(?:\x1b\[\d+m)*(INFO|WARN)")
        return [line for line in lines if not usual.match(re.sub(r"\x1b\[\d+m", "", line))]

    def ended(self) -> int | None:
        return self.process.poll()

    def status(self, name: str) -> int:
        """Returns a number from /proc/PID/status: kB, or a count. 0 once the process has ended."""
        try:
            text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0
        match = re.search(rf"^{name}:\s*(\d+)", text, re.MULTILINE)
        return int(match[1]) if match else 0

    def fds(self) -> int:
        try:
            return len(os.listdir(f"/proc/{self.pid}/fd"))
        except OSError:
            return 0

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int | None:
        """Returns the exit status; `None` if the process is still running after the timeout."""
        try:
            return self.process.wait(END)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Watch:
    """Records the process's resources every `interval` seconds."""

    def __init__(self, server: Server, interval: float) -> None:
        self.server = server
        self.interval = interval
        self.begin = time.monotonic()
        self.rss: list[tuple[float, int]] = []
        """Seconds since the start, and kB."""
        self.fds: list[int] = []
        self.threads: list[int] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            if rss := self.server.status("VmRSS"):
                self.rss.append((time.monotonic() - self.begin, rss))
                self.fds.append(self.server.fds())
                self.threads.append(self.server.status("Threads"))
            if self.over.wait(self.interval):
                return

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
