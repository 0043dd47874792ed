"""deploy/bulk.yaml matches the program, and grants each part only the permissions it needs, for all parameters."""

import itertools
import json
import pathlib
import re

import pytest

from cloudformation import Deployed
from conftest import ROOT
from templates import NOT_OURS, load, sam, told_variables, translate
from test_template import contents

TEMPLATE = ROOT / "deploy/bulk.yaml"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0b6c"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:people"

def name_of(parameters: dict[str, str]) -> str:
    return "-".join(value.split(":")[-1] for value in parameters.values() if value)


COMBINATIONS = [
    {"Parts": parts, "KmsKeyArn": key, "AlarmTopicArn": topic}
    for parts, key, topic in itertools.product(["Both", "Run", "Queue"], ["", KEY], ["", TOPIC])
]


@pytest.fixture(scope="module")
def template() -> dict:
    return load(TEMPLATE)


@pytest.fixture(scope="module")
def translated() -> dict:
    return translate(TEMPLATE)


def deployed(translated: dict, **parameters: str) -> Deployed:
    return Deployed(translated, {"PhotosBucket": "photos", "ResultsBucket": "answers"} | parameters)


def run(translated: dict) -> dict:
    """Returns the definition of the state machine."""
    properties = deployed(translated).resources["Run"]["Properties"]
    known = properties["DefinitionSubstitutions"]
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda match: str(known[match[1]]), properties["DefinitionString"]))


def test_every_variable_is_one_that_the_program_reads(template, package):
    known = set(re.findall(r"\[env: (\w+)", told_variables(package / "bootstrap")))
    variables = set(template["Resources"]["ClassifierFunction"]["Properties"]["Environment"]["Variables"])
    assert variables - NOT_OURS <= known
    # This function gets no HTTP requests.
    of_requests = {"API_TOKEN", "CORS_ALLOW_ORIGINS", "MAX_BODY_BYTES", "MAX_IMAGES", "UPLOAD_BUCKET", "WEB_UI"}
    of_the_server = {"HOST", "PORT", "MAX_CONNECTIONS", "MAX_QUEUE", "REQUEST_TIMEOUT_MS", "RUST_LOG"}
    # One more than the processors is right: one object is read while another is classified.
    of_the_server |= {"MAX_CONCURRENCY"}
    of_the_package = {"MODEL_DIR", "MODEL_FILE", "ORT_DYLIB_PATH"}
    assert known - of_requests - of_the_server - of_the_package == variables - NOT_OURS, "a variable is left out"


def test_every_parameter_is_used_and_shown_in_a_group(template):
    text = TEMPLATE.read_text().split("\nConditions:", 1)[1]
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(template["Parameters"])
    for name in template["Parameters"]:
        assert re.search(rf"\b{name}\b", text), f"{name} is used nowhere"


def test_the_defaults_are_those_of_the_program(template, package):
    variables = template["Resources"]["ClassifierFunction"]["Properties"]["Environment"]["Variables"]
    told = told_variables(package / "bootstrap")
    defaults = {name: default for default, name in re.findall(r"\[default: (\d+)\]\s*\[env: (\w+)", told)}
    for name in ("MAX_OBJECT_BYTES", "MAX_PIXELS", "MIN_SCORE", "TOP_K"):
        assert str(template["Parameters"][variables[name]["!Ref"]]["Default"]) == defaults[name], name


def test_sam_finds_nothing_wrong_with_the_template():
    assert "is a valid SAM Template" in sam("validate", "--lint", "--template", str(TEMPLATE))


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("VisibilityTimeout: 360", "VisibilityTimeOut: 360", "VisibilityTimeOut"),
        ("deadLetterTargetArn: !GetAtt DeadPhotos.Arn", "deadLetterTargetArn: !GetAtt DeadPhoto.Arn", "'DeadPhoto'"),
    ],
)
def test_sam_finds_what_is_wrong_with_a_template(tmp_path, right, wrong, told):
    """Checks that the test above can fail."""
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text().replace(right, wrong))
    with pytest.raises(AssertionError, match=told):
        sam("validate", "--lint", "--template", str(broken))


