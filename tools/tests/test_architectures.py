"""Networks of torchvision that need more than loading and exporting."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torchvision
from onnx import TensorProto, helper, numpy_helper
from torchvision.models.swin_transformer import ShiftedWindowAttentionV2

from ic_tools.architectures import build_network, load_state, modern_names
from ic_tools.compare import RELATIVE_TOLERANCE, TOLERANCE, Comparison
from ic_tools.errors import ExportError
from ic_tools.graph import INPUT, OUTPUT
from ic_tools.torch_onnx import export_torch


def test_mnasnet_is_loaded_from_a_plain_dict_of_tensors():
    """Such a dict does not state the version, which torchvision requires."""
    torch.manual_seed(0)
    network = torchvision.models.mnasnet0_5(weights=None).eval()
    state = dict(network.state_dict())
    loaded = load_state(build_network("mnasnet0_5", 1000), state)
    pixels = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded(pixels), network(pixels))


def test_layers_of_old_vision_transformers_and_densenets_get_todays_names():
    old = {
        "encoder.layers.encoder_layer_0.mlp.linear_1.weight": 1,
        "encoder.layers.encoder_layer_0.mlp.linear_2.bias": 2,
        "features.denseblock1.denselayer1.norm.1.weight": 3,
        "fc.weight": 4,
    }
    assert modern_names(old) == {
        "encoder.layers.encoder_layer_0.mlp.0.weight": 1,
        "encoder.layers.encoder_layer_0.mlp.3.bias": 2,
        "features.denseblock1.denselayer1.norm1.weight": 3,
        "fc.weight": 4,
    }


def test_weights_that_no_onnx_file_can_hold_are_refused_with_their_size():
    class Large(torch.nn.Module):
        def parameters(self, recurse=True):
            return iter([torch.empty(600_000_000, device="meta")])

    with pytest.raises(ExportError, match=r"large has 2\.4 GB of weights; .* 2 GB at most"):
        export_torch(Large(), "large", 224)


def test_attention_of_swin_transformer_v2_is_exported_without_the_biases_of_the_keys():
    """A checkpoint may contain such biases. The network sets them to zero on each run."""

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = ShiftedWindowAttentionV2(8, [2, 2], [1, 1], num_heads=2)

        def forward(self, pixels):
            channels_last = torch.cat([pixels] * 3, dim=1)[:, :8].permute(0, 2, 3, 1)
            return self.attention(channels_last).mean(dim=(1, 2))

    torch.manual_seed(0)
    network = Attention().eval()
    with torch.no_grad():
        network.attention.qkv.bias.normal_()
    pixels = torch.randn(1, 3, 4, 4)
    with torch.no_grad():
        expected = network(pixels).numpy()
    model = export_torch(network, "attention", 4).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {INPUT: pixels.numpy()})
    np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-5)


def graph_of(factor: float) -> bytes:
    """A graph that outputs `factor` times its input's first four values."""
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", [INPUT, "shape"], ["flat"]),
            helper.make_node("Slice", ["flat", "start", "end", "axis"], ["four"]),
            helper.make_node("Mul", ["four", "factor"], [OUTPUT]),
        ],
        "times",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", 4])],
        [
            numpy_helper.from_array(np.array([-1, 192]), "shape"),
            numpy_helper.from_array(np.array([0]), "start"),
            numpy_helper.from_array(np.array([4]), "end"),
            numpy_helper.from_array(np.array([1]), "axis"),
            numpy_helper.from_array(np.float32(factor), "factor"),
        ],
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()


class Times(torch.nn.Module):
    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, pixels):
        return pixels.flatten(1)[:, :4] * self.factor


@pytest.mark.parametrize("factor", [1, 1000])
def test_rounding_is_allowed_in_proportion_to_the_range_of_the_logits(factor):
    def difference(part):
        comparison = Comparison(graph_of(factor * (1 + part)), Times(factor), 8)
        comparison.run(np.linspace(-1, 1, 192, dtype=np.float32).reshape(1, 3, 8, 8))
        return comparison

    # The first four values range over 0.03; the allowed fraction of that is less than `TOLERANCE`.
    allowed = max(TOLERANCE, RELATIVE_TOLERANCE * 0.0314 * factor)
    assert difference(0.9 * allowed / factor).worst <= allowed
    with pytest.raises(ExportError, match="logits range over"):
        difference(1.2 * allowed / factor)
