"""The rows of the table, and how they are printed."""

import dataclasses
import json
import os
import pathlib
import platform
import statistics
import time


@dataclasses.dataclass
class Side:
    """The measurements of one side; the median counts."""

    runs: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.runs)


@dataclasses.dataclass
class Row:
    """One measurement, with the limit for our value, or for ours ÷ peer if there is a `ratio_limit`."""

    what: str
    unit: str
    ours: Side | None = None
    peer: Side | None = None
    limit: float | None = None
    ratio_limit: float | None = None
    at_least: bool = False
    digits: int = 1

    @property
    def ratio(self) -> float | None:
        return self.ours.median / self.peer.median if self.ours and self.peer and self.peer.median else None

    @property
    def verdict(self) -> str:
        """Returns `pass`, `FAIL`, `not measured` (which counts as failed), or nothing if there is no limit."""
        limit = self.limit if self.ratio_limit is None else self.ratio_limit
        if limit is None:
            return ""
        if self.ours is None or (self.ratio_limit is not None and self.ratio is None):
            return "not measured"
        # Compares the printed value with the limit: 0.00 s includes 0.004 s.
        value = round(self.ours.median, self.digits) if self.ratio_limit is None else self.ratio
        return "pass" if (value >= limit if self.at_least else value <= limit) else "FAIL"

    def cells(self) -> list[str]:
        number = lambda side: f"{side.median:.{self.digits}f}" if side else "–"
        ratio = f"{self.ratio:.2f}" if self.ratio is not None else "–"
        runs = str(len(self.ours.runs)) if self.ours else "–"
        return [self.what, number(self.ours), number(self.peer), self.unit, ratio, self.bound, runs, self.verdict]

    @property
    def bound(self) -> str:
        sign = "≥" if self.at_least else "≤"
        if self.ratio_limit is not None:
            return f"{sign} {self.ratio_limit:.2f}"
        return "" if self.limit is None else f"{sign} {self.limit:.{self.digits}f} {self.unit}"

    def as_json(self) -> dict:
        return dataclasses.asdict(self) | {"ratio": self.ratio, "verdict": self.verdict}


HEADINGS = ["", "ours", "peer", "unit", "ours ÷ peer", "limit", "runs", ""]


def print_table(rows: list[Row]) -> None:
    lines = [HEADINGS] + [row.cells() for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    for line in lines:
        # Words are aligned left, numbers right.
        cells = [
            cell.rjust(width) if 1 <= column <= 6 and column != 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ]
        print("  ".join(cells).rstrip())


def passed(rows: list[Row]) -> bool:
    return all(row.verdict in ("", "pass") for row in rows)


def busy() -> float:
    """Returns the fraction of a second for which the processors are busy while this process sleeps."""

    def ticks() -> tuple[int, int]:
        user, nice, system, idle, wait, *others = map(
            int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
        )
        return idle + wait, user + nice + system + idle + wait + sum(others)

    before = ticks()
    time.sleep(1)
    idle, together = (after - earlier for after, earlier in zip(ticks(), before))
    return 1 - idle / together


def machine() -> str:
    """Describes processor, kernel, memory, and how busy other processes keep the machine, in one line."""
    processor = next(
        (
            line.split(":", 1)[1].strip()
            for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{processor}, {len(os.sched_getaffinity(0))} processors, {memory:.0f} GB, "
        f"{platform.system()} {platform.release()} {platform.machine()}, {busy():.0%} busy before"
    )


def write_json(file: pathlib.Path, rows: list[Row], about: dict[str, str]) -> None:
    file.write_text(json.dumps({"about": about, "rows": [row.as_json() for row in rows]}, indent=1) + "\n")
