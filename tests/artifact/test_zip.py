"""The zip contains exactly what Lambda needs, and has the same bytes wherever it is made."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

from conftest import ROOT

MAX_ZIP = 35_000_000
# Lambda's limit for an unpacked package.
MAX_UNPACKED = 250 << 20

# The hash of the library in the wheel that scripts/requirements-runtime.txt pins.
LIBRARY_SHA256 = {
    "x86_64": "2d518e11c7767f9fdc4413bdbeb45acf30db504ff76a82fc19d9238a3f9f6c24",
    "arm64": "f373ae5fd4d878ed17ebea26e5480bd3d0a15e3bd6bc94b878e6c1b73998d22a",
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_members_are_those_that_lambda_needs(archive):
    model = {path.relative_to(ROOT).as_posix() for path in (ROOT / "model").rglob("*") if path.is_file()}
    with zipfile.ZipFile(archive) as package:
        names = package.namelist()
    expected = {"bootstrap", "lib/libonnxruntime.so", "COMMIT", "LICENSE", "THIRD-PARTY-NOTICES"} | model
    assert set(names) == expected
    assert names == sorted(names), "the order depends on nothing"


def test_every_member_is_a_regular_file_with_its_mode_and_a_fixed_time(archive):
    with zipfile.ZipFile(archive) as package:
        for member in package.infolist():
            executable = member.filename in {"bootstrap", "lib/libonnxruntime.so"}
            assert oct(member.external_attr >> 16) == oct(0o100000 | (0o755 if executable else 0o644)), member
            assert member.date_time == (1980, 1, 1, 0, 0, 0), member


def test_every_member_is_what_it_says(archive, arch, libraries):
    with zipfile.ZipFile(archive) as package:
        assert package.testzip() is None
        for name in package.namelist():
            if name == "LICENSE" or name.startswith("model/"):
                assert package.read(name) == (ROOT / name).read_bytes(), name
        library = sha256(package.read("lib/libonnxruntime.so"))
    assert library == LIBRARY_SHA256[arch]
    assert {arch: sha256(path.read_bytes()) for arch, path in libraries.items()} == LIBRARY_SHA256


def test_it_is_small(archive):
    assert archive.stat().st_size <= MAX_ZIP
    with zipfile.ZipFile(archive) as package:
        assert sum(member.file_size for member in package.infolist()) <= MAX_UNPACKED


def test_the_program_tells_nothing_of_the_machine_that_built_it(package):
    program = (package / "bootstrap").read_bytes()
    for place in {str(ROOT), str(pathlib.Path.home()), os.environ.get("CARGO_HOME", "")} - {"", "/"}:
        assert place.encode() + b"/" not in program, place


def test_the_program_tells_the_commit_that_was_built(package, runner):
    recorded = (package / "COMMIT").read_text().strip()
    assert recorded == "unknown" or len(recorded.removesuffix(", with changes")) == 40
    command = [*runner, package / "bootstrap", "--version"]
    version = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f"\ncommit {recorded}\nmodel efficientnet-lite0 sha256 " in version


def test_packing_again_later_with_other_modes_gives_the_same_bytes(package, archive, tmp_path):
    copy = tmp_path / "package"
    shutil.copytree(package, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
        path.chmod(0o700)
    again = tmp_path / "again.zip"
    subprocess.run([sys.executable, ROOT / "scripts/pack.py", copy, again], check=True)
    assert sha256(again.read_bytes()) == sha256(archive.read_bytes())


def test_a_link_is_never_packed(package, tmp_path):
    copy = tmp_path / "package"
    shutil.copytree(package, copy)
    library = copy / "lib/libonnxruntime.so"
    library.rename(library.with_suffix(".so.1"))
    library.symlink_to("libonnxruntime.so.1")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/pack.py", copy, tmp_path / "a.zip"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "lib/libonnxruntime.so is not a regular file" in done.stderr


def test_the_notices_name_everything_that_is_linked_or_packed(package):
    notices = (package / "THIRD-PARTY-NOTICES").read_text()
    others = ("ONNX Runtime", "Rust standard library", "LLVM libunwind", "Zig", "The model")
    for name in ("ort ", "tokio ", "axum ", "image-webp ", *others):
        assert f"\n{name}" in notices, name
    # The program does not contain what only tests and builds use.
    for name in ("tempfile ", "syn "):
        assert f"\n{name}" not in notices, name
    for text in ("Permission is hereby granted", "LLVM Exceptions to the Apache 2.0 License"):
        assert text in notices
