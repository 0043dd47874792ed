"""Proxies in front of moto: Lambda for the Step Functions interpreter, and a storage with faults."""

import http.client
import http.server
import json
import threading
import urllib.parse
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from lambda_service import Function

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "host", "expect", "content-length"}


class Forwarder(http.server.ThreadingHTTPServer):
    """Forwards every request unchanged to the server behind it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: int, handler: type, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.upstream = upstream

    @property
    def port(self) -> int:
        return self.server_address[1]

    def start(self) -> "Forwarder":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def handle_error(self, *_: object) -> None:
        """Ignores clients that disconnect."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_request(self) -> None:
        self.forward(self.read_body())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = lambda self: self.handle_request()

    def read_body(self) -> bytes:
        if "expect" in self.headers:
            self.send_response_only(100)
            self.end_headers()
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    upstream.putheader(name, value)
            upstream.putheader("content-length", str(len(body)))
            upstream.endheaders(body)
            response = upstream.getresponse()
            headers = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
            if self.command == "HEAD":
                headers += [("content-length", response.getheader("content-length", "0"))]
            return response.status, headers, response.read()
        finally:
            upstream.close()

    def forward(self, body: bytes) -> None:
        self.reply(*self.ask(body))

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Ledger:
    """Records the function's inputs and answers, in the order of the answers."""

    entries: list[tuple[dict, object, bool]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, payload: bytes, answer: object, is_error: bool) -> None:
        with self.lock:
            self.entries.append((json.loads(payload), answer, is_error))


class FrontHandler(Handler):
    """Sends `…/functions/NAME/invocations` to the function, and everything else to moto."""

    def handle_request(self) -> None:
        body = self.read_body()
        if not self.path.endswith("/invocations"):
            return self.forward(body)
        fault = self.server.fault(body) if self.server.fault else None
        if fault == "throttled":
            reason = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}
            headers = [("x-amzn-errortype", "TooManyRequestsException"), ("x-amzn-requestid", str(uuid.uuid4()))]
            return self.reply(429, headers, json.dumps(reason).encode())
        outcome = self.server.function.invoke(body)
        self.server.ledger.add(body, outcome.json(), outcome.is_error)
        headers = [("content-type", "application/json"), ("x-amzn-requestid", str(uuid.uuid4()))]
        if outcome.is_error:
            headers.append(("x-amz-function-error", "Unhandled"))
        self.reply(200, headers, outcome.payload)


class Front(Forwarder):
    """The endpoint that the Step Functions interpreter uses for all of AWS."""

    def __init__(self, upstream: int, port: int = 0) -> None:
        super().__init__(upstream, FrontHandler, port)
        self.function: Function | None = None
        self.ledger = Ledger()
        # Called with the payload of an invocation. Returns "throttled", or nothing.
        self.fault: Callable[[bytes], str | None] | None = None


@dataclass(frozen=True)
class Request:
    """A request for an object, and the number of earlier requests of its kind."""

    method: str
    bucket: str
    key: str
    before: int


class StorageHandler(Handler):
    def handle_request(self) -> None:
        body = self.read_body()
        request = self.server.note(self.command, self.path)
        fault = self.server.fault(request) if self.server.fault else None
        if fault is None:
            return self.forward(body)
        fault(self, body)

    def refuse(self, status: int, code: str) -> None:
        text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>A fault</Message></Error>"
        self.reply(status, [("content-type", "application/xml")], text.encode())


class Storage(Forwarder):
    """S3 as the function sees it. `fault` decides what happens to a request instead of an answer."""

    def __init__(self, upstream: int) -> None:
        super().__init__(upstream, StorageHandler)
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.fault: Callable[[Request], Callable[[StorageHandler, bytes], None] | None] | None = None
        self._lock = threading.Lock()

    def note(self, method: str, path: str) -> Request:
        bucket, _, key = urllib.parse.unquote(path.split("?", 1)[0]).lstrip("/").partition("/")
        with self._lock:
            before = self.requests[method, bucket, key]
            self.requests[method, bucket, key] += 1
        return Request(method, bucket, key, before)


def refuse(status: int, code: str) -> Callable[[StorageHandler, bytes], None]:
    """Returns a fault that answers with an S3 error in XML."""
    return lambda handler, _: handler.refuse(status, code)


def redirect(location: str) -> Callable[[StorageHandler, bytes], None]:
    """Returns a fault that redirects the client."""
    return lambda handler, _: handler.reply(307, [("location", location)], b"")


class Endless:
    """An object that declares a size, and sends zeros until the client disconnects."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sent = 0

    def __call__(self, handler: StorageHandler, _: bytes) -> None:
        headers = [("content-length", str(self.size)), ("etag", '"1"'), ("content-type", "image/png")]
        headers += [("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT"), ("accept-ranges", "bytes")]
        handler.send_response_only(200)
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.close_connection = True
        zeros = bytes(64 * 1024)
        while handler.command == "GET" and self.sent < self.size:
            try:
                handler.wfile.write(zeros)
            except OSError:
                return
            self.sent += len(zeros)


def cut_off(after: Callable[[], None]) -> Callable[[StorageHandler, bytes], None]:
    """Returns a fault that closes the connection in the middle of the body, after calling `after`."""

    def act(handler: StorageHandler, body: bytes) -> None:
        status, headers, content = handler.ask(body)
        after()
        handler.send_response_only(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        handler.wfile.flush()
        handler.close_connection = True

    return act
