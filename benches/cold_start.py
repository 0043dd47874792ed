"""Measures cold starts of the package under a Runtime API emulator: `cold_start.py [FOLDER] [STARTS]`.

Prints the minimum, median and maximum of the milliseconds from the start of the process to each step, and of the peak
memory. The files are in the page cache. In a new Lambda environment they are not, which adds the time to read them.
"""

import datetime
import json
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
ARCH = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]


def one_start(folder: pathlib.Path) -> dict[str, float]:
    command = [sys.executable, ROOT / "tests/artifact/runtime_api.py", "--", folder / "bootstrap"]
    outcome = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    assert outcome["status"] == 0, outcome
    lines = [json.loads(line) for line in outcome["log"]]
    loaded = next(line for line in lines if line["message"] == "model loaded")
    ready_at = datetime.datetime.fromisoformat(loaded["timestamp"]).timestamp()
    ready = (ready_at - outcome["started_at"]) * 1e3
    return {
        "library loaded, ms": ready - loaded["total_ms"] + loaded["library_ms"],
        "session ready, ms": ready,
        "first next, ms": outcome["first_next_ms"],
        "first answer, ms": outcome["first_answer_ms"],
        "memory, MB": outcome["memory_kb"] / 1024,
    }


def main(folder: pathlib.Path, starts: int) -> None:
    one_start(folder)  # Fills the page cache.
    runs = [one_start(folder) for _ in range(starts)]
    print(f"{starts} cold starts of {folder}, {platform.machine()}")
    print(f"{'':20} {'minimum':>8} {'median':>8} {'maximum':>8}")
    for step in runs[0]:
        values = [run[step] for run in runs]
        print(f"{step:20} {min(values):8.1f} {statistics.median(values):8.1f} {max(values):8.1f}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        pathlib.Path(arguments[0]).resolve() if arguments else ROOT / ".build" / ARCH / "package",
        int(arguments[1]) if len(arguments) > 1 else 10,
    )
