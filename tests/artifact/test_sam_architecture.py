"""`sam build` makes the package for the architecture in its parameter, and refuses another one."""

import subprocess
import sys

import pytest

from conftest import ROOT

# The file that SAM writes before it calls `make`.
LIST = """
[function_build_definitions.8f6f0f3c]
codeuri = "/project"
architecture = "x86_64"
functions = ["Other"]

[function_build_definitions.99568af5]
codeuri = "/project"
architecture = "arm64"
functions = ["ClassifierFunction"]

[layer_build_definitions]
"""


def asked(folder, *said: str, listed: str | None = LIST) -> subprocess.CompletedProcess:
    if listed is not None:
        (folder / "build.toml").write_text(listed)
    command = [sys.executable, ROOT / "scripts/sam_architecture.py", folder / "build/ClassifierFunction", *said]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("said", [(), ("arm64",)])
def test_the_processor_is_that_of_the_parameter(tmp_path, said):
    done = asked(tmp_path, *said)
    assert (done.returncode, done.stdout) == (0, "arm64\n"), done.stderr


def test_another_one_in_the_variable_is_refused(tmp_path):
    done = asked(tmp_path, "x86_64")
    assert done.returncode == 1
    assert "ARCH is x86_64, but the parameter Architecture is arm64: leave ARCH out" in done.stderr


@pytest.mark.parametrize("listed", [None, "not TOML", "[layer_build_definitions]"])
def test_where_sam_does_not_tell_the_variable_does(tmp_path, listed):
    assert asked(tmp_path, "x86_64", listed=listed).stdout == "x86_64\n"
    done = asked(tmp_path, listed=listed)
    assert done.returncode == 1
    assert "ARCH=arm64 sam build" in done.stderr
