"""Each set of parameters of template.yaml creates exactly its resources, and they are valid."""

import json
import re

import pytest
from cfnlint.api import lint

from cloudformation import Deployed
from options import COMBINATIONS, GRADUAL, OF_DOMAIN, TEMPLATE, Kept, stable, translated
from templates import load

DOORS = ["HttpApi", "RestApi", "FunctionUrl"]
STAGES = {"HttpApi": "HttpApiApiGatewayDefaultStage", "RestApi": "RestApiProdStage"}


@pytest.fixture
def deploy(tmp_path):
    """Returns a function that evaluates the template with these parameters like CloudFormation."""
    return lambda **parameters: Deployed(translated(tmp_path, parameters), {})


def properties(deployed: Deployed, name: str) -> dict:
    return {stable(each): resource for each, resource in deployed.resources.items()}[name]["Properties"]


def findings(document: dict) -> list[str]:
    return [str(finding) for finding in lint(json.dumps(document), regions=["us-east-1"])]


@pytest.mark.parametrize("name", COMBINATIONS)
def test_each_combination_creates_its_resources_and_is_valid(tmp_path, name):
    parameters, expected = COMBINATIONS[name]
    template = translated(tmp_path, parameters)
    created = {stable(each): resource["Type"] for each, resource in Deployed(template, {}).resources.items()}
    assert created == expected
    assert findings(Kept(template).document()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda resources: resources["SlowAlarm"]["Properties"].update(Periods=60), "Periods"),
        (lambda resources: resources.pop("AccessLog"), "AccessLog"),
        (lambda resources: resources["Live"]["Properties"].update(Name="1"), "'1'"),
        (lambda resources: resources["WarmUp"]["Properties"].update(ScheduleExpression="rate(1 minutes)"), "minutes"),
    ],
)
def test_what_is_wrong_with_a_combination_is_found(tmp_path, change, told):
    """Checks that the test above can fail."""
    document = Kept(translated(tmp_path, COMBINATIONS["HttpApi: all"][0])).document()
    change(document["Resources"])
    assert any(told in finding for finding in findings(document)), findings(document)


@pytest.mark.parametrize("door", DOORS)
def test_by_default_the_function_is_called_itself_and_nothing_is_watched(deploy, door):
    deployed = deploy(FrontDoor=door)
    assert "<Live" not in json.dumps(deployed.resources)
    assert deployed.outputs["Function"] == "<ClassifierFunction>"
    function = properties(deployed, "ClassifierFunction")
    assert "Description" not in function
    assert function["TracingConfig"] == {"Mode": "PassThrough"}
    (policy,) = properties(deployed, "ClassifierRole")["Policies"]
    assert policy["PolicyName"] == "logs"
    if door == "HttpApi":
        assert "AccessLogSettings" not in properties(deployed, "HttpApiApiGatewayDefaultStage")
    if door == "RestApi":
        stage = properties(deployed, "RestApiProdStage")
        assert "AccessLogSetting" not in stage
        assert stage["TracingEnabled"] is False


def test_a_gradual_release_is_called_through_the_alias(deploy):
    for door in DOORS:
        deployed = deploy(**GRADUAL, FrontDoor=door, WarmUpSchedule="rate(5 minutes)")
        permissions = [each for each in deployed.resources.values() if each["Type"] == "AWS::Lambda::Permission"]
        assert {each["Properties"]["FunctionName"] for each in permissions} == {"<Live>"}
        if door == "FunctionUrl":
            assert properties(deployed, "FunctionUrl")["TargetFunctionArn"] == "<Live>"
        else:
            uris = set(re.findall(r'"uri": "[^"]*/functions/([^"]*)/invocations"', json.dumps(deployed.resources)))
            assert uris == {"<Live>"}
        assert properties(deployed, "WarmUp")["Targets"][0]["Arn"] == "<Live>"
        assert deployed.outputs["Function"] == "<Live>"


