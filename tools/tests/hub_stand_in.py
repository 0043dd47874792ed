"""A local stand-in for the Hugging Face hub, with a second host as its CDN."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class Hub:
    """Serves `files` as every repository; large files by a redirect to another host, like the hub.

    `status` and `error_code` make it refuse. With `token`, only requests with this token are allowed. `cut` interrupts
    the first responses with a file after this many bytes. `damaged` changes the content of one file.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.status, self.error_code = 200, ""
        self.token: str | None = None
        self.revisions = ["main"]
        self.cut: int | None = None
        self.cuts = 0
        self.damaged = ""
        # Method, host and path, and the authorization header of each request.
        self.requests: list[tuple[str, str, str | None]] = []
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), self._handler()) for _ in range(2)]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        ports = [server.server_port for server in self._servers]
        # Two names of one machine act as two hosts, like the hub and its CDN.
        self.url, self.cdn = f"http://127.0.0.1:{ports[0]}", f"http://localhost:{ports[1]}"

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def fetched(self) -> list[str]:
        """The files whose content was requested, once per request."""
        return [
            target.split(f"/{self.commit}/")[1]
            for method, target, _ in self.requests
            if method == "GET" and f"/{self.commit}/" in target
        ]

    @property
    def commit(self) -> str:
        """A hash that changes with any file, as in Git."""
        digest = hashlib.sha1()
        for name, content in sorted(self.files.items()):
            digest.update(name.encode() + hashlib.sha1(content).digest())
        return digest.hexdigest()

    def listing(self) -> dict:
        siblings = []
        for name, content in self.files.items():
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            entry: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": git}
            if is_large(name):
                sha256 = hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": 134}
            siblings.append(entry)
        return {"id": "some/model", "modelId": "some/model", "sha": self.commit, "siblings": siblings}

    def _handler(hub) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(False)

            def do_GET(self) -> None:
                self.answer(True)

            def answer(self, with_body: bool) -> None:
                path = unquote(urlsplit(self.path).path)
                authorization = self.headers["authorization"]
                hub.requests.append((self.command, f"{self.headers['host']}{path}", authorization))
                from_cdn = self.headers["host"].startswith("localhost")
                refused = hub.token is not None and authorization != f"Bearer {hub.token}"
                if not from_cdn and (hub.status != 200 or refused):
                    status = hub.status if hub.status != 200 else 401
                    self.reply(status, b"", {"X-Error-Code": hub.error_code})
                elif path.startswith("/api/models/"):
                    revision = path.partition("/revision/")[2] or "main"
                    if revision in [*hub.revisions, hub.commit]:
                        self.reply(200, json.dumps(hub.listing()).encode(), {})
                    else:
                        self.reply(404, b"", {"X-Error-Code": "RevisionNotFound"})
                else:
                    name = path.split(f"/{hub.commit}/", 1)[-1]
                    self.file(name, with_body, from_cdn)

            def file(self, name: str, with_body: bool, from_cdn: bool) -> None:
                content = hub.files.get(name)
                if content is None:
                    self.reply(404, b"", {"X-Error-Code": "EntryNotFound"})
                    return
                etag = hashlib.sha256(content).hexdigest()
                headers = {"X-Repo-Commit": hub.commit, "ETag": f'"{etag}"'}
                if is_large(name) and not from_cdn:
                    headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content))}
                    self.reply(302, b"", headers | {"Location": f"{hub.cdn}/{hub.commit}/{name}"})
                    return
                if name == hub.damaged:
                    content = bytes([content[0] ^ 1]) + content[1:]
                start = int((self.headers["range"] or "bytes=0-")[6:].split("-")[0])
                status = 206 if start else 200
                if with_body and hub.cuts and hub.cut is not None:
                    hub.cuts -= 1
                    self.reply(status, content[start:], headers, hub.cut)
                else:
                    self.reply(status, content[start:] if with_body else content, headers)

            def reply(
                self, status: int, body: bytes, headers: dict[str, str], most: int | None = None
            ) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body[:most])
                if most is not None:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def is_large(name: str) -> bool:
    """Whether the hub would keep this file in Git LFS, which is served from another host."""
    return ".onnx" in name or name.endswith((".bin", ".safetensors"))
