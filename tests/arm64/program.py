"""Runs the program of a package: as a server, as a function, and on the command line."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Both get the same model, whatever model the packages were made with.
MODEL = ROOT / "model"


class Program:
    def __init__(self, command: list) -> None:
        self.command = [str(part) for part in command]

    def run(self, *arguments, model: pathlib.Path = MODEL, stdin: bytes = b"") -> subprocess.CompletedProcess:
        variables = os.environ | {"MODEL_DIR": str(model), "RUST_LOG": "error", "AWS_LAMBDA_LOG_FORMAT": "JSON"}
        command = [*self.command, *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, env=variables, input=stdin, capture_output=True, timeout=300)

    def function(self, events: list[pathlib.Path], before: list[str] | None = None) -> dict:
        """Returns the report of tests/artifact/runtime_api.py about a function that gets these events in turn."""
        api = [sys.executable, ROOT / "tests/artifact/runtime_api.py", "--label", "", "--event", *events, "--"]
        # A function sees only the variables that the Runtime API sets.
        command = [*(before or []), "env", f"MODEL_DIR={MODEL}", *self.command]
        done = subprocess.run([*api, *command], cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def server(self) -> Iterator["Server"]:
        server = Server(self.command)
        try:
            yield server
        finally:
            server.process.kill()


class Server:
    """A server on a free port, with a log in JSON."""

    def __init__(self, command: list[str]) -> None:
        variables = {"PORT": "0", "CACHE_ENTRIES": "0", "MODEL_DIR": str(MODEL), "AWS_LAMBDA_LOG_FORMAT": "JSON"}
        self.process = subprocess.Popen(
            [*command, "serve"],
            cwd=ROOT,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self._reader.start()
        # An empty line means that the process has ended.
        line = self.process.stdout.readline()
        match = re.match(r"Serving (http://\S+)\. ", line)
        assert match, f"it did not start: {line!r} {''.join(self.log)}"
        self.url = match[1]

    def post(self, path: str, body: bytes) -> tuple[int, dict]:
        answer = requests.post(self.url + path, data=body, timeout=120)
        return answer.status_code, answer.json()

    def end(self) -> int:
        """Sends SIGTERM, and returns the exit status."""
        self.process.terminate()
        status = self.process.wait(30)
        self._reader.join()
        return status
