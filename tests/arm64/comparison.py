"""Compares answers of two programs: everything must be equal, except times, ids and the last digits of numbers."""

import json

# These values differ each time.
PASSING = {"timing_ms", "timestamp", "request_id", "server-timing", "x-request-id", "content-length", "date"}


class Comparison:
    """Collects differences, and the largest difference between two numbers for each name of a number."""

    def __init__(self) -> None:
        self.different: list[str] = []
        self.largest: dict[str, float] = {}

    def add(self, ours, theirs, place: str, name: str = "") -> None:
        ours, theirs = opened(ours), opened(theirs)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            for key in (ours.keys() | theirs.keys()) - PASSING:
                self.add(ours.get(key), theirs.get(key), f"{place}.{key}", key)
        elif isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)) and len(ours) == len(theirs):
            for number, (one, other) in enumerate(zip(ours, theirs)):
                self.add(one, other, f"{place}[{number}]", name)
        elif isinstance(ours, float) and isinstance(theirs, (float, int)):
            self.largest[name] = max(self.largest.get(name, 0.0), abs(ours - theirs))
        elif ours != theirs:
            self.different.append(f"{place}: {ours!r} instead of {theirs!r}")


def opened(value):
    """Parses a text, if it is JSON: the body of a function's answer."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            pass
    return value
