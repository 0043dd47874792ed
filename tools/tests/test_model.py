import hashlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from ic_tools.bundle import sha256, split
from ic_tools.cli import main
from ic_tools.compare import TOLERANCE, Comparison
from ic_tools.errors import ExportError
from ic_tools.features import add_features
from ic_tools.lite_recipes import EFFICIENTNET_LITE0, EFFICIENTNET_LITE1, EFFICIENTNET_LITE2
from ic_tools.weights import count_parameters, load_verified


COMMITTED = Path(__file__).resolve().parents[2] / "model"
PHOTOS = os.environ.get("PHOTOS")


def reference(weights):
    return EFFICIENTNET_LITE0.reference(weights)


def test_file_with_another_hash_is_refused_and_both_hashes_are_named(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not what was published")
    actual = hashlib.sha256(b"not what was published").hexdigest()
    with pytest.raises(ExportError, match=f"{actual}, expected {'0' * 64}"):
        load_verified(path, "0" * 64)


def test_network_has_the_published_number_of_parameters(weights):
    assert count_parameters(weights) == 4_652_008


def test_graph_holds_only_the_operators_that_every_runtime_has(model):
    assert {node.op_type for node in model.graph.node} == {
        "Conv", "Clip", "Add", "GlobalAveragePool", "Flatten", "Gemm"
    }


def test_input_and_output_have_the_promised_shapes(model):
    def shape(value):
        dimensions = value.type.tensor_type.shape.dim
        return value.name, [dimension.dim_param or dimension.dim_value for dimension in dimensions]

    assert [shape(value) for value in model.graph.input] == [
        ("pixel_values", ["batch", 3, 224, 224])
    ]
    assert [shape(value) for value in model.graph.output] == [("logits", ["batch", 1000])]


def test_two_builds_are_the_same_bytes(model, weights):
    again = EFFICIENTNET_LITE0.build(weights)
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize("missing", ["_fc.bias", "_blocks.3._bn1.running_var"])
def test_weights_that_lack_a_parameter_are_refused(weights, missing):
    state = {name: tensor for name, tensor in weights.items() if name != missing}
    with pytest.raises(ExportError, match=missing):
        EFFICIENTNET_LITE0.build(state)


def test_weights_of_a_deeper_network_are_refused(weights):
    state = weights | {"_blocks.16._bn0.weight": torch.ones(1)}
    with pytest.raises(ExportError, match="_blocks.16._bn0.weight"):
        EFFICIENTNET_LITE0.build(state)


def test_onnx_runtime_agrees_with_pytorch(model, weights):
    comparison = Comparison(model.SerializeToString(), reference(weights), 224)
    comparison.run_random()
    assert 0 < comparison.worst <= TOLERANCE


@pytest.mark.parametrize(
    ("recipe", "size", "parameters"),
    [(EFFICIENTNET_LITE1, 240, 5_416_680), (EFFICIENTNET_LITE2, 260, 6_092_072)],
)
def test_larger_variants_agree_with_pytorch_too(recipe, size, parameters):
    weights = recipe.load().state
    assert count_parameters(weights) == parameters
    assert (recipe.preprocessing.crop, recipe.preprocessing.shortest_edge) == (size, size + 32)
    larger = recipe.build(weights)
    dimensions = larger.graph.input[0].type.tensor_type.shape.dim
    assert [dimension.dim_value for dimension in dimensions[1:]] == [3, size, size]
    comparison = Comparison(larger.SerializeToString(), recipe.reference(weights), size)
    comparison.run_random()
    assert 0 < comparison.worst <= TOLERANCE


def test_committed_card_names_the_float_model_that_the_recipe_makes(model):
    """So that model can be reproduced, byte by byte."""
    exported = onnx.ModelProto()
    exported.CopyFrom(model)
    add_features(exported)
    made = sha256(split(exported.SerializeToString(deterministic=True)))
    assert f"| float model | sha256 `{made}` |" in (COMMITTED / "README.md").read_text()


@pytest.mark.skipif(not PHOTOS, reason="PHOTOS names no folder to calibrate with")
def test_committed_bundle_is_what_the_documented_command_makes(tmp_path):
    """Except for rounding of float activations, which differs between kinds of processors."""
    command = ["export", "efficientnet-lite0", "--precision", "int8", "--photos", PHOTOS]
    assert main([*command, "--out", str(tmp_path)]) == 0
    for name in ("config.json", "preprocessor_config.json", "labels.tsv"):
        assert (tmp_path / name).read_bytes() == (COMMITTED / name).read_bytes(), name
    made, committed = (onnx.load(folder / "model.onnx") for folder in (tmp_path, COMMITTED))
    assert [node.op_type for node in made.graph.node] == [node.op_type for node in committed.graph.node]
    for ours, theirs in zip(made.graph.initializer, committed.graph.initializer, strict=True):
        ours, theirs = numpy_helper.to_array(ours), numpy_helper.to_array(theirs)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        difference = np.abs(ours.astype(float) - theirs)
        # An 8-bit weight may round the other way and pass the error to its neighbours.
        assert difference.mean() <= 0.01 * np.abs(theirs.astype(float)).mean(), ours.shape


def test_model_that_differs_from_pytorch_is_refused(model, weights):
    network = reference(weights)
    with torch.no_grad():
        network._fc.bias[7] += 2 * TOLERANCE
    with pytest.raises(ExportError, match="differ by 0.002"):
        Comparison(model.SerializeToString(), network, 224).run_random()
