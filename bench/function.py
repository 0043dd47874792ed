"""A function process under an emulator of Lambda's Runtime API, which sends it one event at a time, on demand."""

import base64
import http.server
import itertools
import json
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/artifact"))
import runtime_api  # noqa: E402

TIMEOUT = 60
"""Timeout for an answer, in seconds."""


class Api(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Invocations)
        self.numbers = itertools.count()
        self.asked: queue.SimpleQueue = queue.SimpleQueue()
        self.events: queue.SimpleQueue = queue.SimpleQueue()
        self.outcomes: queue.SimpleQueue = queue.SimpleQueue()

    def handle_error(self, *_: object) -> None:
        """Prints nothing: a stopped function breaks its connection. `invoke` reports failures."""


class Invocations(runtime_api.Handler):
    # Disables Nagle's algorithm: an event is written in two pieces, and the second must not wait for an ACK.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:  # /next
        self.server.asked.put(None)
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        self.server.handed_out = time.monotonic()
        self.hand_out(event, next(self.server.numbers))


class Function:
    """Context manager that starts `command` and stops it at the end."""

    def __init__(self, command: list, folder: pathlib.Path = ROOT, variables: dict[str, str] | None = None) -> None:
        self.api = Api()
        threading.Thread(target=self.api.serve_forever, args=(0.05,), daemon=True).start()
        environment = runtime_api.environment(f"127.0.0.1:{self.api.server_address[1]}") | (variables or {})
        self.log = tempfile.TemporaryFile()
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.api.events.put(None)
        self.api.shutdown()
        self.api.server_close()
        self.log.close()

    def wait_until_idle(self) -> None:
        """Waits until the function has asked for its next event. It does not get one yet."""
        self.take(self.api.asked)

    def invoke(self, event: bytes) -> tuple[float, str]:
        """Returns the seconds from handing out the event to receiving the answer, and the best label of the answer."""
        self.wait_until_idle()
        self.api.events.put(event)
        answered, kind, body = self.take(self.api.outcomes)
        if kind != "response":
            self.fail(body.decode(errors="replace"))
        self.answered, self.answer = answered, body
        return answered - self.api.handed_out, runtime_api.best_label(body)

    def inference_seconds(self) -> float:
        """Returns the model's run time in the last invocation, as reported in the answer."""
        return json.loads(json.loads(self.answer)["body"])["timing_ms"]["inference"] / 1e3

    def take(self, outcomes: queue.SimpleQueue) -> object:
        try:
            return outcomes.get(timeout=TIMEOUT)
        except queue.Empty:
            self.fail(f"nothing for {TIMEOUT} s")

    def fail(self, reason: str) -> None:
        self.log.seek(0)
        raise SystemExit(f"{self.process.args}: {reason}\n{self.log.read().decode(errors='replace')}")

    def peak_memory_mb(self) -> float:
        """Returns the peak memory: VmHWM, in MB of 1,000,000 bytes."""
        return runtime_api.memory_kb(self.process.pid) * 1024 / 1e6

    def read_mb(self) -> float:
        """Returns the amount read from disks, in MB of 1,000,000 bytes."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/io").read_text().split()
        return int(fields[fields.index("read_bytes:") + 1]) / 1e6

    def processor_seconds(self) -> float:
        """Returns the CPU time of all threads, including finished ones."""
        # The clock that clock_getcpuclockid(3) gives for another process. It counts nanoseconds; /proc counts 10 ms.
        return time.clock_gettime(~self.process.pid << 3 | 2)


def event_of(image: bytes) -> bytes:
    """Returns the fixture's event with another body, as API Gateway's HTTP API would send it."""
    event = json.loads((ROOT / "events/http-api.json").read_bytes())
    event["headers"]["content-length"] = str(len(image))
    event["body"] = base64.b64encode(image).decode()
    return json.dumps(event).encode()
