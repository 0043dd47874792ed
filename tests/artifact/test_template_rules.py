"""template.yaml refuses sets of parameters that would have no effect or fail late, and gives the reason."""

import re

import pytest

from cloudformation import Deployed
from options import COMBINATIONS, GRADUAL, OF_DOMAIN, TEMPLATE, TOPIC
from templates import translate

GATEWAY = {"FrontDoor": "HttpApi"}
URL = {"FrontDoor": "FunctionUrl"}


class Asked(Deployed):
    """A template for a stack that does not exist yet."""

    def __init__(self, template: dict, parameters: dict[str, str]) -> None:
        super().__init__(template | {"Resources": {}, "Outputs": {}}, parameters)

    def refusals(self, rules: dict) -> list[str]:
        """Returns CloudFormation's errors before it creates anything."""
        held = [rule for rule in rules.values() if self._holds(rule.get("RuleCondition"))]
        assertions = [assertion for rule in held for assertion in rule["Assertions"]]
        return [each["AssertDescription"] for each in assertions if not self._holds(each["Assert"])]


@pytest.fixture(scope="module")
def template() -> dict:
    return translate(TEMPLATE)


def refusals(template: dict, parameters: dict[str, str]) -> list[str]:
    return Asked(template, parameters).refusals(template["Rules"])


def fits(parameter: dict, value: str) -> bool:
    """Whether a parameter accepts a value. CloudFormation's patterns must match the whole value."""
    if parameter["Type"] == "Number":
        return parameter.get("MinValue", 0) <= float(value) <= parameter.get("MaxValue", float("inf"))
    pattern, choice = parameter.get("AllowedPattern", ".*"), parameter.get("AllowedValues", [value])
    return bool(re.fullmatch(pattern, value)) and len(value) <= parameter.get("MaxLength", 4096) and value in choice


@pytest.mark.parametrize("name", COMBINATIONS)
def test_combinations_that_work_are_not_refused(template, name):
    parameters = COMBINATIONS[name][0]
    assert refusals(template, parameters) == []
    assert all(fits(template["Parameters"][parameter], value) for parameter, value in parameters.items())


def test_the_defaults_fit_and_are_not_refused(template):
    assert refusals(template, {}) == []
    for name, parameter in template["Parameters"].items():
        assert fits(parameter, str(parameter["Default"])), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AlarmTopicArn", "arn:aws:sqs:eu-central-1:123456789012:people"),
        ("CertificateArn", "0b6c"),
        ("Deployment", "LambdaCanary10Percent5Minutes"),
        ("DomainName", "https://labels.example.com"),
        ("DomainName", "Labels.example.com"),
        ("DomainName", "labels"),
        ("HostedZoneId", "example.com"),
        ("ProvisionedConcurrency", "-1"),
        ("Release", "a release"),
        ("Release", "v" * 101),
        # What remains if a shell or SAM splits the text at its blank.
        ("WarmUpSchedule", "rate(5"),
        ("WarmUpSchedule", "5 minutes"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(template, name, value):
    assert not fits(template["Parameters"][name], value)


@pytest.mark.parametrize("name", ["labels.example.com", "a.xn--p1ai", "x-1.example.co.uk"])
def test_names_of_domains_are_taken(template, name):
    assert fits(template["Parameters"]["DomainName"], name)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"Deployment": "AllAtOnce"}, "give it a name"),
        (GRADUAL | {"Metrics": "false"}, "set Metrics to true"),
        ({"ProvisionedConcurrency": "1"}, "choose a Deployment"),
        ({"AlarmTopicArn": TOPIC, "Metrics": "false"}, "set Metrics to true"),
        (URL | {"AccessLogs": "true"}, "no access log"),
        (URL | OF_DOMAIN, "put CloudFront before it"),
        (GATEWAY | {"DomainName": "labels.example.com"}, "give CertificateArn"),
        (GATEWAY | {"CertificateArn": OF_DOMAIN["CertificateArn"]}, "give DomainName"),
        (GATEWAY | {"HostedZoneId": "Z0123456789"}, "give DomainName"),
        ({"Auth": "AWS_IAM", "ApiToken": "secret"}, "no room for a token"),
        ({"Auth": "AWS_IAM", "CorsAllowOrigins": "*"}, "CORS preflight"),
    ],
)
def test_what_would_do_nothing_or_fail_late_is_refused(template, parameters, told):
    (refusal,) = refusals(template, parameters)
    assert told in refusal
