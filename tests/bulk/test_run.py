"""A run over a thousand objects gives each exactly one answer, whatever faults occur."""

import csv
import io
import json
import threading

import pytest

from account import PHOTOS, RESULTS, Account
from answers import batch, by_key, key_of, told
from pictures import BROKEN, KEYS, PREFIX, Photo, objects
from proxies import Request, refuse

COUNT = 1000


@pytest.fixture(scope="module")
def photos(whole_account: Account) -> dict[str, Photo]:
    photos = objects(COUNT)
    for photo in photos:
        whole_account.put(photo.key, photo.body)
    return {photo.key: photo for photo in photos}


@pytest.fixture(scope="module")
def expected(whole_account: Account, photos) -> dict[str, dict]:
    """Returns the answers of batches of the template's size, invoked directly and without faults."""
    size = int(whole_account.stack.parameters["PhotosPerBatch"])
    answers = []
    for keys in chunks(list(photos), size):
        outcome = whole_account.function.invoke(batch(PHOTOS, keys))
        assert not outcome.is_error, outcome
        assert [key_of(answer) for answer in outcome.json()] == keys
        answers += outcome.json()
    return by_key(answers)


def chunks(keys: list[str], size: int) -> list[list[str]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def outputs(execution: dict) -> list[dict | None]:
    """Returns the answers of a run, with None for each batch that failed. A batch has one object here."""
    assert execution["status"] == "SUCCEEDED", execution
    return [output and output[0] for output in json.loads(execution["output"])]


def test_a_batch_is_answered_by_a_list_in_order(photos, expected):
    assert len(expected) == COUNT
    assert {key: told(answer) for key, answer in expected.items()} == {key: photos[key].code for key in photos}


def test_labels_are_those_of_the_object_that_the_answer_names(account, expected):
    """Keys are not mixed up: a photo gets the same answer alone and in a batch."""
    for name, label in (("coffee_500x375.jpg", "espresso"), ("chelsea.png", "tiger cat")):
        assert expected[f"{PREFIX}real/{name}"]["predictions"][0]["label"] == label


def test_a_run_gives_every_object_one_answer_beside_faults(account: Account, photos, expected):
    plain = [key for key in photos if "/plain/" in key]
    killed = {plain[100], plain[400], plain[700]}
    # The S3 client retries by itself. After that the function fails, and Step Functions retries.
    shortly, longer = set(plain[110:120]), {plain[200], plain[500]}
    seen: set[str] = set()
    lock = threading.Lock()

    def storage_fault(request: Request):
        with lock:
            if request.key in killed - seen and request.method == "GET":
                seen.add(request.key)
                account.function.kill_all()
            if request.key in shortly and request.before == 0:
                return refuse(500, "InternalError")
            if request.key in longer and account.attempts[request.key] < 2:
                return refuse(503, "SlowDown")

    def front_fault(payload: bytes):
        (item,) = json.loads(payload)["Items"]
        with lock:
            account.attempts[item["Key"]] += 1
            if item["Key"] in plain[300:310] and account.attempts[item["Key"]] == 1:
                return "throttled"

    account.storage.fault, account.front.fault = storage_fault, front_fault
    starts = account.function.starts
    # All answers together exceed the 256 KiB that an execution may return, so the writer is needed.
    execution = account.stack.run({"prefix": PREFIX}, with_writer=True)
    assert execution["status"] == "SUCCEEDED", execution
    answers = [answer[0] for _, answer, is_error in account.front.ledger.entries if not is_error]
    assert by_key(answers) == expected
    # Checks that the faults did occur.
    assert account.function.starts >= starts + len(killed)
    errors = [answer["errorType"] for _, answer, is_error in account.front.ledger.entries if is_error]
    assert {"Runtime.ExitError", "TryAgain"} <= set(errors)
    assert all(account.attempts[key] > 1 for key in longer | set(plain[300:310]))


def manifest(keys: list[str]) -> bytes:
    rows = io.StringIO()
    csv.writer(rows).writerows([["Key"], *([key] for key in keys)])
    return rows.getvalue().encode()


def test_a_manifest_names_the_objects(account: Account, expected):
    keys = [PREFIX + key for key in KEYS] + [PREFIX + photo.key for photo in BROKEN]
    account.put("labels/keys.csv", manifest(keys), RESULTS)
    execution = account.stack.run({"manifest": "labels/keys.csv"})
    assert by_key(outputs(execution)) == {key: expected[key] for key in keys}


def test_the_writer_of_results_writes_below_their_prefix(account: Account):
    execution = account.stack.run({"prefix": f"{PREFIX}real/"}, with_writer=True)
    details = json.loads(execution["output"])["ResultWriterDetails"]
    assert details["Bucket"] == RESULTS
    assert details["Key"].startswith("labels/_runs/") and details["Key"].endswith("/manifest.json")


def test_what_failed_for_good_is_done_again_and_nothing_else(account: Account, expected):
    """As docs/bulk.md describes: the keys of the failed batches become a manifest."""
    prefix = f"{PREFIX}plain/00"
    wanted = {key: answer for key, answer in expected.items() if key.startswith(prefix)}
    down = set(list(wanted)[10:13])
    account.storage.fault = lambda request: refuse(500, "InternalError") if request.key in down else None
    first = [answer for answer in outputs(account.stack.run({"prefix": prefix})) if answer]
    assert set(by_key(first)) == set(wanted) - down
    account.storage.fault = None
    account.put("labels/failed.csv", manifest(sorted(down)), RESULTS)
    again = outputs(account.stack.run({"manifest": "labels/failed.csv"}))
    assert set(by_key(again)) == down
    assert by_key(first + again) == wanted


def test_a_run_over_nothing_says_what_to_give_it(account: Account):
    execution = account.stack.run({"bucket": PHOTOS})
    assert (execution["status"], execution["error"]) == ("FAILED", "NoPhotos")
    assert '{"prefix": "…"}' in execution["cause"]
