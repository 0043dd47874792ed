"""Tests that the image runs: as a server, as a function, and as a command. Runs in tests/container/sandbox."""

import json
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
import yaml
from conftest import ROOT

ENTER = ROOT / "tests/container/enter"
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}
EMULATORS = {"x86_64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}
COFFEE = ROOT / "tests/fixtures/coffee.jpg"


class Container:
    """Runs an image like an engine would: with its user and its environment, and only /tmp writable."""

    def __init__(self, root: pathlib.Path, config: dict, arch: str) -> None:
        self.root = root
        self.config = config
        self.emulator = None if MACHINES[platform.machine()] == arch else shutil.which(EMULATORS[arch])

    def command(self, *arguments: str, entrypoint: list[str] | None = None, **variables: str) -> list[str]:
        """Returns the command for this machine. `variables` are those of `docker run --env`."""
        user = self.config["User"]
        # The emulated processor is Graviton2, the oldest in Lambda.
        processor = ["QEMU_CPU=neoverse-n1"] if self.emulator else []
        environment = [*processor, *self.config["Env"], *(f"{name}={value}" for name, value in variables.items())]
        chroot = ["/usr/sbin/chroot", f"--userspec={user}", f"--groups={user.split(':')[1]}", str(self.root)]
        return [
            *("/usr/bin/unshare", "--mount", str(ENTER), str(self.root)),
            *("/usr/bin/env", *environment, "/usr/bin/setpriv", "--no-new-privs", *chroot),
            *(["/emulator"] if self.emulator else []),
            *(entrypoint or self.config["Entrypoint"]),
            *(arguments or (() if entrypoint else self.config.get("Cmd") or ())),
        ]

    def run(self, *arguments: str, **more: object) -> subprocess.CompletedProcess:
        command = self.command(*arguments, **more)
        return subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, timeout=120)

    def start(self, **more: object) -> subprocess.Popen:
        return subprocess.Popen(self.command(**more), cwd=ROOT, env={}, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def container(root, image, arch) -> Container:
    container = Container(root, image.config["config"], arch)
    if MACHINES[platform.machine()] != arch:
        if container.emulator is None:
            pytest.skip(f"{EMULATORS[arch]} is missing")
        shutil.copy(container.emulator, root / "emulator")
    return container


@pytest.fixture(scope="module")
def server(container):
    """The address of the image as a server, without any arguments."""
    interfaces = subprocess.run(["ip", "-brief", "link"], check=True, capture_output=True, text=True).stdout
    assert interfaces.split()[0] == "lo" and len(interfaces.splitlines()) == 1, "this is not the sandbox"
    process = container.start()
    try:
        assert "Serving http://0.0.0.0:5000." in process.stdout.readline()
        yield "http://127.0.0.1:5000"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()


def get(url: str, body: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, data=body, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_server_answers_photos_and_its_health(server):
    assert get(f"{server}/health") == (200, b'{"status":"ok"}')
    status, body = get(f"{server}/classify", COFFEE.read_bytes())
    assert (status, json.loads(body)["predictions"][0]["label"]) == (200, "espresso")
    assert get(f"{server}/")[0] == 200


def test_the_health_check_of_the_image_agrees(server, container):
    kind, *check = container.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    done = container.run(entrypoint=check)
    assert (done.returncode, done.stdout) == (0, "http://127.0.0.1:5000/health answers 200.\n"), done.stderr
    # By its name, as with `docker exec`.
    elsewhere = container.run(entrypoint=check, PORT="5001")
    assert elsewhere.returncode == 1 and "Connection refused" in elsewhere.stderr


def test_the_paths_of_the_probes_are_there(server):
    deployment = next(yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text()))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    paths = {probe["httpGet"]["path"] for name, probe in container.items() if name.endswith("Probe")}
    assert [get(server + path)[0] for path in paths] == [200] * len(paths)


def test_lambda_gets_a_function_of_the_same_image(container):
    api = [sys.executable, "tests/artifact/runtime_api.py", "--invocations", "3", "--"]
    done = subprocess.run([*api, *container.command()], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["invocations"], outcome["status"]) == (3, 0)
    assert all(line.startswith("{") for line in outcome["log"])


def test_commands_work(container, version):
    first, commit, model = container.run("--version").stdout.splitlines()
    assert first == f"image-classifier {version}"
    assert commit == "commit " + container.config["Labels"]["org.opencontainers.image.revision"]
    assert model.startswith("model efficientnet-lite0 sha256 ")
    assert "Usage:" in container.run("--help").stdout
    done = container.run("classify", "--json", "/photos/coffee.jpg")
    assert json.loads(done.stdout)["predictions"][0]["label"] == "espresso", done.stderr


def test_it_is_nobody_and_can_write_nothing_but_tmp(container):
    process = container.start(PORT="5002")
    try:
        assert "Serving" in process.stdout.readline()
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        mounts = pathlib.Path(f"/proc/{process.pid}/mountinfo").read_text()
    finally:
        process.kill()
        process.wait()
    assert re.search(r"^Uid:(\t65532){4}$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0{16}$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    options = {line.split()[4]: line.split()[5].split(",")[0] for line in mounts.splitlines()}
    root = str(container.root)
    seen = {point.removeprefix(root) or "/": how for point, how in options.items() if point.startswith(root)}
    seen = seen or {point: how for point, how in options.items() if point in ("/", "/tmp")}
    assert seen["/"] == "ro" and seen["/tmp"] == "rw"
    done = container.run("batch", "/photos/coffee.jpg", "--out", "/opt/image-classifier/out.jsonl")
    assert done.returncode == 1 and "Read-only file system" in done.stderr + done.stdout


def test_the_settings_in_deploy_are_known(container):
    known = set(re.findall(r"\[env:\s+(\w+)=", container.run("serve", "--help").stdout))
    # A library reads the first variable; the program sets both if they are missing.
    known |= {"MIMALLOC_PURGE_DELAY", "ORT_DISABLE_TELEMETRY"}
    used = set()
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    used |= set(compose["services"]["classifier"]["environment"])
    deployment = next(yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text()))
    used |= {each["name"] for each in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    task = json.loads((ROOT / "deploy/task-definition.json").read_text())
    used |= {each["name"] for each in task["containerDefinitions"][0]["environment"]}
    unit = (ROOT / "deploy/image-classifier.service").read_text()
    lines = re.findall(r"^Environment=(.*)", unit, re.MULTILINE)
    used |= {each.split("=")[0] for line in lines for each in line.split()}
    used |= {each.split("=")[0] for each in container.config["Env"]} - {"PATH"}
    assert "PORT" in used and used <= known
