"""Tests the image: its index, its config, and the files in its layers."""

import hashlib
import json
import re
import shutil
import ssl
import subprocess
import tarfile

import pytest
from conftest import ARCHIVE, BUILD, BUILT, PLATFORMS, PROGRAM, ROOT

NANOSECONDS = 1_000_000_000


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_the_index_has_an_image_for_each_package_that_is_built(layout, version):
    assert BUILT, "no package is built"
    platforms = [each["platform"] for each in layout.index["manifests"]]
    assert platforms == [{"architecture": PLATFORMS[arch], "os": "linux"} for arch in BUILT]
    for platform, image in layout.images.items():
        assert (image.config["architecture"], image.config["os"]) == (platform, "linux")
    assert layout.named["annotations"]["org.opencontainers.image.ref.name"] == version


def test_every_blob_is_what_its_name_says_and_is_needed(layout):
    for descriptor in layout.descriptors:
        data = layout.blob(descriptor).read_bytes()
        assert (sha256(data), len(data)) == (descriptor["digest"], descriptor["size"])
    needed = {layout.blob(descriptor) for descriptor in layout.descriptors}
    assert {path for path in layout.folder.glob("blobs/*/*")} == needed
    for image in layout.images.values():
        assert [sha256(archive) for archive in image.archives] == image.config["rootfs"]["diff_ids"]


def test_the_archive_is_the_layout_with_a_fixed_time(layout):
    with tarfile.open(ARCHIVE) as archive:
        members = archive.getmembers()
        files = {member.name: archive.extractfile(member).read() for member in members if member.isfile()}
    paths = (path for path in layout.folder.rglob("*") if path.is_file())
    assert files == {path.relative_to(layout.folder).as_posix(): path.read_bytes() for path in paths}
    assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}


def test_two_builds_have_the_same_digest():
    """make has just made the second build in another folder."""
    again = BUILD.with_name("image-again")
    for name in ("oci/index.json", ARCHIVE.name, *(f"image-classifier-{arch}.cdx.json" for arch in BUILT)):
        assert sha256((again / name).read_bytes()) == sha256((BUILD / name).read_bytes()), name