def lint_run(folder: pathlib.Path, definition: dict) -> str:
    """Lints the state machine, which the translated template contains as text."""
    role = "arn:aws:iam::123456789012:role/run"
    properties = {"RoleArn": role, "Definition": definition}
    resources = {"Run": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}
    template = folder / "run.json"
    template.write_text(json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}))
    return sam("validate", "--lint", "--template", str(template))


def test_the_state_machine_is_valid(translated, tmp_path):
    assert "is a valid SAM Template" in lint_run(tmp_path, run(translated))


def test_what_is_wrong_with_the_state_machine_is_found(translated, tmp_path):
    """Checks that the test above can fail."""
    definition = run(translated)
    definition["States"]["Prefix"]["ItemProcessor"]["States"]["Classify"].pop("Resource")
    with pytest.raises(AssertionError, match="Resource"):
        lint_run(tmp_path, definition)


@pytest.mark.parametrize("parameters", COMBINATIONS, ids=name_of)
def test_each_combination_of_parameters_has_its_parts_and_no_others(translated, parameters):
    resources = deployed(translated, **parameters).resources
    common = {"ClassifierFunction", "ClassifierLogs", "ClassifierRole"}
    of_run = {"Run", "RunRole", "RunStartsItself", "RunFailed"}
    of_queue = {"Photos", "DeadPhotos", "PhotosPolicy", "PhotosToFunction", "PhotosWait", "PhotosFailed"}
    parts = {"Both": of_run | of_queue, "Run": of_run, "Queue": of_queue}[parameters["Parts"]]
    assert set(resources) == common | parts
    alarms = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(alarms) == {"Both": 3, "Run": 1, "Queue": 2}[parameters["Parts"]]
    for alarm in alarms:
        assert alarm.get("AlarmActions") == ([TOPIC] if parameters["AlarmTopicArn"] else None)


def allowed(role: dict, *policies: dict) -> set[tuple[str, str]]:
    """Returns the actions that a role may perform, each with its resource."""
    documents = [each["PolicyDocument"] for each in role["Properties"]["Policies"]]
    documents += [each["Properties"]["PolicyDocument"] for each in policies]
    assert "ManagedPolicyArns" not in role["Properties"]
    pairs = set()
    for statement in (each for document in documents for each in document["Statement"]):
        assert statement["Effect"] == "Allow"
        actions, resources = statement["Action"], statement["Resource"]
        actions = [actions] if isinstance(actions, str) else actions
        resources = [resources] if isinstance(resources, str) else resources
        pairs |= set(itertools.product(actions, resources))
        if any(action.startswith("kms:") for action in actions):
            assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
    return pairs


ENCRYPTED = {("kms:Decrypt", KEY), ("kms:GenerateDataKey", KEY)}


@pytest.mark.parametrize("parameters", COMBINATIONS, ids=name_of)
def test_the_function_may_read_the_photos_and_write_the_answers_and_nothing_else(translated, parameters):
    wanted = {
        ("logs:CreateLogStream", "<ClassifierLogs.Arn>"),
        ("logs:PutLogEvents", "<ClassifierLogs.Arn>"),
        ("s3:GetObject", "arn:aws:s3:::photos/*"),
        ("s3:GetObjectVersion", "arn:aws:s3:::photos/*"),
        ("s3:ListBucket", "arn:aws:s3:::photos"),
        ("s3:PutObject", "arn:aws:s3:::answers/labels/*"),
    }
    if parameters["Parts"] != "Run":
        wanted |= {
            ("sqs:ReceiveMessage", "<Photos.Arn>"),
            ("sqs:DeleteMessage", "<Photos.Arn>"),
            ("sqs:GetQueueAttributes", "<Photos.Arn>"),
        }
    wanted |= ENCRYPTED if parameters["KmsKeyArn"] else set()
    assert allowed(deployed(translated, **parameters).resources["ClassifierRole"]) == wanted


