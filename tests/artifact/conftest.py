"""The package under test, which `make package` made in .build.

ARCH names its architecture, if it is not this machine's. Then RUNNER is the command that emulates it.
"""

import os
import pathlib
import platform
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}


@pytest.fixture(scope="session")
def arch() -> str:
    """The package's architecture, as Lambda names it."""
    return os.environ.get("ARCH") or ARCHITECTURES[platform.machine()]


@pytest.fixture(scope="session")
def runner() -> list[str]:
    """The command prefix for programs in the package."""
    return [os.environ["RUNNER"]] if "RUNNER" in os.environ else []


@pytest.fixture(scope="session")
def package(arch: str) -> pathlib.Path:
    return ROOT / ".build" / arch / "package"


@pytest.fixture(scope="session")
def archive(arch: str) -> pathlib.Path:
    return ROOT / ".build" / arch / f"image-classifier-{arch}.zip"


@pytest.fixture(scope="session")
def libraries() -> dict[str, pathlib.Path]:
    """ONNX Runtime for both architectures, downloaded if needed."""
    folders = {arch: ROOT / ".build" / arch / "runtime" for arch in ARCHITECTURES.values()}
    for arch, folder in folders.items():
        subprocess.run([ROOT / "scripts/fetch-onnxruntime", arch, folder], check=True)
    return {arch: folder / "libonnxruntime.so" for arch, folder in folders.items()}
