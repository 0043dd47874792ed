"""Helpers to examine answers."""

import json

# Fields that change from run to run. Answers stored in a bucket do not have them.
OF_THE_REQUEST = ("request_id", "timing_ms", "cached")


def lasting(answer: dict) -> dict:
    """Returns an answer without the fields that change from run to run."""
    return {name: value for name, value in answer.items() if name not in OF_THE_REQUEST}


def key_of(answer: dict) -> str:
    return answer["s3"]["key"]


def told(answer: dict) -> str | None:
    """Returns the code of an error, `skipped` if nothing was read, or None if there are labels."""
    if "skipped" in answer:
        return "skipped"
    if "predictions" in answer:
        assert answer["predictions"], answer
        return None
    return answer["code"]


def by_key(answers: list[dict]) -> dict[str, dict]:
    """Returns answers by the key of their object, and checks that no key occurs twice."""
    found = {key_of(answer): lasting(answer) for answer in answers}
    assert len(found) == len(answers), "a key is answered more than once"
    return found


def batch(bucket: str, keys: list[str]) -> bytes:
    """Returns the input of a batch, as `ItemBatcher` makes it."""
    return json.dumps({"Items": [{"Key": key} for key in keys], "BatchInput": {"bucket": bucket}}).encode()
