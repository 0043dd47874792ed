"""What tests look at in an answer."""

import json

# What changes from run to run, and is not in the answers that lie in a bucket.
OF_THE_REQUEST = ("request_id", "timing_ms", "cached")


def lasting(answer: dict) -> dict:
    """An answer without what changes from run to run."""
    return {name: value for name, value in answer.items() if name not in OF_THE_REQUEST}


def key_of(answer: dict) -> str:
    return answer["s3"]["key"]


def told(answer: dict) -> str | None:
    """The code of an error, `skipped` where nothing was read, or nothing where there are labels."""
    if "skipped" in answer:
        return "skipped"
    if "predictions" in answer:
        assert answer["predictions"], answer
        return None
    return answer["code"]


def by_key(answers: list[dict]) -> dict[str, dict]:
    """Answers by the key of their object, each key once."""
    found = {key_of(answer): lasting(answer) for answer in answers}
    assert len(found) == len(answers), "a key is answered more than once"
    return found


def batch(bucket: str, keys: list[str]) -> bytes:
    """The input of a batch, as `ItemBatcher` makes it."""
    return json.dumps({"Items": [{"Key": key} for key in keys], "BatchInput": {"bucket": bucket}}).encode()
