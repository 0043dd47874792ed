"""The soak must be able to fail: it must report each fault of `fake.py`, and none without a fault.

    python3 -m unittest discover --start-directory tests/soak
"""

import functools
import pathlib
import sys
import unittest
from unittest import mock

import checks
import inputs
import load
import phase
import pictures
import ways
from server import Server

FAKE = [sys.executable, pathlib.Path(__file__).with_name("fake.py"), "serve"]
GIVEN = [
    inputs.formed(f"{width} wide", [pictures.png(width, 10, width)], "raw", fresh=True, weight=10)
    for width in range(10, 20)
]
GIVEN += [
    inputs.formed("text", [b"text"], "raw", expects="refused"),
    inputs.formed("breaks off", [pictures.png(9, 9, 9)], "raw", way="broken off"),
]
HEAVY = inputs.formed("many", [pictures.png(50, 50, 50) + b"heavy"], "raw", fresh=True)


def soak(fault: str) -> dict:
    """Returns the results of a short soak of a server with this fault."""
    with Server(FAKE, {}) as server:
        server.wait_until_ready()
        references, failures = load.reference_pass(server, [*GIVEN, HEAVY])
    assert not failures, failures
    plan = phase.Plan(GIVEN, HEAVY, references, 4, 1.5, seed=1, warm_up=0.5, interval=0.05)
    return phase.run(fault, plan, functools.partial(Server, FAKE, {"FAULT": fault}))


@mock.patch("phase.SETTLED", 1.0)
class Faults(unittest.TestCase):
    def reports(self, fault: str, expected: str) -> dict:
        row = soak(fault)
        self.assertIn(expected, "\n".join(row["failures"]))
        return row

    def test_a_server_without_faults_passes(self):
        row = soak("")
        self.assertEqual(row["failures"], [])
        self.assertGreater(row["requests"]["200"], 20)
        self.assertGreater(row["requests"]["415"], 0)
        self.assertGreater(row["requests"]["broken off"], 0)
        self.assertEqual(row["answered_while_ending"], 4)

    def test_one_that_is_overloaded_now_and_then_passes(self):
        row = soak("overloaded")
        self.assertEqual(row["failures"], [])
        self.assertGreater(row["requests"]["503 overloaded"], 0)

    def test_answers_that_are_wrong_are_reported(self):
        for fault, expected in {
            "swap": "answer.image.width is",
            "score": "score is 0.501, not 0.5",
            "error": "500 internal, not 200",
            "shy": "503 overloaded, not 200",
            "id": "x-request-id is 'another'",
            "lose": "lost while waiting for the answer",
            "health": "GET /health: 500",
        }.items():
            with self.subTest(fault):
                row = self.reports(fault, expected)
                self.assertEqual(row["exit_status"], 0)

    def test_what_is_not_given_back_is_reported(self):
        self.reports("fds", "file descriptors without clients")
        self.reports("memory", "memory grew by")

    def test_a_panic_that_only_the_log_shows_is_reported(self):
        self.reports("panic", "in the log: thread 'worker' panicked")

    def test_a_process_that_ends_is_reported_with_its_status(self):
        self.assertEqual(self.reports("die", "the server ended with 3")["exit_status"], 3)

    def test_one_that_does_not_start_is_reported_with_its_words(self):
        self.reports("does not start", "no model")

    def test_an_end_that_loses_requests_or_is_none_is_reported(self):
        self.reports("dropped at the end", "told to end, it lost")
        self.reports("status", "told to end, it ended with 1")
        with mock.patch("server.END", 1.0):
            self.reports("deaf", "told to end, it did not")

    def test_one_that_hangs_is_killed_and_reported(self):
        with mock.patch("phase.GRACE", -1.0):
            self.reports("", "the server was killed")


class Checks(unittest.TestCase):
    def test_a_refusal_in_the_reference_pass_must_be_one(self):
        given = inputs.formed("text", [b"text"], "raw", expects="refused")
        header = {"x-request-id": "1"}
        refused = ways.Answer(415, header, b'{"request_id": "1"}')
        self.assertIsNone(checks.impossible(given, refused, "1"))
        for answer in (
            ways.Answer(500, header, b'{"request_id": "1"}'),
            ways.Answer(200, header, b'{"predictions": [{"label": "cup"}], "request_id": "1"}'),
            ways.Answer(415, header, b'{"request_id": "2"}'),
            ways.Answer(415, header, b"<html>"),
        ):
            self.assertIsNotNone(checks.impossible(given, answer, "1"))

    def test_differences_are_found_wherever_they_are(self):
        expected = {"results": [{"score": 0.5}, {"error": {"code": "a"}}]}
        self.assertIsNone(checks.difference(expected, {"results": [{"score": 0.50001}, {"error": {"code": "a"}}]}))
        for found, place in (
            ({"results": [{"score": 0.6}, {"error": {"code": "a"}}]}, "answer.results[0].score"),
            ({"results": [{"score": 0.5}, {"error": {"code": "b"}}]}, "answer.results[1].error.code"),
            ({"results": [{"score": 0.5}]}, "answer.results"),
            ({}, "answer"),
        ):
            self.assertTrue(checks.difference(expected, found).startswith(place + " is"))

    def test_the_pictures_that_are_made_all_have_sizes_of_their_own(self):
        sizes = {(width, height) for _, width, height, _ in pictures.made(48)}
        self.assertEqual(len(sizes), 48)


if __name__ == "__main__":
    unittest.main()
