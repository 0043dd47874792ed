"""The parameters of template.yaml that create resources, and these resources."""

import pathlib
import re

from cloudformation import Deployed
from conftest import ROOT
from templates import translate

TEMPLATE = ROOT / "template.yaml"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:people"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0b6c"

# Resources that always exist.
ALWAYS = {
    "ClassifierFunction": "AWS::Lambda::Function",
    "ClassifierLogs": "AWS::Logs::LogGroup",
    "ClassifierRole": "AWS::IAM::Role",
}
DOORS = {
    "HttpApi": {
        "HttpApi": "AWS::ApiGatewayV2::Api",
        "HttpApiApiGatewayDefaultStage": "AWS::ApiGatewayV2::Stage",
        "HttpApiPermission": "AWS::Lambda::Permission",
    },
    "RestApi": {
        "RestApi": "AWS::ApiGateway::RestApi",
        "RestApiDeployment": "AWS::ApiGateway::Deployment",
        "RestApiProdStage": "AWS::ApiGateway::Stage",
        "RestApiPermission": "AWS::Lambda::Permission",
    },
    "FunctionUrl": {
        "FunctionUrl": "AWS::Lambda::Url",
        "FunctionUrlPermission": "AWS::Lambda::Permission",
        "FunctionUrlInvokePermission": "AWS::Lambda::Permission",
    },
}
RELEASE = {
    "ReleasedVersion": "AWS::Lambda::Version",
    "Live": "AWS::Lambda::Alias",
    "Releases": "AWS::CodeDeploy::Application",
    "ReleaseGroup": "AWS::CodeDeploy::DeploymentGroup",
    "ReleaseRole": "AWS::IAM::Role",
}
RELEASE_ALARMS = {
    "FaultsAlarm": "AWS::CloudWatch::Alarm",
    "FunctionErrorsAlarm": "AWS::CloudWatch::Alarm",
}
ALARMS = RELEASE_ALARMS | {
    "ThrottlesAlarm": "AWS::CloudWatch::Alarm",
    "SlowAlarm": "AWS::CloudWatch::Alarm",
    "CallerErrorsAlarm": "AWS::CloudWatch::Alarm",
    "MemoryAlarm": "AWS::CloudWatch::Alarm",
    "MemoryUsed": "AWS::Logs::MetricFilter",
}
DASHBOARD = {"ClassifierDashboard": "AWS::CloudWatch::Dashboard"}
LOG = {"AccessLog": "AWS::Logs::LogGroup"}
DOMAIN = {"Domain": "AWS::ApiGatewayV2::DomainName", "DomainMapping": "AWS::ApiGatewayV2::ApiMapping"}
RECORD = {"DomainRecord": "AWS::Route53::RecordSet"}
STORAGE = {"ReadPolicy": "AWS::IAM::Policy", "ResultsPolicy": "AWS::IAM::Policy"}
UPLOADS = {"UploadBucket": "AWS::S3::Bucket", "UploadPolicy": "AWS::IAM::Policy"}
WARM_UP = {"WarmUp": "AWS::Events::Rule", "WarmUpPermission": "AWS::Lambda::Permission"}

GRADUAL = {"Deployment": "Canary10Percent10Minutes", "Release": "v1.2.0"}
OF_DOMAIN = {"DomainName": "labels.example.com", "CertificateArn": CERTIFICATE}

