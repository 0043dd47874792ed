import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from ic_tools.cli import main
from ic_tools.graph import OUTPUT, Graph
from ic_tools.observe import Moments, observe
from ic_tools.preprocess import Preprocessing
from ic_tools.qdq import to_qdq
from ic_tools.rounding import from_rows, round_rows, scales, to_rows

SIZE = 16
CLASSES = 4


def small_network():
    """A network like EfficientNet-Lite: dense, depthwise and pointwise convolutions, and a sum."""
    random = np.random.default_rng(5)

    def weight(*shape):
        return random.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    def bias(size):
        return random.normal(0, 0.1, size).astype(np.float32)

    graph = Graph()
    x = graph.conv("stem", "pixel_values", weight(8, 3, 3, 3), bias(8), stride=2, padding=(0, 1))
    x = kept = graph.relu6("stem.relu6", x)
    # A filter of zeros, as in the published weights.
    depthwise = weight(8, 1, 3, 3)
    depthwise[2] = 0
    x = graph.conv("depthwise", x, depthwise, bias(8), stride=1, padding=(1, 1))
    x = graph.relu6("depthwise.relu6", x)
    x = graph.conv("project", x, weight(8, 8, 1, 1), bias(8), stride=1, padding=(0, 0))
    x = graph.global_average_pool("pool", graph.add("add", x, kept))
    graph.linear(OUTPUT, x, 4 * weight(CLASSES, 8), bias(CLASSES))
    return graph.to_model("small", SIZE, CLASSES)


