"""deploy/bulk.yaml, translated by SAM and deployed by moto, without what moto's interpreter does not support."""

import atexit
import copy
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.request
import uuid

import boto3
from botocore.config import Config

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "artifact"))
from templates import ROOT, translate  # noqa: E402

# The machine's own variables must not influence the tests.
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_session_token": "test"}
REGION = "us-east-1"


class Aws:
    """A moto server in a separate process."""

    def __init__(self, port: int, front: int, log) -> None:
        self.port = port
        command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
        # The Step Functions interpreter calls S3 and Lambda at this port.
        variables = os.environ | {"MOTO_PORT": str(front), "AWS_DEFAULT_REGION": REGION}
        self.process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
        # Also if the following set-up fails.
        atexit.register(self.process.kill)

    def wait(self) -> None:
        for attempt in itertools.count():
            try:
                # Without this, executions succeed without running anything.
                self._post("/moto-api/config", {"stepfunctions": {"execute_state_machine": True}})
                return
            except OSError:
                if attempt == 300 or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def _post(self, path: str, document: dict) -> None:
        data = json.dumps(document).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method="POST")
        urllib.request.urlopen(request, timeout=10).read()

    def client(self, service: str):
        config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, max_pool_connections=50)
        return boto3.client(
            service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name=REGION, config=config, **KEYS
        )

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


class Stack:
    """The deployed template: its state machine, its queues, and its function's variables."""

    def __init__(self, aws: Aws, name: str, **parameters: object) -> None:
        self.aws = aws
        self.template = translate(ROOT / "deploy/bulk.yaml")
        s3, formation = aws.client("s3"), aws.client("cloudformation")
        s3.create_bucket(Bucket="packages")
        s3.put_object(Bucket="packages", Key="package.zip", Body=b"PK\5\6" + bytes(18))
        formation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(self.template),
            Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE", stack
        resources = formation.list_stack_resources(StackName=name)["StackResourceSummaries"]
        self.resources = {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in resources}
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        # moto would run the function itself, in Docker. `queue_to_function` implements the mapping instead.
        functions = self.aws.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        function = functions.get_function_configuration(FunctionName=self.outputs["Function"])
        # CloudFormation converts numbers to text.
        self.variables = {key: str(value) for key, value in function["Environment"]["Variables"].items()}
        self.function_arn = function["FunctionArn"]
        defaults = {key: value.get("Default") for key, value in self.template["Parameters"].items()}
        self.parameters = {key: str(value) for key, value in (defaults | parameters).items()}

    def definition(self) -> dict:
        """Returns the state machine, with the substitutions that CloudFormation makes and moto does not."""
        properties = self.template["Resources"]["Run"]["Properties"]
        separator, lines = properties["DefinitionString"]["Fn::Join"]
        known = self.parameters | {"Partition": "aws", "Function": self.function_arn}
        text = separator.join(lines)
        assert set(re.findall(r"\$\{(\w+)\}", text)) == set(properties["DefinitionSubstitutions"])
        return json.loads(re.sub(r"\$\{(\w+)\}", lambda match: known[match[1]], text))

    def for_moto(self, concurrency: int, with_writer: bool) -> dict:
        """Returns the definition without features that moto's interpreter does not support: `ItemBatcher`,
        `WriterConfig`, `EXPRESS`.

        Each item becomes a batch of one, in the format of `ItemBatcher`. With a writer, moto writes a manifest and
        drops the answers, so one run has no writer.
        """
        definition = copy.deepcopy(self.definition())
        for state in definition["States"].values():
            if state["Type"] != "Map":
                continue
            batcher = state.pop("ItemBatcher")
            state["ItemSelector"] = {"Items": [state["ItemSelector"]], "BatchInput": batcher["BatchInput"]}
            writer = state.pop("ResultWriter")
            if with_writer:
                state["ResultWriter"] = {key: writer[key] for key in writer if key != "WriterConfig"}
            state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "STANDARD"
            # Each worker of the interpreter recurses for its next item, so Python's recursion depth limits it.
            del state["MaxConcurrencyPath"]
            state["MaxConcurrency"] = concurrency
        return definition

    def create_machine(self, name: str, concurrency: int = 8, with_writer: bool = False) -> str:
        """Creates the state machine again: the interpreter does not know those from moto's CloudFormation."""
        definition, role = json.dumps(self.for_moto(concurrency, with_writer)), "arn:aws:iam::123456789012:role/run"
        states = self.aws.client("stepfunctions")
        return states.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]

    def run(self, given: dict, with_writer: bool = False, seconds: float = 180) -> dict:
        """Starts an execution of the state machine, and waits for its end."""
        states = self.aws.client("stepfunctions")
        machine = self.create_machine(f"run-{uuid.uuid4()}", with_writer=with_writer)
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            execution = states.describe_execution(executionArn=arn)
            if execution["status"] != "RUNNING":
                return execution
            time.sleep(0.25)
        raise TimeoutError(f"the execution still runs after {seconds} s")
