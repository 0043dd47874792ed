"""Measures a photo with each memory size of a Lambda function: `sizes.py [MB…]`.

Lambda gives a function one processor per 1769 MB of memory. Here, a control group gives the packaged function the same
share of this machine's processors, in slices of 20 ms. Prints a Markdown table. Needs root, for the control group.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
from collections.abc import Iterator

import photos
from function import Function, event_of
from measure import FORGETFUL, PACKAGE, expect

PROCESSOR_MB = 1769
PERIOD_US = 20_000
GROUPS = pathlib.Path("/sys/fs/cgroup")
STARTS, SMALL_RUNS, LARGE_RUNS = 5, 40, 10


@contextlib.contextmanager
def share(processors: float) -> Iterator[pathlib.Path]:
    """Returns the file of a control group with this many processors; a process id written to it joins the group."""
    quota = round(processors * PERIOD_US)
    # cgroup version 1 has a tree per controller, version 2 has one for all.
    first = GROUPS / "cpu"
    group = (first if first.is_dir() else GROUPS) / f"classifier-{os.getpid()}"
    group.mkdir()
    try:
        if first.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        yield group / "cgroup.procs"
    finally:
        group.rmdir()


def milliseconds(function: Function, image: bytes, runs: int) -> float:
    """Returns the median of `runs` invocations, each with a file that the function has not seen."""
    times = []
    for run in range(runs):
        seconds, label = function.invoke(event_of(photos.unlike(image, run)))
        expect(label)
        times.append(seconds * 1e3)
    return statistics.median(times)


def row(size: int, threads: int, small: bytes, large: bytes) -> list[float]:
    """Returns the milliseconds of a cold start, a small and a large photo, and the peak memory in MB."""
    starts, memory = [], 0.0
    with share(size / PROCESSOR_MB) as processes:
        command = ["/bin/sh", "-c", f'echo $$ >{processes} && exec "$0"', PACKAGE / "bootstrap"]
        variables = FORGETFUL | {"INTRA_THREADS": str(threads)}
        for start in range(STARTS):
            with Function(command, PACKAGE, variables) as function:
                _, label = function.invoke(event_of(photos.unlike(small, start)))
                expect(label)
                starts.append((function.answered - function.start) * 1e3)
                if start == STARTS - 1:
                    of_small = milliseconds(function, small, SMALL_RUNS)
                    of_large = milliseconds(function, large, LARGE_RUNS)
                    memory = function.peak_memory_mb()
    return [statistics.median(starts), of_small, of_large, memory]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[1024, 1769, 2654, 3538], metavar="MB")
    small, large = photos.small()["coffee.png"], photos.large()
    print("| memory, MB | processors | `INTRA_THREADS` | first answer, ms | 500 × 375, ms | 12 megapixels, ms | peak, MB |")
    print("|---|---|---|---|---|---|---|")
    for size in parser.parse_args().sizes:
        if size / PROCESSOR_MB > (os.cpu_count() or 1):
            raise SystemExit(f"{size} MB have more processors than there are here")
        for threads in (1, 2):
            cells = [f"{cell:.3g}" if cell < 100 else f"{cell:.0f}" for cell in row(size, threads, small, large)]
            print(f"| {size} | {size / PROCESSOR_MB:.2f} | {threads} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
