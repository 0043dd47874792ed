"""Quantises the weights of one layer to 8 bits: one scale per filter, and the rounding direction of each weight.

Two methods make 8 bits as accurate as possible, on every CPU:

- Without VNNI, x86 adds products in pairs in 16 bits, and sums above 32,767 saturate silently. An activation is at
  most 255, so a filter is scaled until no two neighbours with the same sign exceed `_PAIR` together. That costs less
  accuracy than 7-bit weights, the usual solution.
- The error from rounding a weight is compensated by later weights, which see similar pixels (Frantar et al., GPTQ,
  2022), and by the bias (Nagel et al., 2019).
"""

from __future__ import annotations

import numpy as np

from .observe import Moments

_MOST = 127
# 255 * 128 = 32,640.
_PAIR = 128
# This fraction of the mean variance is added to each variance, because unobserved inputs may still occur.
_DAMPING = 0.01


def to_rows(weight: np.ndarray) -> np.ndarray:
    """Returns `[filters, taps]`, with taps in the order row, column, channel, as the kernels add them."""
    if weight.ndim == 4:
        weight = weight.transpose(0, 2, 3, 1)
    return weight.reshape(len(weight), -1)


def from_rows(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Converts rows back to a weight of `shape`."""
    if len(shape) == 2:
        return rows
    filters, channels, height, width = shape
    return rows.reshape(filters, height, width, channels).transpose(0, 3, 1, 2)


def scales(rows: np.ndarray, in_pairs: bool) -> np.ndarray:
    """Returns the scale of each filter, `[filters]`."""
    largest = np.abs(rows).max(1)
    if in_pairs:
        even = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(rows), -1, 2)
        for sign in (1, -1):
            sums = np.maximum(sign * even, 0).sum(2).max(1)
            # Both values of a pair may be rounded up, by a half each.
            largest = np.maximum(largest, sums * _MOST / (_PAIR - 1))
    return largest / _MOST


def round_rows(
    rows: np.ndarray, scale: np.ndarray, moments: Moments, in_pairs: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Returns integers `[filters, taps]`, and corrections to add to the biases, `[filters]`."""
    inverse = _inverse_root(moments.covariance())
    left = rows.astype(np.float64)
    rounded = np.zeros_like(left)
    for tap in range(rows.shape[1]):
        high = np.full(len(rows), float(_MOST))
        low = -high
        if in_pairs and tap % 2:
            before = rounded[:, tap - 1]
            high = np.minimum(high, _PAIR - np.maximum(before, 0))
            low = np.maximum(low, -_PAIR - np.minimum(before, 0))
        rounded[:, tap] = np.clip(np.round(left[:, tap] / scale), low, high)
        weigh = inverse[:, tap]
        error = (left[:, tap] - rounded[:, tap] * scale) / weigh[:, tap]
        left[:, tap + 1 :] -= error[:, None] * weigh[:, tap + 1 :]
    shift = ((rows - rounded * scale[:, None]) * moments.mean()).sum(1)
    return rounded, shift


def _inverse_root(covariance: np.ndarray) -> np.ndarray:
    """Returns upper triangular U, where UᵀU is the inverse of the damped covariance, `[groups, taps, taps]`."""
    taps = covariance.shape[-1]
    damping = _DAMPING * np.trace(covariance, axis1=1, axis2=2) / taps + 1e-10
    damped = covariance + damping[:, None, None] * np.eye(taps)
    return np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
