"""A stand-in for Lambda: environments that run the real program, each under its own Runtime API.

Like Lambda, a function handles an invocation in an idle environment, and replaces an environment whose process has
ended. Implements the part of the API that a function needs (AWS Lambda Developer Guide, "Using the Lambda runtime
API").
"""

import atexit
import http.server
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "artifact"))
import runtime_api  # noqa: E402

ARN = "arn:aws:lambda:us-east-1:123456789012:function:classifier"


@dataclass(frozen=True)
class Outcome:
    """The result of an invocation: the function's JSON, and whether it is an error."""

    payload: bytes
    is_error: bool = False

    def json(self):
        return json.loads(self.payload)


def ended(request_id: str, how: str) -> Outcome:
    """Returns Lambda's response if the process ends before it has answered."""
    message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
    return Outcome(json.dumps({"errorType": "Runtime.ExitError", "errorMessage": message}).encode(), is_error=True)


class Environment(http.server.ThreadingHTTPServer):
    """One process of the program, and the Runtime API that it asks for work."""

    daemon_threads = True

    def __init__(self, command: list, variables: dict[str, str], log) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.work: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()
        api = f"127.0.0.1:{self.server_address[1]}"
        variables = runtime_api.environment(api) | variables
        self.process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        atexit.register(self.process.kill)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        status = self.process.wait()
        self.outcomes.put(ended("?", f"exit status {status}"))

    def invoke(self, payload: bytes, seconds: float) -> Outcome:
        self.work.put((str(uuid.uuid4()), payload))
        try:
            return self.outcomes.get(timeout=seconds)
        except queue.Empty:
            # Lambda ends an environment that times out.
            self.process.kill()
            message = f"Task timed out after {seconds:.2f} seconds"
            error = {"errorType": "Sandbox.Timedout", "errorMessage": message}
            return Outcome(json.dumps(error).encode(), is_error=True)

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.shutdown()
        self.server_close()


class Handler(runtime_api.Handler):
    def do_GET(self) -> None:  # /next
        # Lambda freezes an idle function, so the call does not return.
        request_id, payload = self.server.work.get()
        self.send_response(200)
        self.send_header("lambda-runtime-aws-request-id", request_id)
        self.send_header("lambda-runtime-deadline-ms", "4102444800000")
        self.send_header("lambda-runtime-invoked-function-arn", ARN)
        self.finish_with(payload)

    def do_POST(self) -> None:  # /response, /error
        body = self.read_body()
        self.server.outcomes.put(Outcome(body, is_error=self.path.endswith("/error")))
        self.send_response(202)
        self.finish_with(b'{"status": "OK"}')


class Function:
    """A function with a number of environments, each for one invocation at a time."""

    def __init__(self, command: list, variables: dict[str, str], log_file: pathlib.Path, environments: int = 2) -> None:
        self._command = command
        self._variables = variables
        self._log = log_file.open("ab")
        self.log_file = log_file
        self.timeout = 60.0
        self.starts = 0
        self._idle: queue.Queue[Environment] = queue.Queue()
        self._all: set[Environment] = set()
        for _ in range(environments):
            self._idle.put(self._start())

    def _start(self) -> Environment:
        environment = Environment(self._command, self._variables, self._log)
        self._all.add(environment)
        self.starts += 1
        return environment

    def _replace(self, environment: Environment) -> Environment:
        environment.end()
        self._all.discard(environment)
        return self._start()

    def invoke(self, payload: bytes) -> Outcome:
        environment = self._idle.get(timeout=300)
        if not environment.is_alive():
            environment = self._replace(environment)
        outcome = environment.invoke(payload, self.timeout)
        # A killed process takes a few moments to disappear.
        if json_error(outcome) in {"Runtime.ExitError", "Sandbox.Timedout"} or not environment.is_alive():
            environment = self._replace(environment)
        self._idle.put(environment)
        return outcome

    def kill_all(self) -> None:
        """Kills every process immediately, even a busy one."""
        for environment in list(self._all):
            environment.process.kill()

    def end(self) -> None:
        for environment in self._all:
            environment.end()
        self._log.close()


def json_error(outcome: Outcome) -> str | None:
    return outcome.json().get("errorType") if outcome.is_error else None


def command_of_program(root: pathlib.Path, arch: str) -> tuple[list, dict[str, str]]:
    """Returns the command of the package, or of the program in BINARY, with variables for model and library."""
    if binary := os.environ.get("BINARY"):
        files = {"MODEL_DIR": str(root / "model"), "ORT_DYLIB_PATH": str(root / "lib/libonnxruntime.so")}
        return [pathlib.Path(binary).resolve()], files
    return [root / ".build" / arch / "package/bootstrap"], {}
