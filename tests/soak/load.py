"""The clients: each sends random inputs and checks that every answer matches its own picture."""

import collections
import random
import threading
import time

import checks
import ways
from inputs import Input
from server import Server

SHOWN = 20
"""The number of failures to keep in full; the others are only counted."""
HEALTH_INTERVAL = 0.1
DYING = 0.3
NEW_CONNECTION = 0.02
"""The fraction of requests after which a client opens a new connection."""
ANSWERED_SLOWLY = (408, "request_timeout")


class Tally:
    """Combined results of all clients. Its methods are thread-safe."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.statuses: collections.Counter[str] = collections.Counter()
        self.cache: collections.Counter[str] = collections.Counter()
        self.good: list[float] = []
        self.health: list[float] = []
        self.failures: list[str] = []
        self.failed = 0

    def fail(self, what: str) -> None:
        with self.lock:
            self.failed += 1
            if len(self.failures) < SHOWN:
                self.failures.append(what)

    def count(self, what: str, seconds: float | None = None, cache: str | None = None) -> None:
        with self.lock:
            self.statuses[what] += 1
            if seconds is not None:
                self.good.append(seconds)
            if cache:
                self.cache[cache] += 1


class Load:
    """`connections` clients, and one that asks for the server's health; all end by themselves."""

    def __init__(
        self,
        server: Server,
        given: list[Input],
        references: dict[Input, checks.Reference],
        seed: int,
        timeout: float,
    ) -> None:
        self.server = server
        self.given = given
        self.references = references
        self.seed = seed
        self.timeout = timeout
        self.tally = Tally()
        self.over = threading.Event()

    def run(self, connections: int, seconds: float) -> Tally:
        self.until(connections, time.monotonic() + seconds)
        return self.tally

    def until(self, connections: int, end: float) -> None:
        clients = [threading.Thread(target=self.client, args=(index, end)) for index in range(connections)]
        clients.append(threading.Thread(target=self.health, args=(end,)))
        for client in clients:
            client.start()
        for client in clients:
            client.join()

    def goes_on(self, end: float) -> bool:
        return not self.server_has_ended() and time.monotonic() < end

    def server_has_ended(self) -> bool:
        """Reports this only once, because every further request would report it again."""
        if self.server.ended() is None:
            return False
        with self.tally.lock:
            is_news = not self.over.is_set()
            self.over.set()
        if is_news:
            self.tally.fail(f"the server ended with {self.server.ended()}:\n{self.server.last_lines()}")
        return True

    def client(self, index: int, end: float) -> None:
        dice = random.Random(f"{self.seed} {index}")
        weights = [given.weight for given in self.given]
        connection = ways.connect(self.server.port)
        number = 0
        while self.goes_on(end):
            (given,) = dice.choices(self.given, weights)
            number += 1
            self.ask(connection, given, f"soak-{index}-{number}", dice, end)
            if dice.random() < NEW_CONNECTION:
                connection.close()
        connection.close()

    def ask(self, connection, given: Input, request_id: str, dice: random.Random, end: float) -> None:
        """Sends one input, and repeats it while the server is overloaded."""
        body = given.body(b"\0" + dice.randbytes(16))
        headers = given.headers | {"x-request-id": request_id}
        while True:
            begin = time.monotonic()
            try:
                if given.way == "whole":
                    answer = ways.whole(connection, given, body, headers)
                else:
                    # Meanwhile the server may close the idle connection.
                    connection.close()
                    answer = ways.odd(self.server.port, given, body, headers, self.timeout)
            except ways.Lost as failure:
                self.tally.count("lost")
                # A dying process closes its sockets shortly before it is seen to have ended.
                time.sleep(DYING)
                return None if self.server_has_ended() else self.fail(given, request_id, body, str(failure))
            if answer is None or not checks.overloaded(answer):
                return self.judge(given, request_id, body, answer, time.monotonic() - begin)
            self.tally.count("503 overloaded")
            if not self.goes_on(end):
                return None
            time.sleep(dice.uniform(0.05, 0.2))

    def judge(self, given: Input, request_id: str, body: bytes, answer: ways.Answer | None, seconds: float) -> None:
        if answer is None:
            return self.tally.count(given.way)
        self.tally.count(str(answer.status), seconds if plain(given, answer) else None, answer.headers.get("x-cache"))
        if given.way.startswith("slow"):
            if (answer.status, answer.code()) != ANSWERED_SLOWLY:
                self.fail(given, request_id, body, f"{answer.status} {answer.code()}, not 408: {answer.body[:300]!r}")
        elif wrong := checks.wrong(self.references[given], answer, request_id):
            self.fail(given, request_id, body, wrong)
        return None

    def fail(self, given: Input, request_id: str, body: bytes, wrong: str) -> None:
        """Records what was sent, so that it can be sent again by hand."""
        sent = f"{given.method} {given.path}, {given.name}, {given.way}, {len(body)} bytes, {body[:24]!r}"
        self.tally.fail(f"{request_id}: {wrong}\n    sent: {sent}")

    def health(self, end: float) -> None:
        """Uses a separate connection, like a load balancer's health check."""
        given = Input("health", [b""], lambda _: b"", path="/health", method="GET")
        connection = ways.connect(self.server.port)
        while self.goes_on(end):
            begin = time.monotonic()
            try:
                answer = ways.whole(connection, given, b"", {})
                self.tally.health.append(time.monotonic() - begin)
                if answer.status != 200:
                    self.tally.fail(f"GET /health: {answer.status} {answer.body[:300]!r}")
            except ways.Lost as failure:
                time.sleep(DYING)
                if not self.server_has_ended():
                    self.tally.fail(f"GET /health: {failure}")
            self.over.wait(max(0.0, begin + HEALTH_INTERVAL - time.monotonic()))
        connection.close()


def plain(given: Input, answer: ways.Answer) -> bool:
    """Whether it counts in the latencies of good answers. Requests sent in pieces wait for the client."""
    return answer.status == 200 and given.way == "whole"


def reference_pass(server: Server, given: list[Input]) -> tuple[dict[Input, checks.Reference], list[str]]:
    """Returns the answer to each input when it is sent alone, and what is wrong with it independent of the model."""
    references: dict[Input, checks.Reference] = {}
    failures = []
    connection = ways.connect(server.port)
    for number, each in enumerate(given):
        if each.way in ("broken off", "slow head", "slow body"):
            continue
        request_id = f"reference-{number}"
        headers = each.headers | {"x-request-id": request_id}
        body = each.body(b"\0reference")
        try:
            if each.way == "whole":
                answer = ways.whole(connection, each, body, headers)
            else:
                # Meanwhile the server may close the idle connection.
                connection.close()
                answer = ways.odd(server.port, each, body, headers, 0)
        except ways.Lost as failure:
            failures.append(f"{each.name}: {failure}")
            if server.ended() is not None:
                break
            continue
        references[each] = checks.reference(answer, request_id)
        if wrong := checks.impossible(each, answer, request_id):
            failures.append(f"{each.name}: {wrong}")
    connection.close()
    return references, failures
