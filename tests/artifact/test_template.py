"""template.yaml matches the program, and `sam build` makes the package from it."""

import hashlib
import pathlib
import re

import pytest

from conftest import ROOT
from templates import NOT_OURS, load, sam, told_variables, translate


@pytest.fixture(scope="module")
def template() -> dict:
    return load(ROOT / "template.yaml")


def function(template: dict) -> dict:
    return template["Resources"]["ClassifierFunction"]["Properties"]


def test_every_variable_is_one_that_the_program_reads(template, package):
    told = told_variables(package / "bootstrap")
    known = set(re.findall(r"\[env: (\w+)", told))
    variables = set(function(template)["Environment"]["Variables"])
    assert variables - NOT_OURS <= known
    # The address is only for the local server, and the paths are fixed by the package.
    local = {"HOST", "PORT", "MAX_CONNECTIONS", "MAX_QUEUE", "REQUEST_TIMEOUT_MS", "RUST_LOG"}
    local |= {"MODEL_DIR", "MODEL_FILE", "ORT_DYLIB_PATH"}
    # Under Lambda this depends only on memory: requests come one at a time.
    local |= {"MAX_CONCURRENCY"}
    assert known - local == variables - NOT_OURS, "a variable has no parameter"


def test_every_parameter_is_used_and_shown_in_a_group(template):
    text = (ROOT / "template.yaml").read_text().split("\nConditions:", 1)[1]
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = {name for group in groups for name in group["Parameters"]}
    assert shown == set(template["Parameters"])
    for name in template["Parameters"]:
        assert re.search(rf"\b{name}\b", text), f"{name} is used nowhere"


def test_the_defaults_are_those_of_the_program(template, package):
    told = told_variables(package / "bootstrap")
    variables = function(template)["Environment"]["Variables"]
    defaults = {name: default for default, name in re.findall(r"\[default: (\d+)\]\s*\[env: (\w+)", told)}
    both = defaults.keys() & variables.keys()
    assert both == {"CACHE_ENTRIES", "TOP_K", "MIN_SCORE", "MAX_BODY_BYTES", "MAX_PIXELS", "MAX_IMAGES", "MAX_OBJECT_BYTES"}
    for name in both:
        assert str(template["Parameters"][variables[name]["!Ref"]]["Default"]) == defaults[name], name


def test_the_token_is_never_shown_and_may_be_left_out(template):
    token = template["Parameters"]["ApiToken"]
    assert token["NoEcho"] is True
    # SAM accepts no empty answer for hidden parameters.
    assert token["Default"] == "none"


def test_the_role_may_write_its_own_log_and_nothing_else(template):
    role = template["Resources"]["ClassifierRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    policy, traces = role["Policies"]
    assert (traces["!If"][0], traces["!If"][2]) == ("IsTraced", {"!Ref": "AWS::NoValue"})
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == {"!GetAtt": "ClassifierLogs.Arn"}


def test_rights_in_s3_are_for_the_buckets_of_the_parameters_and_come_with_these(template):
    resources = template["Resources"]
    conditions = {"ReadPolicy": "ReadsBuckets", "ResultsPolicy": "HasResults", "UploadPolicy": "HasUploads"}
    assert {name for name, each in resources.items() if each["Type"] == "AWS::IAM::Policy"} == conditions.keys()
    actions = {}
    for name, condition in conditions.items():
        assert resources[name]["Condition"] == condition
        for statement in resources[name]["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Resource"] != "*"
            listed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            actions.setdefault(name, set()).update(listed)
    assert actions == {
        "ReadPolicy": {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"},
        "ResultsPolicy": {"s3:PutObject"},
        "UploadPolicy": {"s3:GetObject", "s3:PutObject", "s3:ListBucket"},
    }
    for name, default in {"S3Buckets": "", "Results": "", "Uploads": "false"}.items():
        assert template["Parameters"][name]["Default"] == default
    (uploads, _) = resources["UploadBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert (uploads["Prefix"], uploads["ExpirationInDays"]) == ("uploads/", 1)


def test_what_sam_makes_of_the_rest_api_has_one_stage():
    resources = translate(ROOT / "template.yaml")["Resources"]
    stages = [
        (name, resource["Properties"]["StageName"])
        for name, resource in resources.items()
        if resource["Type"] in {"AWS::ApiGateway::Stage", "AWS::ApiGateway::Deployment"}
        and "StageName" in resource["Properties"]
    ]
    assert stages == [("RestApiProdStage", "Prod")]


def test_a_rest_api_is_deployed_anew_where_only_a_parameter_changes(monkeypatch):
    """SAM deploys a REST API if its text has changed, and `Auth: AWS_IAM` is not in the text."""

    def deployment(seconds: int) -> str:
        monkeypatch.setattr("samtranslator.model.apigateway.time.time", lambda: seconds)
        stage = translate(ROOT / "template.yaml")["Resources"]["RestApiProdStage"]
        return stage["Properties"]["DeploymentId"]["Ref"]

    assert deployment(1) != deployment(2)


def test_every_parameter_is_documented(template):
    told = (ROOT / "docs/deploy.md").read_text().split("\n## Parameters\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)
    assert sorted(rows) == sorted(template["Parameters"])


def test_sam_finds_nothing_wrong_with_the_template():
    assert "is a valid SAM Template" in sam("validate", "--lint")


def test_sam_finds_what_is_wrong_with_a_template(tmp_path):
    """Checks that the test above can fail."""
    broken = tmp_path / "template.yaml"
    broken.write_text((ROOT / "template.yaml").read_text().replace("Timeout: !Ref Timeout", "Timout: !Ref Timeout"))
    with pytest.raises(AssertionError, match="Timout"):
        sam("validate", "--lint", "--template", str(broken))


def contents(folder: pathlib.Path) -> dict[str, tuple[str, str]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): (
            oct(path.stat().st_mode & 0o777),
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in files
    }


def test_sam_build_makes_the_package_that_is_tested(package, arch):
    sam("build", "--parameter-overrides", f"Architecture={arch}")
    built = ROOT / ".aws-sam/build/ClassifierFunction"
    assert contents(built) == contents(package)