def pictures(count, seed=0):
    """Smooth pictures, because neighbouring pixels of photos are similar."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [Image.fromarray(x).resize((20, 18), Image.Resampling.BICUBIC) for x in coarse]


STEPS = Preprocessing(SIZE, SIZE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(small_network().SerializeToString())
    names = {str(class_id): f"class {class_id}" for class_id in range(CLASSES)}
    (folder / "config.json").write_text(json.dumps({"id2label": names}))
    (folder / "preprocessor_config.json").write_text(json.dumps(STEPS.to_config()))
    card = "---\nmodel_name: small\nlicense: mit\n---\n\n# Small\n\n## Limits\n\nKnows little.\n"
    (folder / "README.md").write_text(card)
    return folder


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, picture in enumerate(pictures(24)):
        picture.save(folder / f"{number:02}.png")
    return folder


def test_quantized_bundle_agrees_and_says_so(bundle, photos, tmp_path, capsys):
    out = tmp_path / "int8"
    assert main(["quantize", str(bundle), "--photos", str(photos), "--out", str(out)]) == 0
    assert "same top-1 as the float model: 24 of 24 photos" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {
        "model.onnx", "config.json", "preprocessor_config.json", "README.md"
    }
    card = (out / "README.md").read_text()
    assert "model_name: small\nlicense: mit\nprecision: int8\nmodel_sha256: " in card
    assert "# small in 8-bit integers" in card and card.endswith("## Limits\n\nKnows little.\n")
    model = onnx.load(out / "model.onnx")
    assert {node.op_type for node in model.graph.node} >= {"QLinearConv", "QGemm"}
    (source,), outputs = model.graph.input, model.graph.output
    assert [item.name for item in outputs] == [OUTPUT, "features"]
    assert {item.type.tensor_type.elem_type for item in (source, *outputs)} == {TensorProto.FLOAT}


def test_each_photo_is_opened_once(bundle, photos, tmp_path, monkeypatch):
    opened = []
    read_bytes = Path.read_bytes

    def counted(path):
        opened.append(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    monkeypatch.setattr(Image, "open", lambda file, _open=Image.open: opened.append(file) or _open(file))
    out = tmp_path / "int8"
    assert main(["quantize", str(bundle), "--photos", str(photos), "--out", str(out)]) == 0
    # Once from disk, and once as a picture; all other paths belong to the bundle.
    assert sorted(path for path in opened if photos in Path(str(path)).parents) == sorted(photos.iterdir())


def test_card_whose_header_does_not_end_is_a_card_without_header(bundle, photos, tmp_path):
    (bundle / "README.md").write_text("---\nmodel_name: small\n\n## Limits\n\nKnows little.\n")
    out = tmp_path / "int8"
    assert main(["quantize", str(bundle), "--photos", str(photos), "--out", str(out)]) == 0
    card = (out / "README.md").read_text()
    assert card.startswith("---\nmodel_name: bundle\n") and card.endswith("## Limits\n\nKnows little.\n")


def test_no_two_neighbours_of_a_filter_can_saturate_sixteen_bits():
    statistics = observe(small_network(), [STEPS.apply(picture) for picture in pictures(8)])
    model = to_qdq(small_network(), statistics, (-1, 1))
    constants = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    for name in ("stem.weight", "project.weight", f"{OUTPUT}.weight"):
        weight = constants[f"{name}.quantized"]
        assert weight.dtype == np.int8
        rows = to_rows(weight.astype(int))
        pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(rows), -1, 2)
        most = max(np.maximum(sign * pairs, 0).sum(2).max() for sign in (1, -1))
        assert 100 < most <= 128, name


def correlated(taps, samples=500):
    random = np.random.default_rng(2)
    return (random.normal(2, 1, (samples, 1)) + random.normal(0, 0.1, (samples, taps)))[None]


def test_what_rounding_does_to_the_output_is_made_good():
    """Compared with rounding to nearest, on inputs that are correlated like pixels."""
    patches = correlated(9)
    moments = Moments()
    moments.add(patches)
    rows = np.random.default_rng(3).normal(0, 1, (6, 9))
    scale = scales(rows, in_pairs=True)
    rounded, shift = round_rows(rows, scale, moments, in_pairs=True)

    def error(whole, shift):
        return np.abs(patches[0] @ (rows - whole * scale[:, None]).T - shift).mean()

    assert error(rounded, shift) < error(np.round(rows / scale[:, None]), 0) / 5
    np.testing.assert_allclose(
        (patches[0] @ (rows - rounded * scale[:, None]).T).mean(0), shift, atol=1e-9
    )


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 2), (4, 1, 3, 3)])
def test_taps_go_by_row_column_and_channel_and_back(shape):
    weight = np.arange(np.prod(shape)).reshape(shape)
    rows = to_rows(weight)
    if shape == (4, 3, 2, 2):
        assert list(rows[0, :3]) == list(weight[0, :, 0, 0])
    np.testing.assert_array_equal(from_rows(rows, shape), weight)


def test_halves_add_up_to_what_was_seen_of_all():
    seen = [STEPS.apply(picture) for picture in pictures(6)]
    model = small_network()
    whole = observe(model, seen[:3]) + observe(model, seen[3:])
    expected = observe(model, seen)
    assert whole.ranges == expected.ranges
    assert whole.moments[OUTPUT].count == expected.moments[OUTPUT].count == 6
    np.testing.assert_allclose(
        whole.moments[OUTPUT].covariance(), expected.moments[OUTPUT].covariance(), atol=1e-5
    )


def replaced_operator(bundle, photos):
    model = onnx.load(bundle / "model.onnx")
    node = next(node for node in model.graph.node if node.op_type == "Clip")
    node.CopyFrom(helper.make_node("Relu", node.input[:1], node.output, name=node.name))
    onnx.save(model, bundle / "model.onnx")


def without_a_bias(bundle, photos):
    model = onnx.load(bundle / "model.onnx")
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    del node.input[2]
    onnx.save(model, bundle / "model.onnx")


def only_one_photo(bundle, photos):
    for path in sorted(photos.iterdir())[1:]:
        path.unlink()


def no_photo(bundle, photos):
    only_one_photo(bundle, photos)
    next(photos.iterdir()).unlink()


def two_classes_alike(bundle, photos):
    """Two classes that alternate in the lead, by less than 8 bits can distinguish."""
    model = onnx.load(bundle / "model.onnx")
    random = np.random.default_rng(9)
    for item in model.graph.initializer:
        value = numpy_helper.to_array(item).copy()
        if item.name == f"{OUTPUT}.weight":
            value[1] = value[0] + random.normal(0, 1e-3, value.shape[1])
        elif item.name == f"{OUTPUT}.bias":
            value[:2] = 50
        else:
            continue
        item.CopyFrom(numpy_helper.from_array(value, item.name))
    onnx.save(model, bundle / "model.onnx")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (replaced_operator, "not Relu"),
        (without_a_bias, "stem has no bias"),
        (only_one_photo, "holds one photo"),
        (no_photo, "holds no photos"),
        (two_classes_alike, "which is too few"),
    ],
)
def test_what_cannot_be_quantized_is_refused_and_nothing_written(
    bundle, photos, tmp_path, change, fault, capsys
):
    change(bundle, photos)
    out = tmp_path / "int8"
    assert main(["quantize", str(bundle), "--photos", str(photos), "--out", str(out)]) == 1
    message = capsys.readouterr().err
    assert fault in message and message.count("\n") == 1
    assert not out.exists()


def test_float_model_is_not_overwritten(bundle, photos, capsys):
    before = (bundle / "model.onnx").read_bytes()
    assert main(["quantize", str(bundle), "--photos", str(photos), "--out", str(bundle)]) == 1
    assert "name another folder" in capsys.readouterr().err
    assert (bundle / "model.onnx").read_bytes() == before
