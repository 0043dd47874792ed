"""What is measured, each row by a function of its own.

Both sides take turns, so that what else the machine does hits both. Every answer is checked.
"""

import contextlib
import itertools
import json
import platform
import time
from collections.abc import Callable

import photos
import server
from function import ROOT, Function, event_of
from table import Row, Side

ARCH = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
PACKAGE = ROOT / ".build" / ARCH / "package"
ZIP = ROOT / ".build" / ARCH / f"image-classifier-{ARCH}.zip"
CRITERION = ROOT / "target/criterion/handler"
SERVER = ROOT / "target/release/image-classifier"
RESNET18 = ROOT / ".build/bench/resnet18"
WEIGHTS = ROOT / ".build/bench/resnet18.pth"
PYTHONS = {name: ROOT / ".venv-bench" / name / "bin/python" for name in ("handler", "flask")}
BEST = "espresso"
"""What all answers to the first picture must say: a failure would be quick, too."""


FORGETFUL = {"CACHE_ENTRIES": "0"}
"""The peers do not remember answers either; the same pictures are sent again and again."""


def ours() -> Function:
    return Function([PACKAGE / "bootstrap"], PACKAGE, FORGETFUL)


def python(**variables: str) -> Function:
    """The Python handler under AWS's own runtime interface client."""
    return Function([PYTHONS["handler"], "-m", "awslambdaric", "python_handler.handler"], ROOT / "bench", variables)


def expect(label: str, expected: str = BEST) -> None:
    if label != expected:
        raise SystemExit(f"the answer is {label}, not {expected}")


def in_turn(runs: int, *sides: Callable[[], float]) -> list[Side]:
    """Runs each side that often, in this order and the other in turn."""
    measured: list[list[float]] = [[] for _ in sides]
    for run in range(runs):
        for index in range(len(sides)) if run % 2 == 0 else reversed(range(len(sides))):
            measured[index].append(sides[index]())
    return [Side(values) for values in measured]


def warm() -> Row:
    """Row 1, which `cargo bench --bench handler` has measured: all of it happens in one process."""
    row = Row("1 warm, 500 × 375, ÷ session.run", "ms", ratio_limit=1.25, digits=2)
    sides = []
    for name in ("event", "session_run"):
        estimates, sample = (CRITERION / name / "new" / file for file in ("estimates.json", "sample.json"))
        if not estimates.exists():
            return row
        nanoseconds = json.loads(estimates.read_text())["median"]["point_estimate"]
        samples = len(json.loads(sample.read_text())["iters"]) if sample.exists() else None
        sides.append(Side([nanoseconds / 1e6], samples))
    row.ours, row.peer = sides
    return row


def warm_large(runs: int) -> list[Row]:
    """Row 2: from when the event is handed out until the answer is there."""
    event = event_of(photos.large())

    def once(function: Function) -> float:
        # The threads of the other side have stopped to wait for more work.
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
        Row("2 warm, 12 MP", "ms", measured[0], measured[1], ratio_limit=0.25),
        Row("  … Python with Pillow's draft()", "ms", measured[0], measured[2]),
    ]


def cold(runs: int) -> Row:
    """Row 3: from the start of the process to its first answer."""
    event = (ROOT / "events/http-api.json").read_bytes()

    def once(start: Callable[[], Function]) -> float:
        with start() as function:
            _, label = function.invoke(event)
            expect(label)
            return (function.answered - function.start) * 1e3

    for start in (ours, python):
        once(start)  # Fills the page cache.
    measured = in_turn(runs, lambda: once(ours), lambda: once(python))
    return Row("3 cold start to first answer", "ms", *measured, ratio_limit=0.35)


def throughput(runs: int, seconds: float, images: dict[str, bytes]) -> list[Row]:
    """Row 4: requests a second, the same requests to all servers."""
    with contextlib.ExitStack() as stack:
        servers = {}
        for name, bundle in (("ours", ROOT / "model"), ("resnet18", RESNET18)):
            servers[name] = stack.enter_context(
                server.Server([SERVER, "serve"], ROOT, server.free_port(), {"MODEL_DIR": str(bundle)} | FORGETFUL)
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
            # The same weights, so the same answer. Those of the other model know an espresso.
            expect(labels["resnet18"], labels["flask"])
            if name == "coffee.png":
                expect(labels["ours"])
        # Each goes on where it stopped, so that the slower one gets all pictures, too.
        turns = [(each, itertools.cycle(images.values())) for each in servers.values()]
        for each, pictures in turns:
            each.rate(pictures, 1)
        measured = in_turn(
            runs, *(lambda each=each, pictures=pictures: each.rate(pictures, seconds) for each, pictures in turns)
        )
    return [
        Row("4 server, ours ÷ Flask's ResNet-18", "1/s", measured[0], measured[2], ratio_limit=4, at_least=True),
        Row("  … ResNet-18 on both sides", "1/s", measured[1], measured[2], ratio_limit=1.3, at_least=True),
    ]


def memory(images: dict[str, bytes]) -> Row:
    """Row 5: the most memory after 500 photos and ten of 12 megapixels."""
    events = [event_of(image) for image in images.values()]
    large = event_of(photos.large())

    def once(start: Callable[[], Function]) -> float:
        with start() as function:
            for number in range(500):
                function.invoke(events[number % len(events)])
            for _ in range(10):
                expect(function.invoke(large)[1])
            return function.peak_memory_mb()

    # It differs by some MB from start to start.
    sides = [Side([once(ours) for _ in range(3)]), Side([once(python)])]
    return Row("5 peak RSS after 500 photos, ten of 12 MP", "MB", *sides, limit=130)


def size() -> Row:
    """Row 6."""
    return Row("6 zip", "MB", Side([ZIP.stat().st_size / 1e6]), limit=28, digits=2)


def idle(seconds: float) -> Row:
    """Row 7: the time of the processor that is used while no event comes, after one was answered."""
    event = (ROOT / "events/http-api.json").read_bytes()
    used = []
    for start in (ours, python):
        with start() as function:
            expect(function.invoke(event)[1])
            function.wait_until_idle()
            before = function.processor_seconds()
            time.sleep(seconds)
            used.append(Side([function.processor_seconds() - before]))
    return Row(f"7 processor time in {seconds:.0f} s of idleness", "s", *used, limit=0, digits=2)
