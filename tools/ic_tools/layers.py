"""Arithmetic that converts a trained layer to the plain convolution in the ONNX graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class BatchNorm(NamedTuple):
    """Inference-time BatchNorm over `C` channels; each array has shape `[C]`."""

    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float


def fold_batch_norm(weight: np.ndarray, norm: BatchNorm) -> tuple[np.ndarray, np.ndarray]:
    """Merges a BatchNorm into the bias-free convolution before it.

    `weight` is `[out, in / groups, kernel, kernel]`. Returns the new weight, of that shape, and the bias `[out]`, both
    f32. With scale = gamma / sqrt(variance + epsilon), the convolution is linear, so scale * (W x - mean) + beta =
    (scale * W) x + (beta - scale * mean). Computed in f64, so that folding rounds only once.
    """
    gamma, beta, mean, variance = (a.astype(np.float64) for a in norm[:4])
    scale = gamma / np.sqrt(variance + norm.epsilon)
    folded = weight.astype(np.float64) * scale[:, None, None, None]
    return folded.astype(np.float32), (beta - scale * mean).astype(np.float32)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Returns TensorFlow's "SAME" padding of one axis of `size` pixels: (before, after).

    The output has ceil(size / stride) pixels. If the total is odd, the extra pixel is after, so a stride-2 layer on an
    even size is padded asymmetrically.
    """
    output = -(-size // stride)
    total = max((output - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
