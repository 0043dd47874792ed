"""Collects statistics of a float network on real pictures: value ranges, and the inputs of filters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

# The number of positions of a feature map to sample per picture. This is enough, because neighbours are similar.
_PLACES = 100


def is_depthwise(weight: np.ndarray) -> bool:
    """Whether each filter has one input channel: `[channels, 1, kernel, kernel]`."""
    return weight.ndim == 4 and weight.shape[1] == 1


def attributes(node: onnx.NodeProto) -> dict[str, object]:
    """Attributes by name, as Python values."""
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


@dataclass
class Moments:
    """Sums over the patches `[groups, samples, taps]` to which a layer's filters are applied. A depthwise convolution
    has one group per channel, others have one group. Taps are in the order row, column, channel."""

    count: int = 0
    total: np.ndarray | float = 0.0
    products: np.ndarray | float = 0.0

    def add(self, patches: np.ndarray) -> None:
        self.count += patches.shape[1]
        self.total = self.total + patches.sum(1, dtype=np.float64)
        self.products = self.products + np.matmul(patches.transpose(0, 2, 1), patches)

    def mean(self) -> np.ndarray:
        """`[groups, taps]`."""
        return self.total / self.count

    def covariance(self) -> np.ndarray:
        """`[groups, taps, taps]`."""
        mean = self.mean()
        return self.products / self.count - mean[:, :, None] * mean[:, None, :]


@dataclass
class Statistics:
    """Ranges of tensors, by tensor name, and moments of the inputs of Conv and Gemm, by node name."""

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    moments: dict[str, Moments] = field(default_factory=dict)

    def __add__(self, other: Statistics) -> Statistics:
        """Combines two statistics of the same network."""
        both = Statistics()
        for name, (low, high) in self.ranges.items():
            both.ranges[name] = (min(low, other.ranges[name][0]), max(high, other.ranges[name][1]))
        for name, mine in self.moments.items():
            theirs = other.moments[name]
            both.moments[name] = Moments(
                mine.count + theirs.count,
                mine.total + theirs.total,
                mine.products + theirs.products,
            )
        return both


def observe(model: onnx.ModelProto, pictures: Iterable[np.ndarray]) -> Statistics:
    """Runs `model` on `pictures`, each `[3, S, S]`, and observes every tensor in it."""
    nodes = list(model.graph.node)
    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    names = [name for node in nodes for name in node.output]
    del probe.graph.output[:]
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (source,) = (item.name for item in session.get_inputs())
    random = np.random.default_rng(0)
    statistics = Statistics()
    for picture in pictures:
        batch = picture[None]
        values = dict(zip(names, session.run(names, {source: batch}), strict=True))
        values[source] = batch
        for name, value in values.items():
            low, high = statistics.ranges.get(name, (0.0, 0.0))
            statistics.ranges[name] = (min(low, float(value.min())), max(high, float(value.max())))
        for node in nodes:
            if node.op_type in ("Conv", "Gemm"):
                patches = _patches(node, values[node.input[0]], weights[node.input[1]], random)
                statistics.moments.setdefault(node.name, Moments()).add(patches)
    return statistics


def _patches(
    node: onnx.NodeProto, value: np.ndarray, weight: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Returns patches `[groups, samples, taps]` of one picture, at random positions."""
    if node.op_type == "Gemm":
        return value[None]
    found = attributes(node)
    kernel = weight.shape[2]
    top, left, bottom, right = found.get("pads", (0, 0, 0, 0))
    stride, _ = found.get("strides", (1, 1))
    padded = np.pad(value[0], ((0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))
    windows = windows[:, ::stride, ::stride]
    rows, columns = (random.integers(0, size, _PLACES) for size in windows.shape[1:3])
    picked = windows[:, rows, columns].reshape(len(windows), _PLACES, kernel * kernel)
    if is_depthwise(weight):
        return picked
    return picked.transpose(1, 2, 0).reshape(1, _PLACES, -1)
