"""Tiny networks in each quantisation format of published graphs, for `make_models.py`.

Each averages the picture and multiplies the three means by a matrix, like the float networks.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CLASSES = 8, 3
# One row per class: `[classes, channels]`.
_WEIGHTS = np.random.default_rng(CLASSES).uniform(-6, 6, (CLASSES, 3)).astype(np.float32)
_BLOCK = 16
# The number of values of 4-bit "normal float". ONNX Runtime has the table of them.
_LEVELS = 16
_NF4 = 1


def int8() -> onnx.ModelProto:
    """8-bit weights, and activations quantised while the network runs: ONNX Runtime's `quantize_dynamic`."""
    # Half of the range, like `quantize_dynamic` with `reduce_range`. On x86-64 processors without VNNI, ONNX Runtime
    # adds two products in 16 bits, which larger weights would overflow.
    scale = np.float32(np.abs(_WEIGHTS).max() / 63)
    return _network(
        [
            helper.make_node("DynamicQuantizeLinear", ["means"], ["whole", "step", "zero"]),
            helper.make_node("MatMulInteger", ["whole", "weights", "zero"], ["sums"]),
            helper.make_node("Cast", ["sums"], ["float_sums"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["step", "scale"], ["both"]),
            helper.make_node("Mul", ["float_sums", "both"], ["logits"]),
        ],
        {"weights": np.round(_WEIGHTS.T / scale).astype(np.int8), "scale": scale},
    )


def uint8() -> onnx.ModelProto:
    """Weights and activations between QuantizeLinear and DequantizeLinear: ONNX Runtime's `quantize_static`."""
    step, scale = np.float32(1 / 255), np.float32(np.ptp(_WEIGHTS) / 255)
    zero = np.uint8(np.round(-_WEIGHTS.min() / scale))
    whole = np.clip(np.round(_WEIGHTS.T / scale) + zero, 0, 255).astype(np.uint8)
    return _network(
        [
            helper.make_node("QuantizeLinear", ["means", "step", "none"], ["whole"]),
            helper.make_node("DequantizeLinear", ["whole", "step", "none"], ["rounded"]),
            helper.make_node("DequantizeLinear", ["weights", "scale", "zero"], ["matrix"]),
            helper.make_node("MatMul", ["rounded", "matrix"], ["logits"]),
        ],
        {"step": step, "none": np.uint8(0), "weights": whole, "scale": scale, "zero": zero},
    )


def q4(element: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """Weights in blocks of 4-bit integers."""
    numpy_type = helper.tensor_dtype_to_np_dtype(element)
    scales = np.abs(_WEIGHTS).max(1) / 7
    # Two 4-bit values per byte, the first in the low bits; 8 represents 0.
    nibbles = np.full((CLASSES, _BLOCK), 8, np.uint8)
    nibbles[:, :3] = np.round(_WEIGHTS / scales[:, None]) + 8
    packed = nibbles[:, 0::2] | nibbles[:, 1::2] << 4
    node = helper.make_node(
        "MatMulNBits", ["means", "weights", "scales"], ["logits"], domain="com.microsoft",
        K=3, N=CLASSES, bits=4, block_size=_BLOCK,
    )
    constants = {"weights": packed[:, None, :], "scales": scales.astype(numpy_type)}
    return _network([node], constants, element)


def bnb4() -> onnx.ModelProto:
    """Weights as 4-bit indices into the table of "normal float", as in bitsandbytes."""
    random = np.random.default_rng(4)
    places = random.integers(0, _LEVELS, CLASSES * 3 + 1).astype(np.uint8)
    node = helper.make_node(
        "MatMulBnb4", ["means", "weights", "absmax"], ["logits"], domain="com.microsoft",
        K=3, N=CLASSES, block_size=_BLOCK, quant_type=_NF4,
    )
    constants = {
        "weights": places[0::2] << 4 | places[1::2],
        "absmax": np.array([6], np.float32),
    }
    return _network([node], constants)


def unknown_operator() -> onnx.ModelProto:
    """A network with an operator that no ONNX Runtime has."""
    return _network(
        [helper.make_node("MatMulOneBit", ["means"], ["logits"], domain="com.microsoft")], {}
    )


def future_opset() -> onnx.ModelProto:
    """A network with a version of ONNX's operators that no ONNX Runtime has."""
    model = _network([helper.make_node("Identity", ["means"], ["logits"])], {})
    model.opset_import[0].version = 99
    return model


def _network(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], element: int = TensorProto.FLOAT
) -> onnx.ModelProto:
    """Makes a model from `image` to `logits`; `nodes` begin at `means`."""
    mean = helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0)
    shape = ["batch", 3, SIDE, SIDE]
    graph = helper.make_graph(
        [mean, *nodes],
        "tiny",
        [helper.make_tensor_value_info("image", element, shape)],
        [helper.make_tensor_value_info("logits", element, ["batch", CLASSES])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
