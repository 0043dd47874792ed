"""The measurements: one function per row.

The two sides alternate, so that other load on the machine affects both. Every answer is checked.
"""

import contextlib
import itertools
import json
import os
import pathlib
import platform
import subprocess
import time
from collections.abc import Callable

import photos
import server
from function import ROOT, Function, event_of
from table import Row, Side

ARCH = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
PACKAGE = ROOT / ".build" / ARCH / "package"
ZIP = ROOT / ".build" / ARCH / f"image-classifier-{ARCH}.zip"
RESNET18 = ROOT / ".build/bench/resnet18"
WEIGHTS = ROOT / ".build/bench/resnet18.pth"
PYTHONS = {name: ROOT / ".venv-bench" / name / "bin/python" for name in ("handler", "flask")}
BEST = "espresso"
"""The label that all answers to the first picture must contain. Without this check, fast failures would count."""


FORGETFUL = {"CACHE_ENTRIES": "0"}
"""Turns our cache off: the peers have no cache, and the same pictures are sent again and again."""


def ours() -> Function:
    return Function([PACKAGE / "bootstrap"], PACKAGE, FORGETFUL)


def python(**variables: str) -> Function:
    """The Python handler under AWS's own runtime interface client."""
    return Function([PYTHONS["handler"], "-m", "awslambdaric", "python_handler.handler"], ROOT / "bench", variables)


def expect(label: str, expected: str = BEST) -> None:
    if label != expected:
        raise SystemExit(f"the answer is {label}, not {expected}")


def in_turn(runs: int, *sides: Callable[[], float]) -> list[Side]:
    """Runs each side `runs` times, alternating between the given order and its reverse."""
    measured: list[list[float]] = [[] for _ in sides]
    for run in range(runs):
        for index in range(len(sides)) if run % 2 == 0 else reversed(range(len(sides))):
            measured[index].append(sides[index]())
    return [Side(values) for values in measured]


def warm(runs: int) -> Row:
    """Row 1: the time from handing out the event to receiving the answer, without the model's run."""
    events = [event_of(image) for image in photos.small().values()]

    def once(function: Function, event: bytes) -> float:
        seconds, _ = function.invoke(event)
        return (seconds - function.inference_seconds()) * 1e3

    with ours() as ours_, python() as python_:
        turns = [(function, itertools.cycle(events)) for function in (ours_, python_)]
        for function, _ in turns:
            expect(function.invoke(events[0])[1])
        # Many runs, because one takes only two milliseconds.
        sides = (lambda function=function, cycle=cycle: once(function, next(cycle)) for function, cycle in turns)
        measured = in_turn(10 * runs, *sides)
    return Row("1 warm, 500 × 375, without session.run", "ms", *measured, ratio_limit=0.30, digits=2)


def warm_large(runs: int) -> list[Row]:
    """Row 2: the time from handing out the event to receiving the answer."""
    event = event_of(photos.large())

    def once(function: Function) -> float:
        # By now, the threads of the other side have stopped spinning.
        time.sleep(0.03)
        seconds, label = function.invoke(event)
        expect(label)
        return seconds * 1e3

    with ours() as ours_, python() as python_, python(DRAFT="1") as draft_:
        sides = [ours_, python_, draft_]
        for function in sides:
            once(function)
        measured = in_turn(runs, *(lambda function=function: once(function) for function in sides))
    return [
        Row("2 warm, 12 MP", "ms", measured[0], measured[1], ratio_limit=0.20),
        Row("  … Python with Pillow's draft()", "ms", measured[0], measured[2]),
    ]


def cold(runs: int) -> Row:
    """Row 3: from the start of the process to its first answer."""
    measured = in_turn(runs, lambda: cold_start(ours)[0], lambda: cold_start(python)[0])
    return Row("3 cold start to first answer", "ms", *measured, ratio_limit=0.22)


def cold_start(start: Callable[[], Function]) -> tuple[float, float]:
    """Returns the milliseconds from process start to first answer, and the MB that it read from disks."""
    event = (ROOT / "events/http-api.json").read_bytes()
    with start() as function:
        _, label = function.invoke(event)
        expect(label)
        return (function.answered - function.start) * 1e3, function.read_mb()


def cold_from_disk(runs: int) -> list[Row]:
    """Row 4: a first start, with an empty page cache. Only root can empty it."""
    rows = [
        Row("4 cold start from disk, read", "MB", limit=34),
        Row("  … to first answer", "ms"),
    ]
    if os.geteuid() != 0:
        return rows
    measured = [[cold_start(from_disk(start)) for _ in range(runs)] for start in (ours, python)]
    for index, row in ((0, rows[1]), (1, rows[0])):
        row.ours, row.peer = (Side([values[index] for values in side]) for side in measured)
    return rows


