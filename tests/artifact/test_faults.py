"""A broken package says so: one line in the log and a non-zero status, in less than a second."""

import json
import pathlib
import subprocess
import time

import pytest

from runtime_api import environment

LIBRARY = "lib/libonnxruntime.so"
WEIGHTS = "model/model.onnx_data"


def remove(name):
    return lambda task, _: (task / name).unlink()


def replace(name, content):
    return lambda task, _: write(task / name, content)


def cut(name, keep):
    return lambda task, _: write(task / name, (task / name).read_bytes()[:keep])


def write(path: pathlib.Path, content: bytes) -> None:
    # The copy hard-links the files of the package.
    path.unlink()
    path.write_bytes(content)


def dangling(task, _):
    (task / LIBRARY).unlink()
    (task / LIBRARY).symlink_to("libonnxruntime.so.1.24.4")


def other_processor(task, libraries):
    ours = (task / LIBRARY).read_bytes()
    (other,) = (library for library in (path.read_bytes() for path in libraries.values()) if library != ours)
    write(task / LIBRARY, other)


def too_old(task, _):
    library = (task / LIBRARY).read_bytes()
    assert b"1.24.4\0" in library
    write(task / LIBRARY, library.replace(b"1.24.4\0", b"1.20.4\0").replace(b"VERS_1.24.4", b"VERS_1.20.4"))


def one_label_less(task, _):
    lines = (task / "model/labels.tsv").read_bytes().splitlines(keepends=True)
    write(task / "model/labels.tsv", b"".join(lines[:-1]))


def one_bit(task, _):
    weights = bytearray((task / WEIGHTS).read_bytes())
    weights[len(weights) // 2] ^= 1
    write(task / WEIGHTS, bytes(weights))


FAULTS = {
    "library missing": (remove(LIBRARY), ["/lib/libonnxruntime.so", "there is no such file", "1.24 or later"]),
    "library dangling": (dangling, ["it is a link to", "which does not exist"]),
    "library empty": (replace(LIBRARY, b""), ["it is not a shared library"]),
    "library a web page": (replace(LIBRARY, b"<html>Not found</html>"), ["it is not a shared library"]),
    "library cut in its header": (cut(LIBRARY, 40), ["truncated"]),
    "library cut in half": (cut(LIBRARY, 11_000_000), ["version", "it is truncated"]),
    "library without its last byte": (cut(LIBRARY, -1), ["it is truncated"]),
    "library of the other processor": (other_processor, ["it is built for another processor"]),
    "library too old": (too_old, ["version 1.20.4", "1.24 or later"]),
    "model missing": (remove("model/model.onnx"), ["it holds no .onnx file, neither itself nor in onnx/"]),
    "model empty": (replace("model/model.onnx", b""), ["model.onnx: the file is empty"]),
    "model truncated": (cut("model/model.onnx", 30_000), ["model.onnx: its sha256 is"]),
    "weights missing": (remove(WEIGHTS), ["model.onnx: its sha256 is"]),
    "weights empty": (replace(WEIGHTS, b""), ["model.onnx: its sha256 is"]),
    "weights truncated": (cut(WEIGHTS, 2_000_000), ["model.onnx: its sha256 is"]),
    "weights truncated and without a card": (
        lambda task, _: (cut(WEIGHTS, 2_000_000)(task, _), (task / "model/README.md").unlink()),
        ["model.onnx: ", "out of bounds"],
    ),
    "model not ONNX": (replace("model/model.onnx", b"not a model"), ["model.onnx: its sha256 is"]),
    "model not ONNX and without a card": (
        lambda task, _: (write(task / "model/model.onnx", b"not a model"), (task / "model/README.md").unlink()),
        ["model.onnx: Protobuf parsing failed"],
    ),
    "model of one other bit": (one_bit, ["model.onnx: its sha256 is"]),
    "labels of the wrong count": (one_label_less, ["1000 classes", "999 labels"]),
    "preprocessing missing": (remove("model/preprocessor_config.json"), ["preprocessor_config.json"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_clear_line_and_an_exit_in_less_than_a_second(fault, package, runner, libraries, tmp_path):
    break_it, expected = FAULTS[fault]
    task = tmp_path / "task"
    subprocess.run(["cp", "--recursive", "--link", package, task], check=True)
    break_it(task, libraries)
    # Nothing listens on this port: a program that gets as far as asking for work would fail in another way.
    variables = environment("127.0.0.1:9")
    start = time.monotonic()
    command = [*runner, task / "bootstrap"]
    done = subprocess.run(command, cwd=task, env=variables, capture_output=True, text=True, timeout=60 if runner else 10)
    seconds = time.monotonic() - start
    assert done.returncode == 1, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    line = json.loads(lines[0])
    print(f"{seconds * 1e3:4.0f} ms  {line['message']}")
    assert line["level"] == "ERROR"
    for text in expected:
        assert text in line["message"], line
    # An emulator takes longer, so its time is not checked.
    assert runner or seconds < 1


def test_a_variable_that_makes_no_sense_is_told_with_all_the_others(package, runner):
    variables = environment("127.0.0.1:9") | {"TOP_K": "none", "MAX_PIXELS": "-1"}
    command = [*runner, package / "bootstrap"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60 if runner else 10)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    message = json.loads(line)["message"]
    assert "TOP_K must be a number" in message and "MAX_PIXELS must be a number" in message
