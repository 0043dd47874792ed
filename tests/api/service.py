"""Starts a server for the tests."""

import os
import pathlib
import re
import subprocess
import threading

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures"
BINARY = ROOT / "target/debug/image-classifier"


class Service:
    """The program on a free port, until it is closed."""

    def __init__(self, **variables: str):
        self.token = variables.get("API_TOKEN")
        environment = {name: value for name, value in os.environ.items() if name not in ("API_TOKEN", "WEB_UI")}
        self.process = subprocess.Popen(
            [BINARY, "serve"],
            cwd=ROOT,
            env=environment | {"PORT": "0"} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()
        # An empty line means that the process has ended.
        line = self.process.stdout.readline()
        match = re.match(r"Serving (http://\S+)\. ", line)
        if match is None:
            self.close()
            raise RuntimeError(f"it did not start: {line!r} {''.join(self.log)}")
        self.url = match[1]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def send(self, method: str, path: str, **arguments) -> requests.Response:
        headers = dict(arguments.pop("headers", {}))
        if self.token is not None:
            headers.setdefault("authorization", f"Bearer {self.token}")
        return requests.request(method, self.url + path, headers=headers, timeout=60, **arguments)


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()
