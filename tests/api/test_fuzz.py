"""Schemathesis generates thousands of good and bad requests from the document, and checks the answers against it."""

import collections
import os
import pathlib
import re
import subprocess
import sys

from document import Document
from service import ROOT, Service

# `positive_data_acceptance` and `negative_data_rejection` are left out: a string body may or may not be an image, and
# the service accepts more than the document requires, such as an empty parameter.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)


def _fuzz(service: Service, document: Document, examples: int, folder: pathlib.Path) -> list[str]:
    """Runs schemathesis, and returns the log lines of its requests."""
    command = [
        pathlib.Path(sys.executable).with_name("schemathesis"),
        "--config-file=/dev/null",
        "run",
        f"{service.url}/openapi.json",
        f"--checks={','.join(CHECKS)}",
        "--seed=20260101",
        f"--max-examples={examples}",
        "--generation-database=none",
        "--continue-on-failure",
        "--no-color",
    ]
    if service.token is not None:
        command.append(f"--header=Authorization: Bearer {service.token}")
    hooks = os.environ | {"SCHEMATHESIS_HOOKS": str(ROOT / "tests/api/fuzz_hooks.py")}
    before = len(service.log)
    run = subprocess.run(command, env=hooks, cwd=folder, capture_output=True, text=True, timeout=90)
    print(run.stdout[run.stdout.find("= SUMMARY =") :])
    assert run.returncode == 0, run.stdout + run.stderr
    operations = len(document.operations())
    assert f"Selected: {operations}/{operations}" in run.stdout and f"Tested: {operations}" in run.stdout
    assert service.send("GET", "/health").status_code == 200
    log = [line for line in service.log[before:] if " method=" in line]
    print(collections.Counter(re.search(r"method=(\S+) .*status=(\d+)", line).groups() for line in log))
    assert not [line for line in log if " status=5" in line]
    return log


def test_thousands_of_requests_are_answered_as_documented(service: Service, document: Document, tmp_path: pathlib.Path):
    log = _fuzz(service, document, 60, tmp_path)
    # Not only errors: pictures were classified, too.
    assert len([line for line in log if 'method="POST"' in line and "status=200" in line]) > 100


def test_a_service_with_a_token_answers_as_documented(
    strict: Service, strict_document: Document, tmp_path: pathlib.Path
):
    log = _fuzz(strict, strict_document, 10, tmp_path)
    assert any("status=401" in line for line in log)
