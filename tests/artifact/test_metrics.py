"""The lines from which CloudWatch makes metrics."""

import json
import subprocess
import sys

import jsonschema
import pytest

from conftest import ROOT
from emf import check

RUNTIME_API = ROOT / "tests/artifact/runtime_api.py"


def lines(command, event, label: str, invocations: int = 1) -> list[dict]:
    """Returns the metric lines that the packaged function writes for an event with the answer `label`."""
    api = [sys.executable, RUNTIME_API, "--event", event, "--label", label, "--invocations", str(invocations), "--"]
    done = subprocess.run([*api, *command], cwd=ROOT, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in json.loads(done.stdout)["metrics"]]


@pytest.fixture
def function(package, runner) -> list:
    return [*runner, package / "bootstrap"]


def test_a_photo_gives_lines_of_the_format(function):
    first, second = lines(function, ROOT / "events/http-api.json", "espresso", invocations=2)
    for line in (first, second):
        check(line)
        assert line["FunctionName"] == "classifier"
        assert (line["Requests"], line["Images"]) == (1, 1)
    assert (first["ColdStarts"], second["CacheHits"]) == (1, 1)
    assert 0 < first["InferenceTime"] < first["TotalTime"]


def test_an_error_gives_one_with_its_code(function, tmp_path):
    event = json.loads((ROOT / "events/http-api.json").read_text()) | {"body": "", "isBase64Encoded": False}
    (tmp_path / "event.json").write_text(json.dumps(event))
    (line,) = lines(function, tmp_path / "event.json", "empty_body")
    check(line)
    assert (line["Code"], line["Errors"]) == ("empty_body", 1)
    assert {"Dimensions": [["FunctionName", "Code"]]}.items() <= line["_aws"]["CloudWatchMetrics"][1].items()


def test_what_is_not_of_the_format_is_found():
    directive = {"Namespace": "N", "Dimensions": [["D"]], "Metrics": [{"Name": "M", "Unit": "Count"}]}
    line = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "D": "d", "M": 1}
    check(line)
    for wrong in (
        {"Namespace": ""},
        {"Dimensions": []},
        {"Dimensions": [["Missing"]]},
        {"Metrics": [{"Name": "Missing"}]},
        {"Metrics": [{"Name": "M", "Unit": "Meters"}]},
        {"Other": 1},
    ):
        with pytest.raises((jsonschema.ValidationError, KeyError)):
            check(line | {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive | wrong]}})
    for wrong in ({"M": "1"}, {"D": "é"}, {"D": " "}):
        with pytest.raises(AssertionError):
            check(line | wrong)
