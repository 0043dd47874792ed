"""A faulty server to test the soak. It answers PNGs, and every nth request wrongly, as `FAULT` says.

It is started by its file name, like the real server's binary, and configured only by the environment.
"""

import http.server
import json
import os
import signal
import struct
import sys
import threading
import time

FAULT = os.environ.get("FAULT", "")
EVERY = 10
KEPT: list[object] = []
lock = threading.Lock()
ending = threading.Event()
numbers = iter(range(1 << 40))


def picture(body: bytes) -> dict:
    width, height = struct.unpack(">II", body[16:24])
    image = {"format": "png", "width": width, "height": height}
    return {"predictions": [{"label": "cup", "score": 0.5}], "image": image}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    before: dict = {}

    def do_GET(self) -> None:
        self.answer(500 if FAULT == "health" else 200, {"status": "ok"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(0.5 if b"heavy" in body else 0.005)
        hit = self.is_hit()
        if not body.startswith(b"\x89PNG"):
            return self.answer(415, {"code": "unsupported_format"})
        found = picture(body)
        with lock:
            other, Handler.before = Handler.before or found, found
        match FAULT if hit else "":
            case "swap":
                found = other
            case "score":
                found["predictions"][0]["score"] = 0.501
            case "lose":
                self.close_connection = True
                return None
            case "error":
                return self.answer(500, {"code": "internal"})
            case "overloaded":
                return self.answer(503, {"code": "overloaded"}, {"retry-after": "1"})
            case "shy":
                return self.answer(503, {"code": "overloaded"})
            case "id":
                return self.answer(200, found, own_id="another")
            case "fds":
                KEPT.append(open(os.devnull))
            case "memory":
                KEPT.append(b"x" * (8 << 20))
            case "die":
                os._exit(3)
            case "panic":
                print("thread 'worker' panicked at src/lib.rs:1:1:", file=sys.stderr, flush=True)
        return self.answer(200, found)

    def is_hit(self) -> bool:
        return next(numbers) % EVERY == EVERY - 1

    def answer(self, status: int, content: dict, headers: dict | None = None, own_id: str | None = None) -> None:
        own_id = own_id or self.headers.get("x-request-id", "none")
        body = json.dumps(content | {"request_id": own_id}).encode()
        self.send_response(status)
        for name, value in {"x-request-id": own_id, "content-length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        if FAULT == "dropped at the end" and ending.is_set():
            os._exit(0)
        self.close_connection = self.close_connection or ending.is_set()
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    # Shutdown waits for the requests in progress.
    daemon_threads = False
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Ignores clients that disconnect."""


def told_to_end(*_: object) -> None:
    ending.set()
    if FAULT != "deaf":
        threading.Thread(target=server.shutdown).start()


if FAULT == "does not start":
    sys.exit("no model")
server = Server(("127.0.0.1", 0), Handler)
signal.signal(signal.SIGTERM, told_to_end)
print(f"Serving http://127.0.0.1:{server.server_port}. Try it", flush=True)
server.serve_forever(poll_interval=0.05)
server.server_close()
sys.exit(1 if FAULT == "status" else 0)
