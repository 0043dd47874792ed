import hashlib
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torchvision
from PIL import Image

from ic_tools import torchvision_recipes
from ic_tools.cli import main
from ic_tools.errors import ExportError
from ic_tools.published import find_published, published_weights
from ic_tools.torchvision_recipes import published_recipe
from ic_tools.weights import load_verified


class Poison:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


@pytest.fixture
def as_published(monkeypatch, resnet18_file):
    """Makes torchvision's entry for ResNet-18 refer to this test's file."""
    (entry,) = published_weights("resnet18")
    address = entry.url.rsplit("/", 1)[0]
    ours = type(entry)(**{**vars(entry), "url": f"{address}/{resnet18_file.name}"})
    monkeypatch.setattr("ic_tools.published.published_weights", lambda _: [ours])
    monkeypatch.setattr(torchvision_recipes, "published_weights", lambda _: [ours])
    return ours


def pictures():
    """A wide and a tall picture, with edges; torchvision's preset is applied to them, too."""
    y, x = np.mgrid[:300, :420]
    wide = np.dstack([x % 256, y % 256, 255 * ((x // 9 + y // 7) % 2)]).astype(np.uint8)
    return [Image.fromarray(wide), Image.fromarray(wide.transpose(1, 0, 2)[:, :231].copy())]


def test_resnet18_bundle_gives_the_logits_of_torchvision(
    as_published, resnet18, resnet18_file, tmp_path, capsys
):
    photos, out = tmp_path / "photos", tmp_path / "bundle"
    photos.mkdir()
    for index, picture in enumerate(pictures()):
        picture.save(photos / f"{index}.png")
    export = ["export", "resnet18", "--weights", str(resnet18_file), "--photos", str(photos)]
    assert main([*export, "--out", str(out)]) == 0
    assert "with 2 photos: " in capsys.readouterr().out
    assert main(["verify", str(out), str(photos / "0.png")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + 1 + 5

    # torchvision's own preset, from picture to pixels; it shares no code with ic_tools.
    preset = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.transforms()
    pixels = torch.stack([preset(picture) for picture in pictures()])
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"pixel_values": pixels.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(logits, resnet18(pixels).numpy(), atol=1e-3)
    recipe = published_recipe("resnet18", resnet18_file)
    ours = np.stack([recipe.preprocessing.apply(picture) for picture in pictures()])
    np.testing.assert_allclose(ours, pixels.numpy(), atol=1e-5)

    config = json.loads((out / "preprocessor_config.json").read_text())
    assert (config["size"], config["resample"]) == ({"shortest_edge": 256}, 2)
    assert config["image_mean"] == [0.485, 0.456, 0.406]
    card = (out / "README.md").read_text()
    assert "license: bsd-3-clause" in card
    assert "69.8 % top-1" in card
    assert str(tmp_path) not in card


def test_exported_graph_is_the_same_bytes_and_names_no_file_of_the_machine(
    as_published, resnet18_file
):
    recipe = published_recipe("resnet18", resnet18_file)
    state = recipe.load().state
    model = recipe.build(state)
    content = model.SerializeToString(deterministic=True)
    assert recipe.build(state).SerializeToString(deterministic=True) == content
    assert b"site-packages" not in content and b"dist-packages" not in content
    assert not any(node.doc_string for node in model.graph.node)
    assert {entry.version for entry in model.opset_import} == {17}
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert (model.graph.input[0].name, batch.dim_param) == ("pixel_values", "batch")
    assert [onnx.helper.printable_value_info(output) for output in model.graph.output] == [
        "%logits[FLOAT, batchx1000]"
    ]


def test_published_file_with_another_hash_is_refused_before_it_is_unpickled(tmp_path, capsys):
    trace = tmp_path / "trace"
    path = tmp_path / "resnet18-f37072fd.pth"
    torch.save({"fc.weight": Poison(trace)}, path)
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    out = tmp_path / "bundle"
    assert main(["export", "resnet18", "--weights", str(path), "--out", str(out)]) == 1
    message = capsys.readouterr().err
    assert actual in message and "f37072fd" in message
    assert not trace.exists() and not out.exists()


def test_code_in_a_file_with_the_right_hash_is_not_run(tmp_path):
    trace = tmp_path / "trace"
    torch.save({"fc.weight": Poison(trace)}, tmp_path / "w.pth")
    actual = hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest()
    with pytest.raises(ExportError, match="no checkpoint of tensors and plain values"):
        load_verified(tmp_path / "w.pth", actual)
    assert not trace.exists()


def test_local_file_is_told_by_the_hash_in_its_name():
    assert find_published("resnet50", "resnet50-0676ba61.pth").preprocessing.shortest_edge == 256
    assert find_published("resnet50", "resnet50-11ad3fa6 (1).pth").name == "IMAGENET1K_V2"
    with pytest.raises(ExportError, match=r"resnet18-f37072fd\.pth.*--checkpoint"):
        find_published("resnet18", "mine.pth")
    with pytest.raises(ExportError, match="resnet50-11ad3fa6.pth"):
        find_published("resnet50", "resnet18-f37072fd.pth")


@pytest.mark.parametrize(
    ("architecture", "resize", "crop", "resample"),
    [
        ("resnet18", 256, 224, "BILINEAR"),
        ("mobilenet_v3_small", 256, 224, "BILINEAR"),
        ("efficientnet_b0", 256, 224, "BICUBIC"),
        ("convnext_tiny", 236, 224, "BILINEAR"),
        ("inception_v3", 342, 299, "BILINEAR"),
        ("swin_t", 232, 224, "BICUBIC"),
    ],
)
def test_preprocessing_is_that_of_torchvisions_preset(architecture, resize, crop, resample):
    steps = published_weights(architecture)[0].preprocessing
    assert (steps.shortest_edge, steps.crop, steps.resample.name) == (resize, crop, resample)


def test_unknown_architecture_is_refused_with_names_that_are_close(tmp_path, capsys):
    assert main(["export", "resnet19", "--download", "--out", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert "resnet18" in message and "efficientnet-lite0" in message
