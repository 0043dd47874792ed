"""Published weights: a file is opened only after its sha256 is the one that was pinned."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from .errors import ExportError

StateDict = dict[str, torch.Tensor]


def load_verified(path: Path, expected_sha256: str) -> StateDict:
    """Read a PyTorch state dict from `path`.

    Raises `ExportError`, naming both hashes, before the file is unpickled if it is not the pinned
    one. `weights_only` keeps the unpickler from running code in any case.
    """
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if actual != expected_sha256:
        raise ExportError(
            f"{path.name} is not the published file: "
            f"its sha256 is {actual}, expected {expected_sha256}"
        )
    return dict(torch.load(path, map_location="cpu", weights_only=True))


def count_parameters(state: StateDict) -> int:
    """Learned values only: BatchNorm's running statistics and counters are left out."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(tensor.numel() for name, tensor in state.items() if not name.endswith(statistics))
