import hashlib
from pathlib import Path

import pytest
import torch

from ic_tools.bundle import sha256, split
from ic_tools.compare import TOLERANCE, Comparison
from ic_tools.errors import ExportError
from ic_tools.lite_recipes import EFFICIENTNET_LITE0, EFFICIENTNET_LITE1, EFFICIENTNET_LITE2
from ic_tools.weights import count_parameters, load_verified


REPOSITORY = Path(__file__).resolve().parents[2]


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


def test_committed_model_is_what_the_recipe_makes(model):
    """The bundle in the repository can be made again, byte by byte."""
    files = split(model.SerializeToString(deterministic=True))
    assert sha256(files) == "d4a85655d5741a677d57a25732a760b1215113ac8265bbc9ef9c363207b8fe2d"
    assert all((REPOSITORY / "model" / name).read_bytes() == content for name, content in files.items())


def test_model_that_differs_from_pytorch_is_refused(model, weights):
    network = reference(weights)
    with torch.no_grad():
        network._fc.bias[7] += 2 * TOLERANCE
    with pytest.raises(ExportError, match="differ by 0.002"):
        Comparison(model.SerializeToString(), network, 224).run_random()
