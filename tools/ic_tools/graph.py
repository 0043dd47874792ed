"""A small writer of ONNX graphs, with only the operators that EfficientNet-Lite needs."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

INPUT = "pixel_values"
OUTPUT = "logits"

# Opset 17 and IR 8 belong together (onnx 1.12, 2022); every ONNX Runtime since 1.12 reads them.
OPSET = 17
IR_VERSION = 8


class Graph:
    """Collects nodes in topological order. A tensor has the name of the node that produces it."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._constant("relu6.min", np.float32(0))
        self._constant("relu6.max", np.float32(6))

    def conv(
        self,
        name: str,
        x: str,
        weight: np.ndarray,
        bias: np.ndarray,
        *,
        stride: int,
        padding: tuple[int, int],
    ) -> str:
        """Adds a square convolution; `weight` is `[out, in / groups, kernel, kernel]`, `bias` `[out]`.

        One input channel per filter means depthwise. `padding` is (before, after) on both axes.
        """
        out_channels, in_per_group, kernel, _ = weight.shape
        before, after = padding
        return self._node(
            "Conv",
            name,
            [x, self._constant(f"{name}.weight", weight), self._constant(f"{name}.bias", bias)],
            group=out_channels if in_per_group == 1 else 1,
            kernel_shape=[kernel, kernel],
            pads=[before, before, after, after],
            strides=[stride, stride],
        )

    def relu6(self, name: str, x: str) -> str:
        """min(max(x, 0), 6)."""
        return self._node("Clip", name, [x, "relu6.min", "relu6.max"])

    def add(self, name: str, x: str, y: str) -> str:
        """Adds two tensors of the same shape element-wise."""
        return self._node("Add", name, [x, y])

    def global_average_pool(self, name: str, x: str) -> str:
        """`[batch, C, H, W]` to `[batch, C]`."""
        pooled = self._node("GlobalAveragePool", name, [x])
        return self._node("Flatten", f"{name}.flatten", [pooled], axis=1)

    def linear(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """x Wᵀ + b with `weight` `[out, in]`, as PyTorch stores it, and `bias` `[out]`."""
        inputs = [
            x, self._constant(f"{name}.weight", weight), self._constant(f"{name}.bias", bias)
        ]
        return self._node("Gemm", name, inputs, transB=1)

    def to_model(self, name: str, image_size: int, classes: int) -> onnx.ModelProto:
        """Completes the graph; the tensor named `OUTPUT` must exist.

        Input `pixel_values` is f32 `[batch, 3, image_size, image_size]`, output `logits` f32 `[batch, classes]`;
        `batch` is dynamic. The model is checked and its shapes are inferred.
        """
        pixels = ["batch", 3, image_size, image_size]
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, pixels)],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", classes])],
            self._initializers,
        )
        model = helper.make_model(
            graph,
            producer_name="ic_tools",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _node(self, operator: str, name: str, inputs: list[str], **attributes: object) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def _constant(self, name: str, value: np.ndarray) -> str:
        self._initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name