def test_the_config_starts_the_program_as_nobody_and_checks_its_health(image, version):
    config = image.config["config"]
    program = f"/{PROGRAM}"
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == [program]
    # Lambda's variable selects the mode: a command would make it a server there, too.
    assert not config.get("Cmd")
    assert config["ExposedPorts"] == {"5000/tcp": {}}
    assert set(config["Env"]) == {
        "HOST=0.0.0.0",
        "PORT=5000",
        "PATH=/opt/image-classifier",
        "MIMALLOC_PURGE_DELAY=10",
        "ORT_DISABLE_TELEMETRY=1",
    }
    assert config["Healthcheck"] == {
        "Test": ["CMD", program, "health"],
        "Interval": 30 * NANOSECONDS,
        "Timeout": 5 * NANOSECONDS,
        "StartPeriod": 10 * NANOSECONDS,
        "Retries": 3,
    }
    labels = config["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[prefix + "title"] == "image-classifier"
    assert labels[prefix + "licenses"] == "Apache-2.0"
    assert labels[prefix + "version"] == version
    assert labels[prefix + "revision"] == image.file("opt/image-classifier/COMMIT").decode().strip()
    assert prefix + "source" in labels
    assert image.config["created"] == "1970-01-01T00:00:00Z"


def test_there_are_three_layers_those_first_that_change_least(image):
    sizes = [layer["size"] for layer in image.manifest["layers"]]
    print(*(f"{size:,}" for size in sizes))
    assert len(sizes) == 3
    assert sum(sizes) < 40_000_000
    system, model, program = ({member.name for member in layer} for layer in image.layers)
    assert "etc/passwd" in system and "opt" not in system
    assert "opt/image-classifier/model/model.onnx" in model and PROGRAM not in model
    assert PROGRAM in program and not any(name.startswith("opt/image-classifier/model") for name in program)


def test_files_belong_to_root_and_only_tmp_can_be_written(image):
    for member in (member for layer in image.layers for member in layer):
        assert (member.uid, member.gid, member.mtime) == (0, 0, 0), member.name
        assert member.isfile() or member.isdir() or member.issym(), member.name
        if member.issym():
            continue
        assert not member.mode & 0o6000, f"{member.name} is setuid or setgid"
        if member.name != "tmp":
            assert not member.mode & 0o022, f"{member.name} can be written by others than root"
        assert member.mode & 0o004, f"{member.name} cannot be read by the user of the image"
    assert image.members["tmp"].mode & 0o7777 == 0o1777


def test_only_the_program_can_be_started(image):
    """The image has no shell and no tools. Libraries are executable, too."""
    executable = {name for name, member in image.members.items() if member.isfile() and member.mode & 0o111}
    assert PROGRAM in executable
    assert {name for name in executable if ".so" not in name} == {PROGRAM}
    folders = {name.split("/")[0] for name in image.members}
    assert folders == {"etc", "lib", "opt", "tmp", "usr", "var"} | ({"lib64"} & folders)


def test_program_library_and_model_are_those_of_the_package(image, arch):
    package = ROOT / ".build" / arch / "package"
    names = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    for name in names:
        inside = "opt/image-classifier/" + name.replace("bootstrap", "image-classifier")
        assert image.file(inside) == (package / name).read_bytes(), name
    inside = {name for name, member in image.members.items() if name.startswith("opt/") and member.isfile()}
    assert len(inside) == len(names)


def is_file_within(root, path) -> bool:
    """Whether a path is a file, or a link to a file, for a process with this root."""
    while path.is_symlink():
        target = path.readlink()
        path = root / target.relative_to("/") if target.is_absolute() else path.parent / target
    return path.is_file()


def test_every_library_that_is_needed_is_there(root):
    for path in (root / PROGRAM, root / "opt/image-classifier/lib/libonnxruntime.so"):
        dynamic = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
        needed = [line.split("[")[1].rstrip("]") for line in dynamic.splitlines() if "(NEEDED)" in line]
        assert needed
        for name in needed:
            found = [*root.glob(f"lib*/{name}"), *root.glob(f"lib/*/{name}"), *root.glob(f"usr/lib/*/{name}")]
            assert found and all(is_file_within(root, library) for library in found), name


def test_users_certificates_and_licences_are_there(root):
    assert "nonroot:x:65532:65532:" in (root / "etc/passwd").read_text()
    assert "nonroot:x:65532:" in (root / "etc/group").read_text()
    certificates = ssl.create_default_context(cafile=root / "etc/ssl/certs/ca-certificates.crt").get_ca_certs()
    assert len(certificates) > 100
    for name in ("base-files", "ca-certificates", "libc6", "libgcc-s1", "libstdc++6"):
        assert (root / f"usr/share/doc/{name}/copyright").stat().st_size > 0, name
    assert (root / "opt/image-classifier/THIRD-PARTY-NOTICES").is_file()


def test_scanners_find_debian_12_and_its_packages(root, sbom):
    assert "VERSION_CODENAME=bookworm" in (root / "etc/os-release").read_text()
    status = [path.read_text() for path in (root / "var/lib/dpkg/status.d").iterdir()]
    fields = [dict(re.findall(r"^(Package|Version): (.*)", text, re.MULTILINE)) for text in status]
    packages = [each for each in sbom["components"] if each.get("purl", "").startswith("pkg:deb/")]
    listed = {(each["name"], each["version"]) for each in packages}
    assert {(each["Package"], each["Version"]) for each in fields} == listed
    assert len(listed) == 6


def test_docker_can_load_it_and_keeps_the_health_check(arch, version, tmp_path):
    """As docs/container.md describes: Docker's own archive, made by skopeo."""
    target = tmp_path / "image.tar"
    choice = ["--override-os", "linux", "--override-arch", PLATFORMS[arch]]
    copied = [f"oci-archive:{ARCHIVE}", f"docker-archive:{target}:image-classifier:{version}"]
    subprocess.run(["skopeo", *choice, "copy", "--quiet", *copied], check=True)
    with tarfile.open(target) as archive:
        (entry,) = json.load(archive.extractfile("manifest.json"))
        config = json.load(archive.extractfile(entry["Config"]))
    (tag,) = entry["RepoTags"]
    assert tag.endswith(f"/image-classifier:{version}")
    assert config["architecture"] == PLATFORMS[arch]
    assert config["config"]["Healthcheck"]["Test"] == ["CMD", f"/{PROGRAM}", "health"]


def image_tool(folder, *arguments: str) -> subprocess.CompletedProcess:
    environment = {"IMAGE_DIR": folder / "image", "PATH": "/usr/bin:/bin"}
    return subprocess.run([ROOT / "scripts/image", *arguments], env=environment, capture_output=True, text=True)


def test_a_package_that_is_missing_is_told(tmp_path):
    missing = [arch for arch in PLATFORMS if arch not in BUILT]
    if not missing:
        pytest.skip("all packages are built")
    done = image_tool(tmp_path, *missing)
    assert done.returncode == 1
    assert f"make package ARCH={missing[0]}" in done.stdout
    assert "no package is there" in done.stderr


def test_a_package_for_another_processor_is_refused(tmp_path, arch):
    (other,) = set(PLATFORMS) - {arch}
    # The script finds the packages relative to its own location.
    script = tmp_path / "scripts/image-root"
    script.parent.mkdir()
    shutil.copy(ROOT / "scripts/image-root", script)
    program = tmp_path / ".build" / other / "package/bootstrap"
    program.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".build" / arch / "package/bootstrap", program)
    done = subprocess.run([script, other, tmp_path / "layers"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is a program for another processor" in done.stderr


def test_an_architecture_that_is_unknown_is_refused(tmp_path):
    done = image_tool(tmp_path, "sparc")
    assert (done.returncode, done.stderr) == (1, "ARCH must be x86_64 or arm64, not sparc\n")