def from_disk(start: Callable[[], Function]) -> Callable[[], Function]:
    """Returns a start that empties the page cache first."""

    def with_empty_cache() -> Function:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        return start()

    return with_empty_cache


def throughput(runs: int, seconds: float, images: dict[str, bytes]) -> list[Row]:
    """Row 5: requests per second, with the same requests for all servers."""
    with contextlib.ExitStack() as stack:
        servers = {}
        for name, bundle in (("ours", ROOT / "model"), ("resnet18", RESNET18)):
            servers[name] = stack.enter_context(
                server.Server([PACKAGE / "bootstrap", "serve"], ROOT, server.free_port(), {"MODEL_DIR": str(bundle)} | FORGETFUL)
            )
        port = server.free_port()
        gunicorn = [PYTHONS["flask"], "-m", "gunicorn", "--no-control-socket", "--workers", "2"]
        command = [*gunicorn, "--bind", f"127.0.0.1:{port}", "flask_app:app"]
        variables = {"WEIGHTS": str(WEIGHTS), "LABELS": str(ROOT / "model/labels.tsv")}
        servers["flask"] = stack.enter_context(server.Server(command, ROOT / "bench", port, variables))

        for each in servers.values():
            each.wait_until_ready()
        for name, image in photos.small().items():
            labels = {key: each.predict(each.connect(), image) for key, each in servers.items()}
            # The same weights give the same answer. Those of the other model recognise an espresso.
            expect(labels["resnet18"], labels["flask"])
            if name == "coffee.png":
                expect(labels["ours"])
        # Each server continues where it stopped, so that the slower one gets all pictures, too.
        turns = [(each, itertools.cycle(images.values())) for each in servers.values()]
        for each, pictures in turns:
            each.rate(pictures, 1)
        measured = in_turn(
            runs, *(lambda each=each, pictures=pictures: each.rate(pictures, seconds) for each, pictures in turns)
        )
    # Processors with VNNI need a third of the instructions to multiply 8-bit integers.
    least = 7 if "_vnni" in pathlib.Path("/proc/cpuinfo").read_text() else 5.5
    return [
        Row("5 server, ours ÷ Flask's ResNet-18", "1/s", measured[0], measured[2], ratio_limit=least, at_least=True),
        Row("  … ResNet-18 on both sides", "1/s", measured[1], measured[2], ratio_limit=1.5, at_least=True),
    ]


def memory(images: dict[str, bytes]) -> Row:
    """Row 6: the peak memory after 500 photos and ten of 12 megapixels."""
    events = [event_of(image) for image in images.values()]
    large = event_of(photos.large())

    def once(start: Callable[[], Function]) -> float:
        with start() as function:
            for number in range(500):
                function.invoke(events[number % len(events)])
            for _ in range(10):
                expect(function.invoke(large)[1])
            return function.peak_memory_mb()

    # It varies by a few MB from start to start.
    sides = [Side([once(ours) for _ in range(3)]), Side([once(python)])]
    return Row("6 peak RSS after 500 photos, ten of 12 MP", "MB", *sides, limit=75)


def size() -> Row:
    """Row 7."""
    return Row("7 zip", "MB", Side([ZIP.stat().st_size / 1e6]), limit=16, digits=2)


def idle(seconds: float) -> Row:
    """Row 8: the CPU time used after an answer, while no event arrives."""
    event = (ROOT / "events/http-api.json").read_bytes()
    used = []
    for start in (ours, python):
        with start() as function:
            expect(function.invoke(event)[1])
            function.wait_until_idle()
            before = function.processor_seconds()
            time.sleep(seconds)
            used.append(Side([function.processor_seconds() - before]))
    return Row(f"8 processor time in {seconds:.0f} s of idleness", "s", *used, limit=0, digits=2)


def accuracy(folder: pathlib.Path) -> Row:
    """Row 9: the number of labelled photos with the right label, measured with the server's program."""
    command = [PACKAGE / "bootstrap", "evaluate", "--json", folder]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    figures = json.loads(output)
    photos_, right = figures["photos"], figures["top1"]
    return Row(f"9 right labels, {photos_} photos", "", Side([right]), limit=round(0.9 * photos_), at_least=True, digits=0)
