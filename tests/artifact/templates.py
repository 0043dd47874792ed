"""Reads the templates, and has SAM check and translate them."""

import json
import os
import pathlib
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Read by glibc and by ONNX Runtime, before the program begins.
NOT_OURS = {"MIMALLOC_PURGE_DELAY", "ORT_DISABLE_TELEMETRY"}


class Loader(yaml.SafeLoader):
    """Takes CloudFormation's short forms, `!Ref X` and the like, as {"!Ref": X}."""


def short_form(loader: Loader, tag: str, node: yaml.Node):
    construct = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    value = construct[type(node)](node, *([True] if isinstance(node, yaml.SequenceNode) else []))
    return {f"!{tag}": value}


Loader.add_multi_constructor("!", short_form)


def load(template: pathlib.Path) -> dict:
    return yaml.load(template.read_text(), Loader)


def sam(*arguments: str) -> str:
    # SAM asks for a region even where it calls nobody.
    variables = os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1"}
    command = [pathlib.Path(sys.executable).with_name("sam"), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def translate(template: pathlib.Path) -> dict:
    """What SAM makes of a template: CloudFormation's, in long forms."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    from samcli.yamlhelper import yaml_parse
    from samtranslator.translator.transform import transform

    class NoPolicies:
        def load(self) -> dict:
            return {}

    # The translator changes what it is given, and parts that stand there once may be used twice.
    document = json.loads(json.dumps(yaml_parse(template.read_text())))
    # `sam deploy` puts the package into a bucket.
    document["Resources"]["ClassifierFunction"]["Properties"]["CodeUri"] = "s3://packages/package.zip"
    return transform(document, {}, NoPolicies())


def told_variables(program: pathlib.Path) -> str:
    """What the program says of its variables."""
    return subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
