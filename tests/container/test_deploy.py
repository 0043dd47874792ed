"""Tests the files in deploy/ that run the image or the program, and the Dockerfile."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import kubernetes_validate
import pytest
import yaml
from conftest import PROGRAM, ROOT

DEPLOY = ROOT / "deploy"
HEALTH = [f"/{PROGRAM}", "health"]


@pytest.fixture(scope="module")
def kubernetes() -> dict[str, dict]:
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    return {document["kind"]: document for document in documents}


@pytest.fixture(scope="module")
def pod(kubernetes) -> dict:
    return kubernetes["Deployment"]["spec"]["template"]["spec"]


def image_port(image) -> int:
    ((port, _),) = image.config["config"]["ExposedPorts"].items()
    return int(port.removesuffix("/tcp"))


def image_user(image) -> int:
    return int(image.config["config"]["User"].split(":")[0])


def test_kubernetes_knows_every_field(kubernetes):
    assert set(kubernetes) == {"Deployment", "Service", "HorizontalPodAutoscaler"}
    for document in kubernetes.values():
        kubernetes_validate.validate(document, "1.37", strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found(kubernetes):
    wrong = json.loads(json.dumps(kubernetes["Service"]))
    wrong["spec"]["portz"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_the_parts_in_kubernetes_belong_together(kubernetes, pod, image):
    deployment, service, scaler = (kubernetes[kind] for kind in ("Deployment", "Service", "HorizontalPodAutoscaler"))
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["spec"]["selector"].items() <= labels.items()
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    (container,) = pod["containers"]
    (port,) = container["ports"]
    assert port["containerPort"] == image_port(image)
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": port["name"]}


def test_kubernetes_lets_it_write_nothing_and_be_nobody(pod, image):
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == image_user(image)
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= set(container["resources"])


def test_compose_publishes_the_port_of_the_image(image, version):
    (service,) = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    assert service["image"] == f"image-classifier:{version}"
    assert [each.split(":")[1] for each in service["ports"]] == [str(image_port(image))]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    # The image's own is used.
    assert "healthcheck" not in service


def test_fargate_runs_the_same_health_check(image, version):
    task = json.loads((DEPLOY / "task-definition.json").read_text())
    (container,) = task["containerDefinitions"]
    assert container["portMappings"][0]["containerPort"] == image_port(image)
    assert container["image"].endswith(f":{version}")
    assert container["user"] == image.config["config"]["User"]
    check, own = container["healthCheck"], image.config["config"]["Healthcheck"]
    assert check["command"] == own["Test"] == ["CMD", *HEALTH]
    for name, key in (("interval", "Interval"), ("timeout", "Timeout"), ("startPeriod", "StartPeriod")):
        assert check[name] * 1_000_000_000 == own[key]
    # One processor and 2 to 8 GB are a valid pair in Fargate.
    assert (task["cpu"], task["memory"]) == ("1024", "2048")


def test_systemd_understands_the_service(tmp_path):
    text = (DEPLOY / "image-classifier.service").read_text()
    assert "\nExecStart=/opt/image-classifier/bootstrap serve\n" in text
    unit = tmp_path / "image-classifier.service"
    # systemd also checks that the program exists.
    unit.write_text(text.replace("/opt/image-classifier/bootstrap", "/bin/true"))
    verify = ["systemd-analyze", "verify", "--man=no", unit]
    done = subprocess.run(verify, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit]
    assert subprocess.run(security, capture_output=True).returncode == 0
    # systemd reports unknown settings.
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in subprocess.run(verify, capture_output=True, text=True).stderr


def test_the_dockerfile_is_clean():
    # The folder where pip installs the commands of this environment.
    hadolint = shutil.which("hadolint", path=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    done = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_docker_is_sent_has_every_file_that_the_build_reads(tmp_path):
    """buildah reads .dockerignore like Docker, and cargo builds from the remaining files."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . .\n")
    context, store = tmp_path / "context", tmp_path / "store"
    buildah = ["buildah", "--storage-driver", "vfs", "--root", store, "--runroot", store / "run", "build", "--quiet"]
    output = ["--isolation", "chroot", "--file", tmp_path / "Dockerfile", "--output", f"type=local,dest={context}"]
    subprocess.run([*buildah, *output, ROOT], check=True, capture_output=True)
    metadata = ["cargo", "metadata", "--format-version=1", "--locked", "--no-deps", "--manifest-path"]
    subprocess.run([*metadata, context / "Cargo.toml"], check=True, capture_output=True)
    included = 0
    for source in (path for folder in ("src", "crates/upright/src") for path in (context / folder).rglob("*.rs")):
        code = source.read_text().partition("\n#[cfg(test)]")[0]
        for name in re.findall(r'include_(?:str|bytes)!\("(.*?)"\)', code):
            assert (source.parent / name).is_file(), f"{source} includes {name}"
            included += 1
    assert included > 0
    for name in ("web/index.html", "model/model.onnx", "scripts/package", "scripts/image-root"):
        assert (context / name).is_file(), name
    for name in (".git", "target", ".build", "tests", "lib"):
        assert not (context / name).exists(), name


def test_the_versions_in_dockerfile_and_documents_are_the_present_ones(version):
    compiler = re.search(r"toolchain install (\d+\.\d+)\.", (ROOT / ".github/workflows/ci.yml").read_text())[1]
    assert f"rust:{compiler}-bookworm" in (ROOT / "Dockerfile").read_text()
    for name in ("Dockerfile", "deploy/compose.yaml", "deploy/kubernetes.yaml", "docs/container.md"):
        found = re.findall(r"(?:image-classifier:|VERSION=)(\d[\w.]*)", (ROOT / name).read_text())
        assert found and set(found) == {version}, name
