"""The image under test, which `make image` made in .build/image."""

import json
import pathlib
import re
import subprocess

import pytest
from layout import Image, Layout

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build/image"
ARCHIVE = BUILD / "image-classifier.oci.tar"
# Lambda's name of each architecture, and the name in images.
PLATFORMS = {"x86_64": "amd64", "arm64": "arm64"}
BUILT = [arch for arch in PLATFORMS if (ROOT / ".build" / arch / "package/bootstrap").exists()]
PROGRAM = "opt/image-classifier/image-classifier"


@pytest.fixture(scope="session")
def layout() -> Layout:
    return Layout(BUILD / "oci")


@pytest.fixture(scope="session", params=BUILT)
def arch(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def image(layout: Layout, arch: str) -> Image:
    return layout.images[PLATFORMS[arch]]


@pytest.fixture(scope="session")
def version() -> str:
    return re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]


@pytest.fixture(scope="session")
def root(arch: str, tmp_path_factory) -> pathlib.Path:
    """The root file system, unpacked by the tools that container engines use."""
    folder = tmp_path_factory.mktemp(arch)
    choice = ["--override-os", "linux", "--override-arch", PLATFORMS[arch]]
    subprocess.run(
        ["skopeo", *choice, "copy", "--quiet", f"oci-archive:{ARCHIVE}", f"oci:{folder}/oci:one"], check=True
    )
    subprocess.run(["umoci", "raw", "unpack", "--image", f"{folder}/oci:one", folder / "root"], check=True)
    return folder / "root"


@pytest.fixture(scope="session")
def sbom(arch: str) -> dict:
    return json.loads((BUILD / f"image-classifier-{arch}.cdx.json").read_text())
