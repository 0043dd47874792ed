"""A local server as a child process, and a load generator that sends the same requests to every server."""

import http.client
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator

import photos

BOUNDARY = "a4f1c86b2d"
CONNECTIONS = 4
"""The number of concurrent requests: two for each of two processors."""
LEAD_IN = 0.2
"""Seconds of load before counting starts."""

numbers = itertools.count()


class Server:
    """Context manager: starts `command`, waits until it accepts connections, and finally stops it and its children."""

    def __init__(self, command: list, folder: pathlib.Path, port: int, variables: dict[str, str]) -> None:
        self.port = port
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PORT": str(port)} | variables,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            # Stops its workers, too: they are in its own process group.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
        self.fail("it does not listen")

    def fail(self, reason: str) -> None:
        self.log.seek(0)
        raise SystemExit(f"{self.process.args}: {reason}\n{self.log.read().decode(errors='replace')}")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def predict(self, connection: http.client.HTTPConnection, image: bytes) -> str:
        """Returns the best label of a picture, sent like `curl -F image=@…`."""
        connection.request("POST", "/predict", form(photos.unlike(image, next(numbers))), HEADERS)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            self.fail(f"{response.status}: {body.decode(errors='replace')}")
        predictions = json.loads(body)
        if len(predictions) != 3:
            self.fail(f"not three predictions: {predictions}")
        return predictions[0]["label"]

    def rate(self, images: Iterator[bytes], seconds: float) -> float:
        """Returns requests per second of `CONNECTIONS` clients that send without pauses, each the next image."""
        requests: list[tuple[float, float]] = []
        failures: list[BaseException] = []
        # The first requests arrive at the same time; soon they spread out.
        begin = time.monotonic() + LEAD_IN
        end = begin + seconds

        def ask() -> None:
            connection = self.connect()
            try:
                while (sent := time.monotonic()) < end:
                    self.predict(connection, next(images))
                    requests.append((sent, time.monotonic()))
            except BaseException as failure:
                failures.append(failure)
            finally:
                connection.close()

        threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return rate_between(begin, end, requests)


def rate_between(begin: float, end: float, requests: list[tuple[float, float]]) -> float:
    """Returns requests per second. A request that overlaps `begin` or `end` counts with the part between them."""
    parts = [max(0.0, min(answered, end) - max(sent, begin)) / (answered - sent) for sent, answered in requests]
    return sum(parts) / (end - begin)


HEADERS = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(image: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="image"; filename="photo.jpg"\r\n'
    return head.encode() + b"content-type: image/jpeg\r\n\r\n" + image + f"\r\n--{BOUNDARY}--\r\n".encode()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
