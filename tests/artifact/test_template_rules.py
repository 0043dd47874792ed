"""template.yaml refuses sets of parameters that would do nothing or fail late, and says why."""

import pytest

from cloudformation import Deployed
from options import COMBINATIONS, GRADUAL, OF_DOMAIN, TEMPLATE, TOPIC
from templates import translate

GATEWAY = {"FrontDoor": "HttpApi"}
URL = {"FrontDoor": "FunctionUrl"}


class Asked(Deployed):
    """A template that is asked for a stack, of which nothing is there yet."""

    def __init__(self, template: dict, parameters: dict[str, str]) -> None:
        super().__init__(template | {"Resources": {}, "Outputs": {}}, parameters)

    def refusals(self, rules: dict) -> list[str]:
        """What CloudFormation says before it creates anything."""
        held = [rule for rule in rules.values() if self._holds(rule.get("RuleCondition"))]
        assertions = [assertion for rule in held for assertion in rule["Assertions"]]
        return [each["AssertDescription"] for each in assertions if not self._holds(each["Assert"])]


@pytest.fixture(scope="module")
def template() -> dict:
    return translate(TEMPLATE)


def refusals(template: dict, parameters: dict[str, str]) -> list[str]:
    return Asked(template, parameters).refusals(template["Rules"])


@pytest.mark.parametrize("name", COMBINATIONS)
def test_combinations_that_work_are_not_refused(template, name):
    assert refusals(template, COMBINATIONS[name][0]) == []


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
