"""Checks whether an answer is right."""

import dataclasses

from inputs import Input
from ways import Answer

SCORE = 1e-4
"""The tolerance for scores: with more threads, the model adds numbers in another order."""
VOLATILE = ("timing_ms", "cached")


@dataclasses.dataclass(frozen=True)
class Reference:
    status: int
    code: str | None
    content: object


def reference(answer: Answer, request_id: str) -> Reference:
    return Reference(answer.status, answer.code(), lasting(answer.json(), request_id))


def lasting(value: object, request_id: str) -> object:
    """Returns the parts of an answer that never change. Removes ids if they are the request's own."""
    if isinstance(value, list):
        return [lasting(entry, request_id) for entry in value]
    if isinstance(value, dict):
        own = {name: lasting(entry, request_id) for name, entry in value.items() if name not in VOLATILE}
        if own.get("request_id") == request_id:
            own["request_id"] = "its own"
        return own
    return value


def difference(expected: object, found: object, place: str = "answer") -> str | None:
    """Returns the first difference between two answers."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        pairs = [(f"{place}.{name}", expected[name], found[name]) for name in expected]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [(f"{place}[{index}]", *pair) for index, pair in enumerate(zip(expected, found))]
    elif isinstance(expected, float) and isinstance(found, (float, int)):
        return None if abs(expected - found) <= SCORE else f"{place} is {found}, not {expected}"
    else:
        return None if expected == found else f"{place} is {found!r}, not {expected!r}"
    return next((differs for name, *pair in pairs if (differs := difference(*pair, name))), None)


def overloaded(answer: Answer) -> bool:
    """The only error that may occur at any time; a client is told when to retry."""
    return answer.status == 503 and answer.code() == "overloaded" and "retry-after" in answer.headers


def wrong(expected: Reference, answer: Answer, request_id: str) -> str | None:
    """Returns what is wrong with an answer."""
    if answer.headers.get("x-request-id") != request_id:
        return f"x-request-id is {answer.headers.get('x-request-id')!r}, not {request_id!r}"
    found = reference(answer, request_id)
    if found.status != expected.status or found.code != expected.code:
        return f"{found.status} {found.code or ''}, not {expected.status} {expected.code or ''}: {answer.body[:300]!r}"
    return difference(expected.content, found.content)


def impossible(given: Input, answer: Answer, request_id: str) -> str | None:
    """Returns what is wrong with an answer in the reference pass, independent of the model."""
    content = lasting(answer.json(), request_id)
    ids = content.get("request_id", "its own") if isinstance(content, dict) else "its own"
    # A list with only a refused image is answered 200, with the error in the list.
    labelled = answer.status == 200 and b'"label"' in answer.body
    refused = answer.status in (200, *range(400, 500)) and not labelled
    if not {"good": labelled, "refused": refused, "any": labelled or refused}[given.expects]:
        return f"{answer.status}, which is not {given.expects}: {answer.body[:300]!r}"
    if content is None:
        return f"no JSON: {answer.body[:300]!r}"
    if ids != "its own" or answer.headers.get("x-request-id") != request_id:
        return "not its own request id"
    if given.image and first_image(content) != given.image:
        return f"image is {first_image(content)}, not {given.image}"
    return None


def first_image(content: object) -> object:
    """Returns the first image; lists of one image are answered as lists."""
    if isinstance(content, dict) and content.get("results"):
        content = content["results"][0]
    return content.get("image") if isinstance(content, dict) else None