# What each set of parameters creates besides the front door. A gateway's parameters do not apply to a Function URL.
OPTIONS = {
    "nothing": ({}, {}),
    "a release that is named": ({"Release": "v1.2.0"}, {}),
    "gradual": (GRADUAL, RELEASE | RELEASE_ALARMS),
    "provisioned": (GRADUAL | {"ProvisionedConcurrency": "2"}, RELEASE | RELEASE_ALARMS),
    "alarms": ({"AlarmTopicArn": TOPIC}, ALARMS),
    "gradual with alarms": (GRADUAL | {"AlarmTopicArn": TOPIC}, RELEASE | ALARMS),
    "dashboard": ({"Dashboard": "true"}, DASHBOARD),
    "traced": ({"Tracing": "true"}, {}),
    "warmed": ({"WarmUpSchedule": "rate(5 minutes)"}, WARM_UP),
    "buckets and results": ({"S3Buckets": "photos,more-photos", "Results": "s3://labels/v1"}, STORAGE),
    "uploads": ({"Uploads": "true"}, UPLOADS),
    "gradual and warmed": (GRADUAL | {"WarmUpSchedule": "rate(5 minutes)"}, RELEASE | RELEASE_ALARMS | WARM_UP),
    "all of the function": (
        GRADUAL
        | {"ProvisionedConcurrency": "1", "AlarmTopicArn": TOPIC, "Dashboard": "true", "Tracing": "true"}
        | {"WarmUpSchedule": "cron(0/5 6-18 ? * MON-FRI *)"}
        | {"S3Buckets": "photos", "Results": "s3://labels/v1", "Uploads": "true"},
        RELEASE | ALARMS | DASHBOARD | WARM_UP | STORAGE | UPLOADS,
    ),
}
GATEWAY_OPTIONS = {
    "logged": ({"AccessLogs": "true"}, LOG),
    "domain": (OF_DOMAIN, DOMAIN),
    "domain with its record": (OF_DOMAIN | {"HostedZoneId": "Z0123456789"}, DOMAIN | RECORD),
    "all": (
        OPTIONS["all of the function"][0] | OF_DOMAIN | {"HostedZoneId": "Z0123456789", "AccessLogs": "true"},
        OPTIONS["all of the function"][1] | LOG | DOMAIN | RECORD,
    ),
    "signed, and all": (
        OPTIONS["all of the function"][0] | OF_DOMAIN | {"AccessLogs": "true", "Auth": "AWS_IAM"},
        OPTIONS["all of the function"][1] | LOG | DOMAIN,
    ),
}
COMBINATIONS = {
    f"{door}: {name}": (parameters | {"FrontDoor": door}, ALWAYS | DOORS[door] | created)
    for door in DOORS
    for name, (parameters, created) in (OPTIONS | (GATEWAY_OPTIONS if door != "FunctionUrl" else {})).items()
}


def with_defaults(parameters: dict[str, str]) -> str:
    """Returns the template with other defaults. SAM sees the values of some parameters, CloudFormation of all."""
    text = TEMPLATE.read_text()
    for name, value in parameters.items():
        default = rf"(\n  {name}:\n(?:    (?!Default:).*\n)*?    Default: ).*"
        text, changed = re.subn(default, lambda match: f"{match[1]}'{value}'", text)
        assert changed == 1, name
    return text


def translated(folder: pathlib.Path, parameters: dict[str, str]) -> dict:
    """Returns SAM's translation of the template with these parameters."""
    template = folder / "template.yaml"
    template.write_text(with_defaults(parameters))
    return translate(template)


def stable(name: str) -> str:
    """Returns a resource name without the hash that SAM adds to a deployment of a REST API."""
    return re.sub(r"(?<=Deployment)[0-9a-f]{10}$", "", name)


class Kept(Deployed):
    """A translated template without conditions and parameters, but with references to resources, for the linter."""

    def __init__(self, template: dict) -> None:
        self._resource_names = set(template["Resources"])
        self._resolved = Deployed(template, {})
        super().__init__(template, {})

    def document(self) -> dict:
        parts = {name: {k: v for k, v in each.items() if k != "Condition"} for name, each in self.resources.items()}
        outputs = {name: {"Value": value} for name, value in self.outputs.items()}
        return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": parts, "Outputs": outputs}

    def resolve(self, value: object) -> object:
        match value:
            case {"Ref": str(name)} if len(value) == 1 and self._stays(name):
                return value
            case {"Fn::GetAtt": _} if len(value) == 1:
                return value
            case {"Fn::Join": given} | {"Fn::Split": given} | {"Fn::Select": given} if len(value) == 1:
                (function,) = value
                return {function: self.resolve(given)}
            case {"Fn::Sub": [str(text), variables]} if len(value) == 1:
                return {"Fn::Sub": [text, self.resolve(variables)]}
            case {"Fn::Sub": str(text)} if len(value) == 1:
                filled_in = re.sub(r"\$\{(\w+)\}", self._filled_in, text)
                return {"Fn::Sub": filled_in} if "${" in filled_in else filled_in
        return super().resolve(value)

    def _holds(self, condition: object) -> bool:
        # Conditions do not reference resources.
        return self._resolved._holds(condition)

    def _stays(self, name: str) -> bool:
        return name in self._resource_names or (name.startswith("AWS::") and name != "AWS::NoValue")

    def _filled_in(self, match: re.Match) -> str:
        return match[0] if self._stays(match[1]) else str(self.resolve({"Ref": match[1]}))
