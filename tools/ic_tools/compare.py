"""Compares the exported file in ONNX Runtime with its source network in PyTorch."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch

from .errors import ExportError
from .graph import INPUT, OUTPUT

# Logits range from about -5 to 20; f32 rounding in another order of summation changes them by 1e-5.
TOLERANCE = 1e-3
# Rounding errors grow with the values. If logits range further, this fraction of the range is allowed.
RELATIVE_TOLERANCE = 1e-4

_SEED = 0
_RANDOM_BATCHES = (1, 3)


class Comparison:
    """Runs both sides on the same input.

    `worst` is the largest |difference of logits| so far. `spread` is the largest difference between two logits of one
    image. `relative` is the largest difference as a fraction of the spread of its images.
    """

    def __init__(self, model: bytes, reference: torch.nn.Module, image_size: int) -> None:
        self._session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self._reference = reference.eval()
        self._image_size = image_size
        self.worst = 0.0
        self.spread = 0.0
        self.relative = 0.0

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Returns ONNX Runtime's logits `[batch, classes]` for `pixels` `[batch, 3, S, S]`, f32.

        Raises `ExportError` if PyTorch's logits differ by more than `TOLERANCE`, and also by more than
        `RELATIVE_TOLERANCE` of the spread.
        """
        (logits,) = self._session.run([OUTPUT], {INPUT: pixels})
        with torch.no_grad():
            expected = self._reference(torch.from_numpy(pixels)).numpy()
        difference = float(np.abs(logits - expected).max())
        spread = float(np.ptp(expected, axis=1).max())
        allowed = max(TOLERANCE, RELATIVE_TOLERANCE * spread)
        # This is also false for a NaN; an infinite logit makes the spread NaN.
        if not (difference <= allowed < np.inf):
            raise ExportError(
                f"ONNX Runtime and PyTorch differ by {difference:.3g}, allowed is {allowed:.3g}: "
                f"logits range over {spread:.3g}"
            )
        self.worst = max(self.worst, difference)
        self.spread = max(self.spread, spread)
        self.relative = max(self.relative, difference / spread if spread else 0.0)
        return logits

    def run_random(self) -> None:
        """Runs seeded noise in -1...1, as one image and as a batch, to check that the batch size is dynamic."""
        generator = np.random.default_rng(_SEED)
        for batch in _RANDOM_BATCHES:
            noise = generator.uniform(-1, 1, (batch, 3, self._image_size, self._image_size))
            self.run(noise.astype(np.float32))
