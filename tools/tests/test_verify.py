import json
import shutil

import numpy as np
import onnx
import pytest
from PIL import Image

from ic_tools.cli import main
from ic_tools.graph import OUTPUT, Graph
from ic_tools.preprocess import Preprocessing


def tiny_model(bias):
    """Global average pooling and one layer: 3 channels to one class for each number in `bias`."""
    graph = Graph()
    pooled = graph.global_average_pool("pool", "pixel_values")
    bias = np.float32(bias)
    graph.linear(OUTPUT, pooled, np.ones((len(bias), 3), np.float32), bias)
    return graph.to_model("tiny", 32, len(bias)).SerializeToString()


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(tiny_model([0, 2, 1]))
    names = {"0": "ant", "1": "bee", "2": "cat"}
    (folder / "config.json").write_text(json.dumps({"id2label": names}))
    steps = Preprocessing(36, 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    (folder / "preprocessor_config.json").write_text(json.dumps(steps.to_config()))
    (folder / "labels.tsv").write_text("class_id\ten\n0\tant\n1\tbee\n2\tcat\n")
    return folder


def test_sound_bundle_is_accepted_and_photos_are_classified(bundle, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    Image.new("RGBA", (50, 40), (10, 200, 30, 255)).save(photo)
    assert main(["verify", str(bundle), str(photo)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "3 classes, input 32 x 32" in lines[0]
    assert lines[1] == "grey image: as many logits as labels, all finite"
    assert [line.split() for line in lines[3:]] == [
        ["66.52%", "1", "bee"],
        ["24.47%", "2", "cat"],
        ["9.00%", "0", "ant"],
    ]


@pytest.mark.parametrize("missing", ["labels.tsv", "config.json"])
def test_one_of_the_files_with_labels_is_enough(bundle, missing):
    (bundle / missing).unlink()
    assert main(["verify", str(bundle)]) == 0


def test_model_in_the_folder_onnx_is_found(bundle):
    (bundle / "onnx").mkdir()
    shutil.move(bundle / "model.onnx", bundle / "onnx" / "model.onnx")
    assert main(["verify", str(bundle)]) == 0


def edit(name, **changes):
    """Changes keys of a JSON file; None removes the key."""

    def change(bundle):
        value = json.loads((bundle / name).read_text()) | changes
        value = {key: item for key, item in value.items() if item is not None}
        (bundle / name).write_text(json.dumps(value))

    return change


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Replaces the program by a script that writes its arguments and MODEL_DIR."""
    path = tmp_path / "program"
    path.write_text('#!/bin/sh\necho "$MODEL_DIR" "$@"\n')
    path.chmod(0o755)
    monkeypatch.setattr("ic_tools.verify.find_program", lambda: path)
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"problem_type": "multi_label_classification"},
        {"graph_output": "probabilities"},
        {"model_type": "resnet"},
        {"model_type": "dinov3_vit"},
        {"model_type": "edgenext"},
    ],
)
def test_what_is_not_made_here_is_run_through_the_program(bundle, changes, program, tmp_path, capsys):
    edit("config.json", **changes)(bundle)
    photo = tmp_path / "photo.png"
    Image.new("RGB", (50, 40)).save(photo)
    assert main(["verify", str(bundle), str(photo)]) == 0
    assert capsys.readouterr().out == f"{bundle} classify {photo}\n"


@pytest.mark.parametrize("model_type", ["torchvision-resnet18", "efficientnet-lite", "efficientnet-lite0"])
def test_what_is_made_here_is_compared(bundle, model_type, capsys):
    edit("config.json", model_type=model_type)(bundle)
    assert main(["verify", str(bundle)]) == 0
    assert "grey image: as many logits as labels" in capsys.readouterr().out


def write(name, content):
    def change(bundle):
        content_bytes = content if isinstance(content, bytes) else content.encode()
        (bundle / name).write_bytes(content_bytes)

    return change


def remove(*names):
    def change(bundle):
        for name in names:
            (bundle / name).unlink()

    return change


CONFIG = "preprocessor_config.json"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (shutil.rmtree, "there is no directory"),
        (remove("model.onnx"), "neither model.onnx nor onnx/model.onnx"),
        (write("model.onnx", ""), "the file is empty"),
        (write("model.onnx", "version https://git-lfs.github.com/spec/v1"), "git lfs pull"),
        (write("model.onnx", b"\x08\x08" + bytes(100)), "ONNX Runtime does not load it"),
        (write("model.onnx", tiny_model([0, 1])), "has 2 outputs, but there are 3 labels"),
        (write("model.onnx", tiny_model([0, np.nan, 1])), "not finite"),
        (write("README.md", f"---\nmodel_sha256: {'0' * 64}\n---\n"), f"README.md says {'0' * 64}"),
        (remove(CONFIG), f"{CONFIG}: there is no such file"),
        (write(CONFIG, "{"), f"{CONFIG}: Expecting"),
        (write(CONFIG, "[]"), "expected an object, found a list"),
        (edit(CONFIG, size=None), "'size'"),
        (edit(CONFIG, image_mean=[0.5]), "not understood"),
        (edit(CONFIG, do_rescale=False), "found otherwise: do_rescale"),
        (edit(CONFIG, crop_size={"height": 20, "width": 20}), "its input is"),
        (edit(CONFIG, image_processor_type="ViTImageProcessor"), "ViTImageProcessor has rules"),
        (remove("config.json", "labels.tsv"), "config.json: there is no such file"),
        (write("config.json", "nonsense"), "config.json: Expecting"),
        (edit("config.json", id2label={"0": "ant"}), "3 labels and config.json 1"),
        (write("labels.tsv", "class_id\ten\n0\tant\n2\tcat\n"), "none for class 1"),
    ],
)
def test_each_fault_is_refused_in_one_line_that_names_it(bundle, change, fault, capsys):
    change(bundle)
    assert main(["verify", str(bundle)]) == 1
    message = capsys.readouterr().err
    assert fault in message
    assert message.count("\n") == 1


def test_what_is_no_image_is_refused(bundle, tmp_path, capsys):
    (tmp_path / "photo.png").write_text("no image")
    assert main(["verify", str(bundle), str(tmp_path / "photo.png")]) == 1
    assert "photo.png is no image" in capsys.readouterr().err


def test_grey_image_checks_width_before_values(bundle, capsys):
    """A model with one class too many is reported as such, whatever it outputs."""
    model = onnx.load_from_string(tiny_model([np.nan] * 4))
    (bundle / "model.onnx").write_bytes(model.SerializeToString())
    assert main(["verify", str(bundle)]) == 1
    assert "4 outputs" in capsys.readouterr().err
