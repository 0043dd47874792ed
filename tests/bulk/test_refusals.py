"""Forbidden objects are not read, and redirects are not followed."""

import json
import socketserver
import threading

import pytest

from account import PHOTOS, Account
from answers import batch, key_of, told
from pictures import FIXTURES, png
from proxies import Endless, cut_off, redirect


def ask(account: Account, bucket: str, key: str) -> dict:
    """Invokes the function for one object, and returns the answer."""
    outcome = account.function.invoke(json.dumps({"s3": {"bucket": bucket, "key": key}}).encode())
    assert not outcome.is_error, outcome
    return outcome.json()


def code_directly(account: Account, bucket: str, key: str) -> str | None:
    return told(ask(account, bucket, key))


def code_in_batch(account: Account, bucket: str, key: str) -> str | None:
    """The same, as a batch of one."""
    outcome = account.function.invoke(batch(bucket, [key]))
    assert not outcome.is_error, outcome
    (answer,) = outcome.json()
    assert key_of(answer) == key
    return told(answer)


BOTH_WAYS = pytest.mark.parametrize("code", [code_directly, code_in_batch])


def buckets_asked(account: Account) -> set[str]:
    return {bucket for _, bucket, _ in account.storage.requests}


@BOTH_WAYS
def test_a_bucket_that_is_not_named_is_not_asked(account: Account, code):
    account.put("secret.png", png(1), "private")
    assert code(account, "private", "secret.png") == "bucket_not_allowed"
    assert account.storage.requests == {}


@BOTH_WAYS
@pytest.mark.parametrize(
    "key",
    [
        "../private/secret.png",
        "a/../../private/secret.png",
        "/../private/secret.png",
        "..%2fprivate/secret.png",
        "%2e%2e/private/secret.png",
        "..\\private\\secret.png",
        "./../private/secret.png",
        "?/../../private/secret.png",
        "#/../../private/secret.png",
        "x?list-type=2",
    ],
)
def test_no_key_leads_out_of_its_bucket(account: Account, code, key):
    account.put("secret.png", png(1), "private")
    assert code(account, PHOTOS, key) in {"invalid_parameter", "object_not_found"}
    assert buckets_asked(account) <= {PHOTOS}


@pytest.mark.parametrize(
    "bucket", ["photos/../private", "photos/", "../private", "private?", "photos,private", "", "."]
)
def test_no_name_of_a_bucket_leads_to_another_one(account: Account, bucket):
    account.put("secret.png", png(1), "private")
    assert code_directly(account, bucket, "secret.png") in {"bucket_not_allowed", "invalid_json"}
    assert account.storage.requests == {}


class Trap(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.server.visits.append(self.request.recv(1000))


@pytest.fixture
def elsewhere():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Trap) as server:
        server.visits = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_redirect_to_another_host_is_not_followed(account: Account, elsewhere):
    account.put("moved.png", png(2))
    port = elsewhere.server_address[1]
    account.storage.fault = lambda _: redirect(f"http://localhost:{port}/photos/moved.png")
    outcome = account.function.invoke(batch(PHOTOS, ["moved.png"]))
    assert "predictions" not in outcome.payload.decode()
    assert elsewhere.visits == []
    # The function still works.
    account.storage.fault = None
    assert told(ask(account, PHOTOS, "moved.png")) is None


def test_an_object_of_10_gb_is_refused_before_its_body_is_taken(account: Account):
    account.put("huge.png", png(3))
    endless = Endless(10 * 2**30)
    account.storage.fault = lambda _: endless
    assert told(ask(account, PHOTOS, "huge.png")) == "object_too_large"
    # The number of bytes that the sockets of both sides can hold.
    assert endless.sent < 32 * 2**20


@BOTH_WAYS
def test_an_object_that_is_missing_is_an_answer(account: Account, code):
    assert code(account, PHOTOS, "nothing.png") == "object_not_found"


def test_an_object_whose_bytes_stop_coming_is_never_classified_in_part(account: Account):
    """The connection breaks in the middle once. The client resumes, or the function asks for a retry."""
    whole = (FIXTURES / "chelsea.png").read_bytes()
    account.put("cut.png", whole)
    account.storage.fault = lambda request: cut_off(lambda: None) if request.before == 0 else None
    outcome = account.function.invoke(batch(PHOTOS, ["cut.png"]))
    if outcome.is_error:
        assert outcome.json()["errorType"] == "TryAgain"
        outcome = account.function.invoke(batch(PHOTOS, ["cut.png"]))
    (answer,) = outcome.json()
    account.put("whole.png", whole)
    assert answer["predictions"] == ask(account, PHOTOS, "whole.png")["predictions"]


def test_an_object_that_changes_while_it_is_read_is_never_one_half_of_each(account: Account):
    account.put("changing.png", (FIXTURES / "chelsea.png").read_bytes())
    replace = cut_off(lambda: account.put("changing.png", (FIXTURES / "coffee.png").read_bytes()))
    account.storage.fault = lambda request: replace if request.before == 0 else None
    outcome = account.function.invoke(batch(PHOTOS, ["changing.png"]))
    assert outcome.is_error and outcome.json()["errorType"] == "TryAgain", outcome
    again = ask(account, PHOTOS, "changing.png")
    assert again["predictions"][0]["label"] == "espresso"
