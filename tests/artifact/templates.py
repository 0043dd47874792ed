"""Reads the templates, and has SAM check and translate them."""

import json
import os
import pathlib
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Variables read by glibc and ONNX Runtime before the program starts.
NOT_OURS = {"MIMALLOC_PURGE_DELAY", "ORT_DISABLE_TELEMETRY"}


class Loader(yaml.SafeLoader):
    """Loads CloudFormation's short forms, such as `!Ref X`, as {"!Ref": X}."""


def short_form(loader: Loader, tag: str, node: yaml.Node):
    construct = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    value = construct[type(node)](node, *([True] if isinstance(node, yaml.SequenceNode) else []))
    return {f"!{tag}": value}


Loader.add_multi_constructor("!", short_form)


def load(template: pathlib.Path) -> dict:
    return yaml.load(template.read_text(), Loader)


def sam(*arguments: str) -> str:
    # SAM requires a region, even if it calls no service.
    variables = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"}
    command = [pathlib.Path(sys.executable).with_name("sam"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def translate(template: pathlib.Path) -> dict:
    """Returns SAM's translation of a template: CloudFormation's format, in long forms."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    from samcli.yamlhelper import yaml_parse
    from samtranslator.translator.transform import transform

    class NoPolicies:
        def load(self) -> dict:
            return {}

    # The translator modifies its input, and YAML anchors make parts shared.
    document = json.loads(json.dumps(yaml_parse(template.read_text())))
    # `sam deploy` uploads the package to a bucket.
    document["Resources"]["ClassifierFunction"]["Properties"]["CodeUri"] = "s3://packages/package.zip"
    return transform(document, {}, NoPolicies())


def told_variables(program: pathlib.Path) -> str:
    """Returns the program's help text about its variables."""
    return subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
