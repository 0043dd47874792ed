"""One phase: a new server, the load, and the checks of the process afterwards."""

import contextlib
import dataclasses
import statistics
import threading
import time
from collections.abc import Callable

import checks
import ways
from inputs import Input
from load import SHOWN, Load, Tally
from server import NotReady, Server, Watch

DRIFT_KB = 10_000
"""Memory growth from the warm-up to the end that counts as a leak."""
SETTLED = 10.0
"""Seconds within which sockets of disconnected clients must be closed."""
HEAD_START = 0.2
"""Seconds between the last requests and the stop signal, so that the server has started on them."""
GRACE = 120.0
"""Seconds after its planned end after which a phase is killed."""


@dataclasses.dataclass(frozen=True)
class Plan:
    given: list[Input]
    heavy: Input
    references: dict[Input, checks.Reference]
    connections: int
    seconds: float
    seed: int
    timeout: float = 0
    warm_up: float = 0
    interval: float = 1
    drift_kb: int | None = DRIFT_KB
    """`None` if memory may grow, as with faults."""


def run(name: str, plan: Plan, start: Callable[[], Server]) -> dict:
    """Runs the phase, and returns its results, with `failures`."""
    load, row = None, {"phase": name, "seconds": plan.seconds}
    with start() as server:
        # Anything that hangs waits for the server: when it is killed, all sockets close.
        limit = threading.Timer(plan.seconds + GRACE, server.kill)
        limit.daemon = True
        limit.start()
        load = Load(server, plan.given, plan.references, plan.seed, plan.timeout)
        with contextlib.closing(Closing(limit)):
            try:
                server.wait_until_ready()
                soak(load, plan, row)
                end(load, plan, row)
            except NotReady as failure:
                load.tally.fail(str(failure))
            if limit.finished.is_set():
                load.tally.fail(f"not over {GRACE:.0f} s after its time; the server was killed")
        # A panic that was caught appears only in the log, and is still a failure.
        loud = [f"in the log: {line}" for line in server.loud_lines()]
    # These are always shown, however many failures there are, because they have the cause.
    failures = load.tally.failures + loud[:SHOWN]
    return row | {"failures": failures, "failed": load.tally.failed + len(loud)}


class Closing:
    """Cancels the timer in every case, but remembers whether it has fired."""

    def __init__(self, timer: threading.Timer) -> None:
        self.close = timer.cancel


def soak(load: Load, plan: Plan, row: dict) -> None:
    server = load.server
    # Files opened for the first request are not a leak.
    ways.whole(connection := ways.connect(server.port), *health())
    connection.close()
    time.sleep(0.2)
    before = {"rss": server.status("VmRSS"), "fds": server.fds()}
    watch = Watch(server, plan.interval)
    begin = time.monotonic()
    tally = load.run(plan.connections, plan.seconds)
    took = time.monotonic() - begin
    watch.stop()
    row |= seen(tally, took) | memory(watch, plan, before["rss"]) | {"peak_address_space_kb": server.status("VmPeak")}
    if plan.drift_kb is not None and row["rss_drift_kb"] > plan.drift_kb:
        tally.fail(f"memory grew by {row['rss_drift_kb']} kB after the warm-up; {plan.drift_kb} kB are allowed")
    if server.ended() is not None:
        return
    deadline = time.monotonic() + SETTLED
    while (after := server.fds()) > before["fds"] and time.monotonic() < deadline:
        time.sleep(0.1)
    row |= {"fds_before": before["fds"], "fds_after": after, "fds_most": max(watch.fds, default=0)}
    row["threads_most"] = max(watch.threads, default=0)
    if after > before["fds"]:
        tally.fail(f"{after} file descriptors without clients, {before['fds']} before")
    if not tally.good:
        tally.fail("no good picture was answered")


def health() -> tuple:
    return Input("health", [b""], lambda _: b"", path="/health", method="GET"), b"", {}


def percentile(values: list[float], share: float) -> float | None:
    """Milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3, 1) if ordered else None


def seen(tally: Tally, took: float) -> dict:
    return {
        "requests": dict(sorted(tally.statuses.items())),
        "per_second": round(sum(tally.statuses.values()) / took, 1),
        "good_ms": {f"p{share}": percentile(tally.good, share / 100) for share in (50, 90, 99, 100)},
        "health_ms": {f"p{share}": percentile(tally.health, share / 100) for share in (50, 99, 100)},
        "health_asked": len(tally.health),
        "cache": dict(sorted(tally.cache.items())),
    }


def memory(watch: Watch, plan: Plan, start: int) -> dict:
    """Uses medians of tenths of the time after the warm-up, because single samples vary by whole pictures."""
    warm = [rss for seconds, rss in watch.rss if seconds >= plan.warm_up] or [start]
    tenth = max(1, len(warm) // 10)
    first, last = (int(statistics.median(part)) for part in (warm[:tenth], warm[-tenth:]))
    peak = max((rss for _, rss in watch.rss), default=start)
    return {"rss_start_kb": start, "rss_warm_kb": first, "rss_end_kb": last, "rss_peak_kb": peak,
            "rss_drift_kb": last - first}  # fmt: skip


def end(load: Load, plan: Plan, row: dict) -> None:
    """Sends SIGTERM while every client waits for an answer. All must get theirs, and the process must end cleanly."""
    server, tally = load.server, load.tally
    if server.ended() is not None:
        row["exit_status"] = server.ended()
        return
    answered: list[float] = []
    lost: list[str] = []
    ready = threading.Barrier(plan.connections + 1)

    def client(index: int) -> None:
        connection = ways.connect(server.port)
        request_id = f"end-{index}"
        body = plan.heavy.body(f"end {index}".encode())
        headers = plan.heavy.headers | {"x-request-id": request_id}
        try:
            ways.whole(connection, *health())
            ready.wait(ways.PATIENCE)
            answer = ways.whole(connection, plan.heavy, body, headers)
            answered.append(time.monotonic())
            wrong = None if checks.overloaded(answer) else checks.wrong(load.references[plan.heavy], answer, request_id)
        except (ways.Lost, threading.BrokenBarrierError) as failure:
            lost.append(f"{failure} ({type(failure).__name__})")
            wrong = None
        if wrong:
            load.fail(plan.heavy, request_id, body, f"told to end: {wrong}")
        connection.close()

    clients = [threading.Thread(target=client, args=(index,)) for index in range(plan.connections)]
    for each in clients:
        each.start()
    with contextlib.suppress(threading.BrokenBarrierError):
        ready.wait(ways.PATIENCE)
    time.sleep(HEAD_START)
    told = time.monotonic()
    server.terminate()
    status = server.wait()
    row |= {"exit_status": status, "exit_seconds": round(time.monotonic() - told, 2)}
    if status is None:
        server.kill()
    for each in clients:
        each.join()
    row["answered_while_ending"] = sum(moment > told for moment in answered)
    if status != 0:
        tally.fail(f"told to end, it ended with {status}" if status is not None else "told to end, it did not in 10 s")
    if lost:
        tally.fail(f"told to end, it lost {len(lost)} of {plan.connections} requests, the first: {lost[0]}")
    if not row["answered_while_ending"]:
        tally.fail("no request was under way when it was told to end, so that this was not tested")
