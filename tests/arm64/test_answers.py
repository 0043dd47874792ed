"""The arm64 package gives the same answers as the x86_64 package, and its log and its end are what Lambda expects."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from comparison import Comparison
from program import ROOT

FIXTURES = ROOT / "tests/fixtures"
KINDS = {".avif", ".bin", ".bmp", ".gif", ".jpg", ".png", ".svg", ".tif", ".webp"}
FOLDERS = (".", "cases", "cases2", "finds", "embeddings", "kinds")
EVENTS = [*(ROOT / "events").glob("*.json"), *(FIXTURES / "events").glob("*.json"), *(FIXTURES / "cases2").glob("*.json")]

# The kernels for the two processors add the same products in another order. Sums of 8-bit integers are exact.
TOLERANCE = 1e-6
# Half of f16's last digit at 1, for models that compute in 16 bits: arm64 has instructions for that, x86_64 does not.
TOLERANCE_16_BITS = 2**-11


def pictures() -> list:
    return sorted(path for folder in FOLDERS for path in (FIXTURES / folder).glob("*") if path.suffix in KINDS)


def by_class(answer: dict) -> dict:
    """Returns an answer with its scores by class, because two nearly equal scores may change places."""
    if "predictions" in answer:
        answer["best"] = answer["predictions"][0]["label"]
        answer["predictions"] = {each["class_id"]: each for each in answer["predictions"]}
    return answer


def check_log(lines: list[str]) -> None:
    assert lines
    for line in lines:
        assert isinstance(json.loads(line), dict), line


def test_pictures_get_the_same_labels_and_scores(arm64, x86_64):
    comparison, files = Comparison(), pictures()
    start = time.monotonic()
    with arm64.server() as ours, x86_64.server() as theirs, ThreadPoolExecutor(2) as pool:

        def both(path) -> tuple:
            return tuple(server.post("/classify?top_k=1000", path.read_bytes()) for server in (ours, theirs))

        for path, ((status, answer), (expected_status, expected)) in zip(files, pool.map(both, files)):
            comparison.add((status, by_class(answer)), (expected_status, by_class(expected)), path.name)
        # After SIGTERM.
        assert ours.end() == 0
        check_log(ours.log)
    print(f"{len(files)} pictures in {time.monotonic() - start:.0f} s; largest differences: {comparison.largest}")
    assert comparison.different == []
    assert comparison.largest["score"] <= TOLERANCE


def test_events_get_the_same_answers_where_there_is_no_sys(arm64, x86_64, without_sys):
    events = sorted(EVENTS)
    ours, theirs = arm64.function(events, before=without_sys), x86_64.function(events)
    comparison = Comparison()
    for event, answer, expected in zip(events, ours["answers"], theirs["answers"], strict=True):
        comparison.add(answer, expected, event.name)
    print(f"{len(events)} events; largest differences: {comparison.largest}")
    assert comparison.different == []
    assert comparison.largest["score"] <= TOLERANCE
    # After SIGTERM.
    assert ours["status"] == 0
    check_log(ours["log"])


def test_heat_maps_and_embeddings_are_the_same(arm64, x86_64):
    comparison = Comparison()
    body = (FIXTURES / "chelsea.png").read_bytes()
    with arm64.server() as ours, x86_64.server() as theirs:
        for path in ("/classify?explain=true", "/embed"):
            comparison.add(ours.post(path, body), theirs.post(path, body), path)
    print(f"largest differences: {comparison.largest}")
    assert comparison.different == []
    assert max(comparison.largest.values()) <= TOLERANCE


def test_every_shape_of_model_gives_the_same_scores(arm64, x86_64):
    models = sorted(path for path in (FIXTURES / "models").iterdir() if path.is_dir())
    largest = {}
    for model in models:
        comparison = Comparison()
        ours, theirs = (
            program.run("classify", "--json", FIXTURES / "coffee.jpg", model=model) for program in (arm64, x86_64)
        )
        comparison.add(ours.returncode, theirs.returncode, model.name)
        comparison.add(ours.stdout.decode(), theirs.stdout.decode(), model.name)
        comparison.add(ours.stderr.decode().splitlines(), theirs.stderr.decode().splitlines(), model.name)
        assert comparison.different == []
        # A refused model has no scores.
        largest[model.name] = comparison.largest.get("score", 0.0)
        assert largest[model.name] <= (TOLERANCE_16_BITS if "f16" in model.name else TOLERANCE), model.name
    print(f"{len(models)} models; differences: {({name: by for name, by in largest.items() if by})}")
    assert len(largest) == len(models) > 40


def test_what_differs_is_found():
    comparison = Comparison()
    comparison.add({"a": [1, 0.5], "timing_ms": 1, "body": '{"score": 0.25}'}, {"a": [2, 0.5], "body": '{"score": 0.5}'}, "x")
    assert comparison.different == ["x.a[0]: 1 instead of 2"]
    assert comparison.largest == {"a": 0.0, "score": 0.25}
    comparison.add([1], [1, 2], "y")
    comparison.add({}, {"b": 1}, "z")
    assert len(comparison.different) == 3
