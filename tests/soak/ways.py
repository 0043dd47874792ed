"""The ways to send a request. Each returns the answer, or `None` if none is due; all sockets have deadlines."""

import dataclasses
import http.client
import json
import socket
import time

from inputs import WITHHELD, Input

HOST = "127.0.0.1"
PATIENCE = 30.0
"""Seconds after which an answer counts as lost."""
PIECES = 5
PAUSE = 0.2
"""Seconds between pieces."""


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    def json(self) -> object:
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def code(self) -> str | None:
        content = self.json()
        return content.get("code") if isinstance(content, dict) else None


class Lost(Exception):
    """The connection broke, or nothing arrived in time."""


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(HOST, port, timeout=PATIENCE)


def received(response: http.client.HTTPResponse) -> Answer:
    body = response.read()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def whole(connection: http.client.HTTPConnection, given: Input, body: bytes, headers: dict[str, str]) -> Answer:
    """Sends like normal clients; the connection is kept for the next request."""
    step = "sending"
    try:
        connection.request(given.method, given.path, body, headers)
        step = "waiting for the answer"
        return received(connection.getresponse())
    except (OSError, http.client.HTTPException) as failure:
        connection.close()
        raise Lost(f"lost while {step}: {failure!r}") from failure


def head(given: Input, length: int, headers: dict[str, str]) -> bytes:
    lines = [f"{given.method} {given.path} HTTP/1.1", f"host: {HOST}", f"content-length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def odd(port: int, given: Input, body: bytes, headers: dict[str, str], timeout: float) -> Answer | None:
    """Uses a separate connection, since most of these ways leave it in a state that is unusable for other requests.

    `timeout` is the number of seconds after which the server ends slow requests.
    """
    slow = given.way.startswith("slow")
    try:
        with socket.create_connection((HOST, port), timeout=PATIENCE + timeout) as stream:
            send(stream, given, body, headers)
            if given.way == "broken off":
                return None
            response = http.client.HTTPResponse(stream, method=given.method)
            response.begin()
            return received(response)
    except (OSError, http.client.HTTPException) as failure:
        # Slow clients may also find the connection closed, but not left open for ever.
        if slow and not isinstance(failure, TimeoutError):
            return None
        raise Lost(f"lost: {failure!r}") from failure


def send(stream: socket.socket, given: Input, body: bytes, headers: dict[str, str]) -> None:
    start = head(given, WITHHELD if given.way == "withheld" else len(body), headers)
    match given.way:
        case "withheld":
            stream.sendall(start)
        case "broken off" | "slow body":
            stream.sendall(start + body[: len(body) // 2])
        case "slow head":
            stream.sendall(start[: len(start) // 2])
        case "pieces":
            stream.sendall(start)
            size = -(-len(body) // PIECES)
            for offset in range(0, len(body), size):
                time.sleep(PAUSE)
                stream.sendall(body[offset : offset + size])
        case way:
            raise ValueError(way)