def test_a_new_release_publishes_a_version_and_an_alarm_takes_it_back(deploy):
    deployed = deploy(**GRADUAL)
    version, alias = deployed.resources["ReleasedVersion"], deployed.resources["Live"]
    # CloudFormation replaces a version if its description changes. Lambda publishes one only if the function changed.
    assert version["Properties"] == {"FunctionName": "<ClassifierFunction>", "Description": "v1.2.0"}
    assert properties(deployed, "ClassifierFunction")["Description"] == "v1.2.0"
    assert version["UpdateReplacePolicy"] == "Retain"
    assert alias["Properties"] == {
        "Name": "live",
        "FunctionName": "<ClassifierFunction>",
        "FunctionVersion": "<ReleasedVersion.Version>",
    }
    assert alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"] == {
        "ApplicationName": "<Releases>",
        "DeploymentGroupName": "<ReleaseGroup>",
    }
    group = properties(deployed, "ReleaseGroup")
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent10Minutes"
    alarms = [{"Name": "<FaultsAlarm>"}, {"Name": "<FunctionErrorsAlarm>"}]
    assert group["AlarmConfiguration"] == {"Enabled": True, "Alarms": alarms}
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def test_every_way_to_deploy_is_one_that_codedeploy_has():
    from samtranslator.model.preferences.deployment_preference_collection import (
        CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST,
    )

    ways = load(TEMPLATE)["Parameters"]["Deployment"]["AllowedValues"]
    assert sorted(ways) == sorted(["InPlace", *CODEDEPLOY_PREDEFINED_CONFIGURATIONS_LIST])


def test_provisioned_concurrency_is_that_of_the_alias(deploy):
    deployed = deploy(**GRADUAL, ProvisionedConcurrency="2")
    provisioned = properties(deployed, "Live")["ProvisionedConcurrencyConfig"]
    assert provisioned == {"ProvisionedConcurrentExecutions": "2"}


def test_the_function_may_write_its_log_and_its_traces_and_nothing_else(deploy):
    deployed = deploy(Tracing="true", FrontDoor="RestApi")
    assert properties(deployed, "ClassifierFunction")["TracingConfig"] == {"Mode": "Active"}
    assert properties(deployed, "RestApiProdStage")["TracingEnabled"] is True
    role = properties(deployed, "ClassifierRole")
    assert "ManagedPolicyArns" not in role
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    assert [(each["Action"], each["Resource"]) for each in statements] == [
        (["logs:CreateLogStream", "logs:PutLogEvents"], "<ClassifierLogs.Arn>"),
        (["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
    ]


@pytest.mark.parametrize(("door", "setting"), [("HttpApi", "AccessLogSettings"), ("RestApi", "AccessLogSetting")])
def test_an_access_log_has_a_line_of_json_without_the_query_string(deploy, door, setting):
    log = properties(deploy(AccessLogs="true", FrontDoor=door), STAGES[door])[setting]
    assert log["DestinationArn"] == "<AccessLog.Arn>"
    assert "\n" not in log["Format"]
    fields = json.loads(log["Format"])
    assert fields["requestId"] == "$context.requestId"
    assert all(re.fullmatch(r"\$context(\.\w+)+", value) for value in fields.values())
    assert not re.search("query|header|body", log["Format"], re.IGNORECASE)


@pytest.mark.parametrize("door", STAGES)
def test_a_domain_leads_to_the_gateway(deploy, door):
    deployed = deploy(**OF_DOMAIN, HostedZoneId="Z0123456789", FrontDoor=door)
    mapping = {"DomainName": "<Domain>", "ApiId": f"<{door}>", "Stage": f"<{STAGES[door]}>"}
    assert properties(deployed, "DomainMapping") == mapping
    record = properties(deployed, "DomainRecord")
    assert (record["Name"], record["HostedZoneId"]) == ("labels.example.com", "Z0123456789")
    assert record["AliasTarget"]["DNSName"] == deployed.outputs["DomainTarget"] == "<Domain.RegionalDomainName>"
    assert deployed.outputs["DomainUrl"] == "https://labels.example.com/"


def test_only_the_rule_may_ping_and_a_missed_ping_is_not_sent_again(deploy):
    deployed = deploy(WarmUpSchedule="rate(5 minutes)")
    rule = properties(deployed, "WarmUp")
    (target,) = rule["Targets"]
    assert target["Arn"] == "<ClassifierFunction.Arn>"
    # Without an input, EventBridge sends its own event, which the program treats as a ping.
    assert not {"Input", "InputPath", "InputTransformer"} & target.keys()
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 0
    assert properties(deployed, "WarmUpPermission")["SourceArn"] == "<WarmUp.Arn>"
