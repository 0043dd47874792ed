"""The alarms and the dashboard in template.yaml use existing metrics, and match docs/operations.md."""

import json
import re

import pytest

from cloudformation import Deployed
from conftest import ROOT
from options import ALARMS, GRADUAL, TEMPLATE, TOPIC, translated
from templates import translate

# Namespace, metric, statistic, seconds, (datapoints, periods), threshold. None: an expression.
EXPECTED = {
    "FaultsAlarm": ("ImageClassifier", "Faults", "Sum", 300, (1, 1), ">= 1"),
    "FunctionErrorsAlarm": ("AWS/Lambda", "Errors", "Sum", 300, (1, 1), ">= 1"),
    "ThrottlesAlarm": ("AWS/Lambda", "Throttles", "Sum", 300, (1, 1), ">= 1"),
    "SlowAlarm": ("ImageClassifier", "TotalTime", "p99", 60, (3, 5), "> 2000"),
    "CallerErrorsAlarm": (None, None, None, None, (1, 1), "> 20"),
    "MemoryAlarm": (None, None, None, None, (1, 1), "> 80"),
}
SIGNS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="}
# Lambda's own metrics, as documented.
OF_LAMBDA = {"Errors", "Throttles", "ConcurrentExecutions"}


@pytest.fixture(scope="module")
def template() -> dict:
    return translate(TEMPLATE)


def alarms(deployed: Deployed) -> dict[str, dict]:
    resources = deployed.resources.items()
    return {name: each["Properties"] for name, each in resources if each["Type"] == "AWS::CloudWatch::Alarm"}


def written() -> set[str]:
    """Returns the metrics that the program writes for CloudWatch, from its source."""
    source = (ROOT / "src/telemetry/embedded.rs").read_text()
    return set(re.findall(r'=> \("(\w+)", "(?:Count|Milliseconds)"\)', source))


def test_the_alarms_are_those_of_the_documentation(template):
    found = {}
    for name, alarm in alarms(Deployed(template, {"AlarmTopicArn": TOPIC})).items():
        periods = (alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]), alarm["EvaluationPeriods"])
        threshold = f"{SIGNS[alarm['ComparisonOperator']]} {alarm['Threshold']}"
        statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
        found[name] = (*map(alarm.get, ["Namespace", "MetricName"]), statistic, alarm.get("Period"), periods, threshold)
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["AlarmActions"] == [TOPIC], name
    assert found == EXPECTED
    told = (ROOT / "docs/operations.md").read_text()
    rows = set(re.findall(r"^\| [^|]+ \| `(\w+Alarm)` \|", told, re.MULTILINE))
    assert rows == set(EXPECTED), "docs/operations.md has other alarms"


def test_a_release_has_its_two_alarms_without_a_topic(template):
    there = alarms(Deployed(template, GRADUAL))
    assert set(there) == {"FaultsAlarm", "FunctionErrorsAlarm"}
    assert all("AlarmActions" not in alarm for alarm in there.values())


def metrics_of_alarms(template: dict) -> list[tuple[str, str, list]]:
    found = []
    for alarm in alarms(Deployed(template, {"AlarmTopicArn": TOPIC})).values():
        parts = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        for metric in parts or [alarm]:
            found.append((metric["Namespace"], metric["MetricName"], metric.get("Dimensions")))
    return found


def test_the_alarms_read_metrics_that_are_written(template):
    own = [{"Name": "FunctionName", "Value": "<ClassifierFunction>"}]
    found = metrics_of_alarms(template)
    # Each costs money: docs/deploy.md counts them.
    assert len(found) == 7
    for namespace, name, dimensions in found:
        match namespace:
            case "ImageClassifier":
                assert name in written()
                assert dimensions == own
            case "AWS/Lambda":
                assert name in OF_LAMBDA
                assert dimensions == own
            case "ImageClassifier/stack":
                # The metric of the log filter, which has no dimensions.
                resources = Deployed(template, {"AlarmTopicArn": TOPIC}).resources
                (made,) = resources["MemoryUsed"]["Properties"]["MetricTransformations"]
                assert (made["MetricNamespace"], made["MetricName"], dimensions) == (namespace, name, None)
            case _:
                raise AssertionError(namespace)


def test_expressions_use_their_own_metrics_and_the_memory_of_the_function(tmp_path):
    template = translated(tmp_path, {"AlarmTopicArn": TOPIC, "MemorySize": "3008"})
    expressions = {}
    for name, alarm in alarms(Deployed(template, {})).items():
        for metric in alarm.get("Metrics", []):
            if "Expression" in metric:
                ids = {each["Id"] for each in alarm["Metrics"] if "MetricStat" in each}
                assert set(re.findall(r"\b[a-z]\w*", metric["Expression"])) == ids
                expressions[name] = metric["Expression"]
    assert expressions["MemoryAlarm"] == "100 * used / 3008"
    assert set(expressions) == {"MemoryAlarm", "CallerErrorsAlarm"}


def test_the_dashboard_is_json_and_shows_metrics_that_are_written(template):
    deployed = Deployed(template, {"Dashboard": "true"})
    dashboard = deployed.resources["ClassifierDashboard"]["Properties"]
    # Dashboard names are shared by all regions.
    assert dashboard["DashboardName"] == "stack-eu-central-1"
    shown, places = set(), set()
    for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
        places.add((widget["x"], widget["y"]))
        assert widget["properties"]["region"] == "eu-central-1"
        row = []
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                assert 'FunctionName="<ClassifierFunction>"' in metric[0]["expression"]
                continue
            # "." repeats the entry above it, and "..." all of them.
            names = row if metric[0] == "..." else [
                row[place] if name == "." else name for place, name in enumerate(metric) if isinstance(name, str)
            ]
            row = names
            assert names[2:] == ["FunctionName", "<ClassifierFunction>"]
            shown.add((names[0], names[1]))
    assert len(places) == 6, "widgets lie on each other"
    assert {name for namespace, name in shown if namespace == "ImageClassifier"} == written()
    assert {name for namespace, name in shown if namespace == "AWS/Lambda"} == OF_LAMBDA


def test_every_alarm_is_in_the_table_of_resources():
    assert set(EXPECTED) | {"MemoryUsed"} == set(ALARMS)
