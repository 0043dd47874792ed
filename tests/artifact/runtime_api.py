"""A stand-in for Lambda's Runtime API: `runtime_api.py [options] -- COMMAND…`.

Starts the command as a function and sends it the events, all of them a number of times. Checks that every answer has
the expected label, and ends the function with SIGTERM. Prints one JSON object: milliseconds from the start of the
process to its first request and its first answer, its memory, its exit status, its log, its metric lines, and with an
empty label the answers. Implements the part of the API that a function needs (AWS Lambda Developer Guide, "Using the
Lambda runtime API").
"""

import argparse
import http.server
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time


class RuntimeApi(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, events: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.left = list(enumerate(events))
        self.first_next = None
        self.outcomes: queue.Queue = queue.Queue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # /next
        now = time.monotonic()
        self.server.first_next = self.server.first_next or now
        if not self.server.left:
            # Lambda freezes an idle function, so the call does not return.
            time.sleep(3600)
        number, event = self.server.left.pop(0)
        self.hand_out(event, number)

    def hand_out(self, event: bytes, number: int) -> None:
        self.send_response(200)
        self.send_header("lambda-runtime-aws-request-id", f"00000000-0000-4000-8000-{number:012}")
        self.send_header("lambda-runtime-deadline-ms", "4102444800000")
        self.send_header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:f")
        self.finish_with(event)

    def do_POST(self) -> None:  # /response, /error
        body = self.read_body()
        self.server.outcomes.put((time.monotonic(), self.path.rsplit("/", 1)[-1], body))
        self.send_response(202)
        self.finish_with(b'{"status": "OK"}')

    def read_body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def finish_with(self, body: bytes) -> None:
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def environment(api: str) -> dict[str, str]:
    """The variables that Lambda sets, and none of this machine's, in particular no HOME."""
    return {
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_NAME": "classifier",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_RUNTIME_API": api,
        "LAMBDA_TASK_ROOT": "/var/task",
        "LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/task:/var/task/lib",
        # As template.yaml sets them.
        "MIMALLOC_PURGE_DELAY": "10",
        "ORT_DISABLE_TELEMETRY": "1",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
    }


def memory_kb(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def best_label(outcome: bytes) -> str:
    """Returns the best label of an answer, or the code of an error."""
    answer = json.loads(outcome)
    body = json.loads(answer["body"])
    return body["predictions"][0]["label"] if answer["statusCode"] == 200 else body["code"]


def run(arguments: argparse.Namespace) -> dict:
    events = [pathlib.Path(event).read_bytes() for event in arguments.event] * arguments.invocations
    server = RuntimeApi(events)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api = f"127.0.0.1:{server.server_address[1]}"
    start, started_at = time.monotonic(), time.time()
    process = subprocess.Popen(
        arguments.command,
        env=environment(api),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log: list[str] = []
    metrics: list[str] = []
    answers: list[tuple[str, str]] = []
    readers = [
        threading.Thread(target=into.extend, args=(source,))
        for into, source in ((log, process.stderr), (metrics, process.stdout))
    ]
    for reader in readers:
        reader.start()
    first_answer = None
    try:
        for number in range(len(events)):
            when, kind, body = server.outcomes.get(timeout=30)
            first_answer = first_answer or when
            if not arguments.label:
                answers.append((kind, body.decode()))
                continue
            label = best_label(body) if kind == "response" else body.decode()
            if label != arguments.label:
                sys.exit(f"invocation {number + 1}: {label}")
        memory = memory_kb(process.pid)
        # The command may be a chain that ends in the function; `exec` keeps its process id.
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=10)
    except queue.Empty:
        sys.exit("no answer within 30 s; the log:\n" + "".join(log))
    finally:
        process.kill()
        for reader in readers:
            reader.join()
    since_start = lambda moment: round((moment - start) * 1e3, 1)
    return {
        "api_port": server.server_address[1],
        "started_at": started_at,
        "invocations": len(events),
        "first_next_ms": since_start(server.first_next),
        "first_answer_ms": since_start(first_answer),
        "memory_kb": memory,
        "status": status,
        "log": log,
        "metrics": metrics,
        "answers": answers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--event", nargs="+", default=["events/http-api.json"])
    parser.add_argument("--invocations", type=int, default=1)
    label = "what the best label of every answer must be, or the code of an error; empty to take every answer"
    parser.add_argument("--label", default="espresso", help=label)
    parser.add_argument("command", nargs="+")
    print(json.dumps(run(parser.parse_args())))


if __name__ == "__main__":
    main()
