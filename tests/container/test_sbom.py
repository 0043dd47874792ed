"""Tests the bill of materials next to the image."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib

from conftest import BUILD, ROOT
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def validate(text: str) -> object:
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)


def found(sbom: dict, name: str) -> dict:
    (component,) = (each for each in sbom["components"] if each["name"] == name)
    return component


def sha256(component: dict) -> str:
    (hash,) = component["hashes"]
    assert hash["alg"] == "SHA-256"
    return hash["content"]


def test_it_is_a_valid_cyclonedx_document(arch, sbom):
    text = (BUILD / f"image-classifier-{arch}.cdx.json").read_text()
    assert validate(text) is None
    # The validator returns an error for an invalid document.
    assert validate(text.replace('"machine-learning-model"', '"magic"')) is not None
    assert sbom["specVersion"] == "1.6"
    assert sbom["metadata"]["timestamp"] == "1970-01-01T00:00:00+00:00"
    assert sbom["metadata"]["component"]["type"] == "container"


def test_it_lists_every_crate_of_the_notices_with_its_checksum(arch, sbom):
    notices = (ROOT / ".build" / arch / "package/THIRD-PARTY-NOTICES").read_text()
    head = notices.split("\nRust standard library:")[0]
    crates = set(re.findall(r"^(\S+) (\d\S*): ", head, re.MULTILINE))
    listed = [each for each in sbom["components"] if each.get("purl", "").startswith("pkg:cargo/")]
    assert len(crates) > 100
    assert {(each["name"], each["version"]) for each in listed} == crates
    assert all(each["licenses"] for each in listed)
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    locked = {(each["name"], each["version"]): each.get("checksum") for each in packages}
    for each in listed:
        assert sha256(each) == locked[each["name"], each["version"]]


def test_runtime_and_model_are_named_by_version_hash_and_licence(image, sbom):
    runtime = found(sbom, "onnxruntime")
    assert runtime["licenses"] == [{"license": {"id": "MIT"}}]
    assert re.fullmatch(r"1\.\d+\.\d+", runtime["version"])
    assert sha256(runtime) == hashlib.sha256(image.file("opt/image-classifier/lib/libonnxruntime.so")).hexdigest()
    card = image.file("opt/image-classifier/model/README.md").decode()
    (model,) = (each for each in sbom["components"] if each["type"] == "machine-learning-model")
    assert model["name"] == re.search(r"^model_name: (.*)", card, re.MULTILINE)[1]
    assert sha256(model) == re.search(r"^model_sha256: (.*)", card, re.MULTILINE)[1]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    for part in model["components"]:
        assert sha256(part) == hashlib.sha256(image.file(f"opt/image-classifier/model/{part['name']}")).hexdigest()


def test_what_the_linker_adds_and_the_packages_of_debian_are_listed(sbom):
    assert re.fullmatch(r"1\.\d+\.\d+", found(sbom, "rust-std")["version"])
    assert {"rust-std", "libunwind, compiler-rt", "libc6", "libstdc++6", "libgcc-s1", "ca-certificates"} <= {
        each["name"] for each in sbom["components"]
    }
    assert found(sbom, "libc6")["purl"].startswith("pkg:deb/debian/libc6@2.36")


def test_it_tells_the_program_by_its_hash(image, sbom):
    program = image.file("opt/image-classifier/image-classifier")
    assert sha256(sbom["metadata"]["component"]) == hashlib.sha256(program).hexdigest()


def test_another_time_changes_nothing_but_the_time(arch, sbom, tmp_path):
    target = tmp_path / "sbom.json"
    command = [sys.executable, ROOT / "scripts/sbom.py", arch, BUILD / arch / "layers", "86400", target]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    later = json.loads(target.read_text())
    assert later["metadata"].pop("timestamp") == "1970-01-02T00:00:00+00:00"
    expected = json.loads(json.dumps(sbom))
    expected["metadata"].pop("timestamp")
    assert later == expected