@pytest.mark.parametrize("key", ["", KEY])
@pytest.mark.parametrize("parts", ["Both", "Run"])
def test_the_run_may_invoke_its_function_and_write_its_results_and_nothing_else(translated, parts, key):
    resources = deployed(translated, Parts=parts, KmsKeyArn=key).resources
    executions = "arn:aws:states:eu-central-1:123456789012:execution:<Run.Name>/*"
    wanted = {
        ("lambda:InvokeFunction", "<ClassifierFunction.Arn>"),
        ("s3:ListBucket", "arn:aws:s3:::photos"),
        ("s3:GetObject", "arn:aws:s3:::answers/labels/*"),
        ("s3:PutObject", "arn:aws:s3:::answers/labels/_runs/*"),
        ("s3:ListMultipartUploadParts", "arn:aws:s3:::answers/labels/_runs/*"),
        ("s3:AbortMultipartUpload", "arn:aws:s3:::answers/labels/_runs/*"),
        ("states:StartExecution", "<Run>"),
        ("states:DescribeExecution", executions),
        ("states:StopExecution", executions),
    }
    assert allowed(resources["RunRole"], resources["RunStartsItself"]) == wanted | (ENCRYPTED if key else set())


def test_only_the_bucket_may_send_to_the_queue(translated):
    resources = deployed(translated).resources
    (statement,) = resources["PhotosPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "<Photos.Arn>",
        "Condition": {
            "ArnEquals": {"aws:SourceArn": "arn:aws:s3:::photos"},
            "StringEquals": {"aws:SourceAccount": "123456789012"},
        },
    }


def test_a_message_that_fails_comes_back_alone_and_ends_in_the_dead_letter_queue(translated):
    resources = deployed(translated).resources
    queue, mapping = resources["Photos"]["Properties"], resources["PhotosToFunction"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"] == "<Photos.Arn>"
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": "<DeadPhotos.Arn>", "maxReceiveCount": 5}
    # Six times the function's timeout, as Lambda's documentation requires.
    assert queue["VisibilityTimeout"] >= 6 * resources["ClassifierFunction"]["Properties"]["Timeout"]
    # A message keeps its age when it moves, so a dead one must not expire sooner than a waiting one.
    dead = resources["DeadPhotos"]["Properties"]
    assert dead["MessageRetentionPeriod"] >= queue["MessageRetentionPeriod"]


def longest_wait(retrier: dict) -> float:
    waits = [retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n for n in range(retrier["MaxAttempts"])]
    return sum(min(wait, retrier.get("MaxDelaySeconds", wait)) for wait in waits)


def test_all_retries_of_a_batch_fit_into_the_five_minutes_of_an_express_workflow(translated):
    timeout = deployed(translated).resources["ClassifierFunction"]["Properties"]["Timeout"]
    for state in (run(translated)["States"][name] for name in ("Prefix", "Manifest")):
        processor = state["ItemProcessor"]
        assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
        throttled, failed = processor["States"]["Classify"]["Retry"]
        # A throttled batch does not run, and takes no time.
        assert timeout * (1 + failed["MaxAttempts"]) + longest_wait(throttled) + longest_wait(failed) < 300


def test_both_ways_into_a_run_do_the_same_with_their_batches(translated):
    prefix, manifest = (run(translated)["States"][name] for name in ("Prefix", "Manifest"))
    for field in set(prefix) - {"ItemReader", "Label"}:
        assert prefix[field] == manifest[field], field
    assert prefix["ItemBatcher"]["BatchInput"] == {"bucket": "photos"}
    assert prefix["ResultWriter"]["Parameters"] == {"Bucket": "answers", "Prefix": "labels/_runs"}


def test_settings_reach_the_run_as_numbers(translated):
    settings = run(translated)["States"]["Settings"]["Parameters"]
    texts = {name: re.fullmatch(r"States\.StringToJson\('(.*)'\)", call)[1] for name, call in settings.items()}
    numbers = {name: json.loads(text) for name, text in texts.items()}
    assert numbers == {"perBatch.$": 50, "concurrency.$": 100, "tolerated.$": 5}


def test_the_largest_batch_fits_into_what_step_functions_takes(template):
    """256 KiB of answers: each has about 1,000 bytes, with a key of 200 bytes and the default number of labels."""
    assert template["Parameters"]["PhotosPerBatch"]["MaxValue"] * 1000 < 256 * 1024


def test_sam_build_makes_the_package_that_is_tested(package):
    sam("build", "--config-env", "bulk")
    assert contents(ROOT / ".aws-sam/bulk/ClassifierFunction") == contents(package)
