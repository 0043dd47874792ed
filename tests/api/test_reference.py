"""Checks docs/api.md: its examples run unchanged, and its tables agree with the OpenAPI document."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from document import Document, alike
from service import ROOT, Service, fixture

TEXT = (ROOT / "docs/api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:5000"


def _blocks(language: str) -> list[str]:
    blocks = [block for of, block in BLOCKS if of == language]
    assert blocks and all(ADDRESS in block for block in blocks)
    return blocks


def _run(command: list[str | pathlib.Path], script: str, service: Service) -> str:
    """Runs a script from the checkout against the test's own server, and returns its output."""
    run = subprocess.run(
        command,
        input=script.replace(ADDRESS, service.url),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: the examples that need it did not run")
    return path


def test_every_block_is_of_a_language_that_is_run():
    # tools/tests/test_served.py runs the block that needs the hub's client.
    assert {language for language, _ in BLOCKS} == {"sh", "json", "python", "py", "js", "csharp"}


def test_curl_prints_what_the_page_shows(service: Service):
    _program("curl")
    compared = 0
    for (language, block), (following, shown) in zip(BLOCKS, [*BLOCKS[1:], ("", "")]):
        if language != "sh":
            continue
        printed = json.loads(_run(["sh", "-eu"], block, service))
        if following == "json":
            assert alike(json.loads(shown), printed), printed
            compared += 1
        else:
            assert printed[0]["label"] == "espresso"
    assert compared == len(_blocks("sh")) - 1 == sum(language == "json" for language, _ in BLOCKS)


def test_python_runs(service: Service):
    for block in _blocks("python"):
        assert _run([sys.executable, "-"], block, service).startswith("espresso 95.")


def test_javascript_runs(service: Service):
    node = _program("node")
    for block in _blocks("js"):
        assert "espresso" in _run([node, "--input-type=module"], block, service)


def test_dotnet_runs(service: Service, tmp_path: pathlib.Path):
    dotnet = _program("dotnet")
    (block,) = _blocks("csharp")
    environment = os.environ | {"DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1"}
    new = [dotnet, "new", "console", "--output", tmp_path]
    subprocess.run(new, env=environment, check=True, capture_output=True, timeout=120)
    (tmp_path / "Program.cs").write_text(block.replace(ADDRESS, service.url), encoding="utf-8")
    run = subprocess.run(
        [dotnet, "run", "--project", tmp_path], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240
    )
    assert run.stdout.startswith("espresso 0.95"), run.stdout + run.stderr


def test_what_dotnet_would_send_is_accepted(service: Service):
    """Sends the example's request exactly as `MultipartFormDataContent` writes it: the boundary quoted, the names
    unquoted, and the file name twice."""
    boundary = "0e2c2a5e-9f5a-4b62-8f0f-4f2c6f0a1b11"
    body = b"\r\n".join(
        [
            b"--%b" % boundary.encode(),
            b"Content-Type: image/png",
            b"Content-Disposition: form-data; name=image; filename=coffee.png; filename*=utf-8''coffee.png",
            b"",
            fixture("coffee.png"),
            b"--%b" % boundary.encode(),
            b"Content-Type: text/plain; charset=utf-8",
            b"Content-Disposition: form-data; name=top_k",
            b"",
            b"1",
            b"--%b--" % boundary.encode(),
            b"",
        ]
    )
    headers = {"content-type": f'multipart/form-data; boundary="{boundary}"'}
    predictions = service.send("POST", "/classify", data=body, headers=headers).json()["predictions"]
    assert [prediction["label"] for prediction in predictions] == ["espresso"]


def test_the_table_of_errors_is_that_of_the_document(strict_document: Document):
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| \S.* \|$", TEXT, re.MULTILINE)
    listed = [(int(status), code) for status, code in rows]
    documented = [
        (int(status), code)
        for response in strict_document.content["components"]["responses"].values()
        for content in response.get("content", {}).values()
        if (narrowed := content["schema"].get("allOf", [None] * 2)[1])
        for status in narrowed["properties"]["status"]["enum"]
        for code in narrowed["properties"]["code"]["enum"]
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(documented)


def test_all_routes_and_content_types_are_listed(document: Document):
    for path in document.content["paths"]:
        assert re.search(rf"`(GET|POST) {re.escape(path)}`", TEXT), path
    for content_type in document.content["components"]["requestBodies"]["Images"]["content"]:
        assert re.search(rf"^\| .*`{re.escape(content_type)}`", TEXT, re.MULTILINE), content_type
