"""Rewrites the graph of a float network for 8-bit integers, in ONNX's QDQ form."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .errors import ExportError
from .graph import IR_VERSION, OPSET
from .observe import Statistics, is_depthwise
from .rounding import from_rows, round_rows, scales, to_rows

_KNOWN = ("Conv", "Clip", "Add", "GlobalAveragePool", "Flatten", "Gemm")
_LEVELS = 255
# A bias is an i32 at the scale of weight times input; half of its range is kept free.
_BIAS_LIMIT = 2**30


def to_qdq(
    model: onnx.ModelProto, statistics: Statistics, input_range: tuple[float, float]
) -> onnx.ModelProto:
    """Returns the graph with s8 weights (one scale per filter), u8 activations and i32 biases. The output stays f32.

    `statistics` belong to `model`; `input_range` is the range that preprocessing can produce. Raises `ExportError` for
    a graph with operators that EfficientNet-Lite does not have.
    """
    unknown = sorted({node.op_type for node in model.graph.node} - set(_KNOWN))
    if unknown:
        raise ExportError(f"only networks of {', '.join(_KNOWN)} are known, not {unknown[0]}")
    return _Rewriter(model, statistics, input_range).run()


class _Rewriter:
    def __init__(
        self, model: onnx.ModelProto, statistics: Statistics, input_range: tuple[float, float]
    ) -> None:
        self._model = model
        self._weights = {
            item.name: numpy_helper.to_array(item) for item in model.graph.initializer
        }
        self._clipped = {
            node.input[0] for node in model.graph.node if node.op_type == "Clip"
        }
        self._statistics = statistics
        self._input_range = input_range
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        # Scales of the quantised tensors.
        self._scales: dict[str, np.float32] = {}

    def run(self) -> onnx.ModelProto:
        graph = self._model.graph
        (source,) = graph.input
        self._quantize(source.name, self._input_range)
        outputs = {item.name for item in graph.output}
        for node in graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.input[:] = [self._dequantized(name) for name in node.input]
            if node.op_type in ("Conv", "Gemm"):
                self._layer(node)
            for name in node.input[1:] if node.op_type == "Clip" else ():
                self._constant(name, self._weights[name])
            self._nodes.append(copy)
            (name,) = node.output
            # ONNX Runtime merges a convolution and the Clip after it into one integer operator.
            if name not in outputs | self._clipped:
                self._quantize(name, self._range(node))
        rewritten = helper.make_graph(
            self._nodes, graph.name, graph.input, graph.output, list(self._constants.values())
        )
        result = helper.make_model(
            rewritten,
            producer_name="ic_tools",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(result, full_check=True)
        return result

    def _range(self, node: onnx.NodeProto) -> tuple[float, float]:
        """Returns the range of a node's output: Clip's limits, or the observed range."""
        if node.op_type == "Clip":
            low, high = (float(self._weights[name]) for name in node.input[1:])
            return low, high
        return self._statistics.ranges[node.output[0]]

    def _layer(self, node: onnx.NodeProto) -> None:
        """Quantises the weight and the bias of a Conv or Gemm."""
        if len(node.input) != 3:
            raise ExportError(f"{node.op_type} {node.name} has no bias; only layers with one are known")
        x, weight_name, bias_name = node.input
        weight, bias = self._weights[weight_name], self._weights[bias_name]
        rows = to_rows(weight)
        # Kernels for depthwise convolutions add each product separately.
        in_pairs = not is_depthwise(weight)
        moments = self._statistics.moments[node.name]
        scale = scales(rows, in_pairs)
        # A filter of zeros can still have a bias.
        least = np.abs(bias) / self._scales[x] / _BIAS_LIMIT
        scale = np.maximum(scale, np.maximum(least, 1e-12)).astype(np.float32)
        rounded, shift = round_rows(rows, scale, moments, in_pairs)
        self._dequantize(weight_name, from_rows(rounded.astype(np.int8), weight.shape), scale)
        bias_scale = scale * self._scales[x]
        whole = np.round((bias + shift) / bias_scale).astype(np.int32)
        self._dequantize(bias_name, whole, bias_scale)

    def _dequantize(self, name: str, whole: np.ndarray, scale: np.ndarray) -> None:
        """Adds a constant stored as integers, with one scale per entry of axis 0."""
        inputs = [
            self._constant(f"{name}.quantized", whole),
            self._constant(f"{name}.scale", scale),
            self._constant(f"{name}.zero", np.zeros(len(scale), whole.dtype)),
        ]
        self._nodes.append(
            helper.make_node("DequantizeLinear", inputs, [name], name=name, axis=0)
        )

    def _quantize(self, name: str, seen: tuple[float, float]) -> None:
        """Rounds the tensor `name` to integers and back; 0 is representable."""
        low, high = min(seen[0], 0.0), max(seen[1], 0.0)
        scale = np.float32(max(high - low, 1e-6) / _LEVELS)
        self._scales[name] = scale
        parameters = [
            self._constant(f"{name}.scale", scale),
            self._constant(f"{name}.zero", np.uint8(np.round(-low / scale))),
        ]
        whole, back = f"{name}.quantized", f"{name}.dequantized"
        self._nodes += [
            helper.make_node("QuantizeLinear", [name, *parameters], [whole], name=whole),
            helper.make_node("DequantizeLinear", [whole, *parameters], [back], name=back),
        ]

    def _dequantized(self, name: str) -> str:
        return f"{name}.dequantized" if name in self._scales else name

    def _constant(self, name: str, value: np.ndarray) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name
