"""EfficientNet-Lite as an ONNX graph, built from the state dict of the PyTorch port.

Architecture: "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (arXiv:1905.11946) in
TensorFlow's Lite variant: no squeeze-and-excitation, ReLU6 instead of swish. Parameter names are those of the PyPI
package `efficientnet-lite-pytorch`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import onnx

from .errors import ExportError
from .graph import INPUT, OUTPUT, Graph
from .layers import BatchNorm, fold_batch_norm, same_padding
from .weights import StateDict

# TensorFlow's constant for these models, not PyTorch's default of 1e-5; the port has the same value in
# `global_params.batch_norm_epsilon`.
BATCH_NORM_EPSILON = 1e-3


class Stage(NamedTuple):
    """Inverted residual blocks with one output size; `stride` is the stride of the first block.

    Kernel sizes, expansion and widths come from the weights.
    """

    blocks: int
    stride: int


# The stages of Lite0, which scales neither depth nor width.
LITE0_STAGES = (
    Stage(1, 1), Stage(2, 2), Stage(2, 2), Stage(3, 2), Stage(3, 1), Stage(4, 2), Stage(1, 1)
)


def deepen(stages: tuple[Stage, ...], factor: float) -> tuple[Stage, ...]:
    """Applies compound scaling of the depth: `factor` times the blocks, rounded up.

    The Lite variant does not scale stem and head, so the first and the last stage are unchanged.
    """
    first, *middle, last = stages
    scaled = (stage._replace(blocks=math.ceil(factor * stage.blocks)) for stage in middle)
    return (first, *scaled, last)


class FeatureMap(NamedTuple):
    """A tensor of the graph, `[batch, channels, size, size]`."""

    tensor: str
    channels: int
    size: int


def build_efficientnet_lite(
    name: str, state: StateDict, stages: tuple[Stage, ...], image_size: int
) -> onnx.ModelProto:
    """Returns the whole network, from pixels `[batch, 3, S, S]`, S = `image_size`, to logits.

    Raises `ExportError` if a parameter is missing or unused: either means that the weights are of another architecture.
    """
    writer = _Writer(state)
    try:
        classes = writer.write(stages, image_size)
    except KeyError as missing:
        raise ExportError(f"the weights lack the parameter {missing}") from None
    if writer.unused:
        raise ExportError(f"the weights have unknown parameters: {', '.join(writer.unused)}")
    return writer.graph.to_model(name, image_size, classes)


class _Writer:
    """Moves parameters from the state dict to a graph; unused ones remain in `unused`."""

    def __init__(self, state: StateDict) -> None:
        self.unused = {
            name: tensor.numpy()
            for name, tensor in state.items()
            if not name.endswith("num_batches_tracked")
        }
        self.graph = Graph()

    def write(self, stages: tuple[Stage, ...], image_size: int) -> int:
        """Writes every layer in order; returns the number of classes."""
        x = FeatureMap(INPUT, 3, image_size)
        x = self._conv("stem", x, "_conv_stem", "_bn0", stride=2)
        index = 0
        for stage in stages:
            for position in range(stage.blocks):
                x = self._block(index, x, stride=stage.stride if position == 0 else 1)
                index += 1
        x = self._conv("head", x, "_conv_head", "_bn1")
        pooled = self.graph.global_average_pool("pool", x.tensor)
        weight, bias = self.unused.pop("_fc.weight"), self.unused.pop("_fc.bias")
        self.graph.linear(OUTPUT, pooled, weight, bias)
        return len(bias)

    def _block(self, index: int, block_input: FeatureMap, *, stride: int) -> FeatureMap:
        """Writes a block: expand 1x1 (unless the widths are equal), depthwise, project 1x1, and skip.

        The projection has no activation. The skip exists if input and output have the same shape.
        """
        source, name, x = f"_blocks.{index}", f"block{index}", block_input
        if f"{source}._expand_conv.weight" in self.unused:
            x = self._conv(f"{name}.expand", x, f"{source}._expand_conv", f"{source}._bn0")
        x = self._conv(
            f"{name}.depthwise", x, f"{source}._depthwise_conv", f"{source}._bn1", stride=stride
        )
        x = self._conv(
            f"{name}.project", x, f"{source}._project_conv", f"{source}._bn2", activation=False
        )
        if x[1:] != block_input[1:]:
            return x
        return x._replace(tensor=self.graph.add(f"{name}.add", x.tensor, block_input.tensor))

    def _conv(
        self,
        name: str,
        x: FeatureMap,
        conv: str,
        norm: str,
        *,
        stride: int = 1,
        activation: bool = True,
    ) -> FeatureMap:
        """Writes a convolution with its BatchNorm folded in, "SAME" padding and optionally ReLU6."""
        weight, bias = fold_batch_norm(self.unused.pop(f"{conv}.weight"), self._batch_norm(norm))
        channels, _, kernel, _ = weight.shape
        padding = same_padding(x.size, kernel, stride)
        tensor = self.graph.conv(name, x.tensor, weight, bias, stride=stride, padding=padding)
        if activation:
            tensor = self.graph.relu6(f"{name}.relu6", tensor)
        return FeatureMap(tensor, channels, -(-x.size // stride))

    def _batch_norm(self, name: str) -> BatchNorm:
        fields = ("weight", "bias", "running_mean", "running_var")
        return BatchNorm(
            *(self.unused.pop(f"{name}.{field}") for field in fields), epsilon=BATCH_NORM_EPSILON
        )
