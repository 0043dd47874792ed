"""Keeps a server under a mixed load for minutes, with faults around it, and checks every answer and its resources.

    python3 tests/soak/soak.py --binary .build/x86_64/package/bootstrap --seconds 300

The exit status is 0 if there were no failures.
"""

import argparse
import dataclasses
import functools
import json
import pathlib
import random
import sys

import faults
import inputs
import load
import phase
import report
from server import NotReady, Server

PHASES = ("clean", "hog", "memory", "tmp")
HEADROOM = 1.05
"""The address space in the phase `memory`, as a multiple of what the clean soak used."""
SHORTEST = 10.0
REQUEST_TIMEOUT_MS = 5000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=lambda file: pathlib.Path(file).resolve(strict=True), required=True)
    parser.add_argument("--seconds", type=float, default=300, help="of the clean soak; 30 at least")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--phases", type=lambda text: text.split(","), default=PHASES, help=",".join(PHASES))
    parser.add_argument("--seed", type=int, help="of an earlier run, to repeat what it sent")
    parser.add_argument("--address-space", type=int, metavar="KB", help="for the phase memory; measured otherwise")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of the server")
    chosen = parser.parse_args()
    if unknown := set(chosen.phases) - set(PHASES):
        parser.error(f"no such phase: {', '.join(sorted(unknown))}")
    if chosen.seconds < 30:
        parser.error("fewer than 30 seconds show no drift")
    return chosen


def variables(chosen: argparse.Namespace) -> dict[str, str]:
    # A package has its own.
    beside = chosen.binary.parent
    files = beside if (beside / "lib").is_dir() else inputs.ROOT
    own = {
        "ORT_DYLIB_PATH": files / "lib/libonnxruntime.so",
        "MODEL_DIR": files / "model",
        # Few, so that hits, misses and evictions all occur.
        "CACHE_ENTRIES": 16,
        "MAX_BODY_BYTES": inputs.MAX_BODY_BYTES,
        "MAX_IMAGES": inputs.MAX_IMAGES,
        "REQUEST_TIMEOUT_MS": REQUEST_TIMEOUT_MS,
    }
    return {name: str(value) for name, value in own.items()} | dict(each.split("=", 1) for each in chosen.set)


class Soak:
    def __init__(self, chosen: argparse.Namespace, plan: phase.Plan) -> None:
        self.chosen = chosen
        self.plan = plan
        seconds = max(SHORTEST, plan.seconds / 5)
        self.short = dataclasses.replace(plan, seconds=seconds, warm_up=seconds / 4, drift_kb=None)
        self.variables = variables(chosen)
        self.command = [chosen.binary, "serve"]
        self.phases: list[dict] = []

    def run(self, name: str, plan: phase.Plan, **how: object) -> dict:
        print(f"{name}: {plan.seconds:.0f} s", flush=True)
        command = how.pop("command", self.command)
        row = phase.run(name, plan, functools.partial(Server, command, self.variables, **how))
        for failure in row["failures"]:
            print(f"  FAILED {failure}", flush=True)
        if row["failed"] > len(row["failures"]):
            print(f"  FAILED {row['failed'] - len(row['failures'])} times more")
        self.phases.append(row)
        return row

    def clean(self) -> None:
        row = self.run("clean", self.plan)
        if not (row.get("cache", {}).get("hit") and row["cache"].get("miss")):
            row["failed"] += 1
            print("  FAILED the cache was not put to the test")

    def hog(self) -> None:
        with faults.hogs():
            self.run("hog", self.short)

    def memory(self) -> None:
        limit = self.chosen.address_space
        if limit is None:
            peaks = [row.get("peak_address_space_kb") for row in self.phases if row["phase"] == "clean"]
            peak = peaks[0] if peaks else self.run("unlimited", self.short).get("peak_address_space_kb")
            limit = int((peak or 0) * HEADROOM)
        row = self.run("memory", self.short, address_space=limit * 1024)
        row["address_space_kb"] = limit

    def tmp(self) -> None:
        if reason := faults.why_no_mounts():
            print(f"tmp: left out, since a full /tmp cannot be made: {reason}")
            return
        places = (pathlib.Path(self.variables[name]) for name in ("ORT_DYLIB_PATH", "MODEL_DIR"))
        self.run("tmp", self.short, command=faults.full_tmp(self.chosen.binary, *places))


def references(chosen: argparse.Namespace, given: list[inputs.Input]) -> tuple[dict, list[str]]:
    with Server([chosen.binary, "serve"], variables(chosen)) as server:
        try:
            server.wait_until_ready()
        except NotReady as failure:
            return {}, [str(failure)]
        return load.reference_pass(server, given)


def main() -> int:
    chosen = arguments()
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    print(f"seed {seed}", flush=True)
    given = inputs.everything()
    # Fewer per client if there are many clients: all must be answered in the server's own time limit for shutdown.
    heavy = inputs.heavy(max(1, min(8, 128 // chosen.connections)))
    expected, failures = references(chosen, [*given, heavy])
    for failure in failures:
        print(f"  FAILED reference: {failure}")
    if failures:
        return 1
    print(f"{len(expected)} inputs have been answered once, one at a time", flush=True)
    plan = phase.Plan(
        given, heavy, expected, chosen.connections, chosen.seconds, seed,
        timeout=REQUEST_TIMEOUT_MS / 1000,
        warm_up=max(10.0, chosen.seconds / 4),
    )  # fmt: skip
    soak = Soak(chosen, plan)
    for name in PHASES:
        if name in chosen.phases:
            getattr(soak, name)()
    print(report.table(soak.phases))
    clean = not any(row["failed"] for row in soak.phases)
    if chosen.json:
        chosen.json.write_text(json.dumps({"seed": seed, "clean": clean, "phases": soak.phases}, indent=2) + "\n")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
