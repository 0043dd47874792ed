"""The second output: which tensor it is, and that nothing else changes."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torchvision
from onnx import TensorProto, helper, numpy_helper

from ic_tools.bundle import GRAPH, WEIGHTS
from ic_tools.cli import main
from ic_tools.errors import ExportError
from ic_tools.features import FEATURES, add_features, drop_features
from ic_tools.torch_onnx import export_torch

COMMITTED = Path(__file__).resolve().parents[2] / "model"
CHANNELS, SIDE, CLASSES = 6, 4, 5
F32 = TensorProto.FLOAT


def run(model: onnx.ModelProto, names: list[str], pixels: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(names, {session.get_inputs()[0].name: pixels})


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)


def network(nodes: list[onnx.NodeProto], **constants: np.ndarray) -> onnx.ModelProto:
    """A picture of eight by eight pixels, a convolution `map` with six channels, then `nodes` to `logits`."""
    first = helper.make_node("Conv", ["image", "filters"], ["conv"], kernel_shape=[2, 2], strides=[2, 2])
    relu = helper.make_node("Relu", ["conv"], ["map"])
    constants = {"filters": noise(CHANNELS, 3, 2, 2), "weight": noise(CHANNELS, CLASSES), **constants}
    used = {name for node in (first, *nodes) for name in node.input}
    graph = helper.make_graph(
        [first, relu, *nodes],
        "tiny",
        [helper.make_tensor_value_info("image", F32, ["batch", 3, 2 * SIDE, 2 * SIDE])],
        [helper.make_tensor_value_info("logits", F32, ["batch", CLASSES])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def node(kind: str, *inputs: str, to: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), [to], **attributes)


POOL = node("GlobalAveragePool", "map", to="pool")
FLATTEN = node("Flatten", "pool", to="flat", axis=1)
GEMM = node("Gemm", "flat", "weight", to="logits")
MAP, VECTOR = (1, CHANNELS, SIDE, SIDE), (1, CHANNELS)
QUANTISED = {"scale": np.float32(0.02), "zero": np.uint8(0)}
STEPS = ("scale", "zero")


@pytest.mark.parametrize(
    ("shape", "nodes", "constants"),
    [
        (MAP, [POOL, FLATTEN, GEMM], {}),
        (MAP, [node("ReduceMean", "map", to="flat", axes=[-1, -2], keepdims=0), GEMM], {}),
        (MAP, [POOL, node("Reshape", "pool", "shape", to="flat"), GEMM], {"shape": np.array([-1, CHANNELS])}),
        (
            MAP,
            [
                POOL,
                FLATTEN,
                node("MatMul", "flat", "weight", to="product"),
                node("Add", "bias", "product", to="sum"),
                node("Softmax", "sum", to="logits"),
            ],
            {"bias": noise(CLASSES)},
        ),
        # The classifier is a convolution, before or after the pool.
        (
            MAP,
            [
                node("Conv", "map", "columns", to="maps", kernel_shape=[1, 1]),
                node("GlobalAveragePool", "maps", to="means"),
                node("Flatten", "means", to="logits"),
            ],
            {"columns": noise(CLASSES, CHANNELS, 1, 1)},
        ),
        (
            MAP,
            [POOL, node("Conv", "pool", "columns", to="one", kernel_shape=[1, 1]), node("Flatten", "one", to="logits")],
            {"columns": noise(CLASSES, CHANNELS, 1, 1)},
        ),
        # An operator between pool and classifier changes the values: the classifier does not see the mean over the map.
        (VECTOR, [POOL, FLATTEN, node("Tanh", "flat", to="bent"), node("Gemm", "bent", "weight", to="logits")], {}),
        # A maximum is not a mean.
        (VECTOR, [node("ReduceMax", "map", to="flat", axes=[2, 3], keepdims=0), GEMM], {}),
        # Integers in between, as quantisers write them.
        (
            MAP,
            [
                node("QuantizeLinear", "map", *STEPS, to="map8"),
                node("DequantizeLinear", "map8", *STEPS, to="mapf"),
                node("GlobalAveragePool", "mapf", to="pool"),
                node("QuantizeLinear", "pool", *STEPS, to="pool8"),
                node("DequantizeLinear", "pool8", *STEPS, to="poolf"),
                node("Flatten", "poolf", to="flat"),
                GEMM,
            ],
            QUANTISED,
        ),
        (
            MAP,
            [
                POOL,
                FLATTEN,
                node("QuantizeLinear", "flat", *STEPS, to="flat8"),
                node("QLinearMatMul", "flat8", *STEPS, "weight8", *STEPS, *STEPS, to="sum8"),
                node("DequantizeLinear", "sum8", *STEPS, to="logits"),
            ],
            QUANTISED | {"weight8": np.full((CHANNELS, CLASSES), 3, np.uint8)},
        ),
        (
            MAP,
            [
                POOL,
                FLATTEN,
                helper.make_node("DynamicQuantizeLinear", ["flat"], ["flat8", "scale8", "zero8"]),
                node("MatMulInteger", "flat8", "weight8", "zero8", to="sum32"),
                helper.make_node("Cast", ["sum32"], ["sum"], to=F32),
                node("Mul", "sum", "scale8", to="logits"),
            ],
            {"weight8": np.full((CHANNELS, CLASSES), 3, np.uint8)},
        ),
    ],
)
def test_features_are_what_the_classifier_averages_or_sees(shape, nodes, constants):
    model = network(nodes, **constants)
    pixels = noise(1, 3, 2 * SIDE, 2 * SIDE)
    (before,) = run(model, ["logits"], pixels)
    add_features(model)
    onnx.checker.check_model(model, full_check=True)
    after, features = run(model, ["logits", FEATURES], pixels)
    assert features.shape == shape
    np.testing.assert_array_equal(after, before)
    declared = [d.dim_param or d.dim_value for d in model.graph.output[1].type.tensor_type.shape.dim]
    assert declared == ["batch", *shape[1:]]
    if shape == MAP:
        convolved = np.maximum(torch.nn.functional.conv2d(
            torch.from_numpy(pixels), torch.from_numpy(noise(CHANNELS, 3, 2, 2)), stride=2
        ).numpy(), 0)
        tolerance = 0.011 if "scale" in constants and nodes[0].op_type == "QuantizeLinear" else 1e-5
        np.testing.assert_allclose(features, convolved, atol=tolerance)


@pytest.mark.parametrize(
    ("nodes", "constants", "fault"),
    [
        ([node("Flatten", "map", to="flat"), node("Relu", "flat", to="logits")], {}, "comes from Conv|comes from a conv"),
        (
            [POOL, FLATTEN, node("Gemm", "flat", "weight", to="a"), node("Tanh", "flat", to="t"),
             node("Gemm", "t", "weight", to="b"), node("Add", "a", "b", to="logits")],
            {},
            "logits comes from 2 layers",
        ),
        ([POOL, FLATTEN, node("Gemm", "flat", "weight", to="a"), node("Tanh", "a", to="logits")], {}, "comes from Tanh"),
    ],
)
def test_a_classifier_that_is_not_found_is_refused_with_the_reason_and_nothing_changes(nodes, constants, fault):
    model = network(nodes, **constants)
    before = model.SerializeToString(deterministic=True)
    with pytest.raises(ExportError, match=fault):
        add_features(model)
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("name", "shape"), [("resnet18", (1, 512, 2, 2)), ("squeezenet1_1", (1, 512, 3, 3)), ("mobilenet_v3_small", (1, 1024))]
)
def test_features_of_torchvision_are_those_of_its_own_layers(name, shape):
    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(weights=None).eval()
    model = export_torch(network, name, 64)
    add_features(model)
    pixels = noise(1, 3, 64, 64)
    (features,) = run(model, [FEATURES], pixels)
    assert features.shape == shape
    classifier = {"resnet18": lambda n: n.fc, "squeezenet1_1": lambda n: n.classifier[1]}.get(
        name, lambda n: n.classifier[3]
    )(network)
    seen = []
    classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numpy()))
    with torch.no_grad():
        network(torch.from_numpy(pixels))
    expected = features.mean((2, 3)) if name == "resnet18" else features
    np.testing.assert_allclose(expected, seen[0], atol=1e-5)


def test_committed_graph_is_made_again_from_itself_without_the_output(tmp_path):
    """So the weights have the same bytes, with and without the output."""
    bundle, out = tmp_path / "bundle", tmp_path / "out"
    shutil.copytree(COMMITTED, bundle)
    model = onnx.load(bundle / GRAPH, load_external_data=False)
    assert model.graph.node[-1].op_type == "DequantizeLinear"
    assert list(model.graph.node[-1].output) == [FEATURES]
    del model.graph.node[-1]
    del model.graph.output[-1]
    (bundle / GRAPH).write_bytes(model.SerializeToString(deterministic=True))
    assert main(["features", str(bundle), "--out", str(out)]) == 0
    for path in COMMITTED.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    assert (out / WEIGHTS).stat().st_size > 4_000_000
    assert main(["features", str(bundle)]) == 0
    assert (bundle / GRAPH).read_bytes() == (COMMITTED / GRAPH).read_bytes()


def test_output_that_is_there_is_not_added_again(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["features", str(COMMITTED), "--out", str(out)]) == 1
    assert "has an output features already" in capsys.readouterr().err
    assert not out.exists()


def test_features_of_a_graph_of_ours_can_be_dropped_again(model):
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    add_features(changed)
    assert [item.name for item in changed.graph.output] == ["logits", FEATURES]
    drop_features(changed)
    assert changed.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)
