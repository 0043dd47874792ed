"""Files of weights. A published file is opened only if it has the pinned sha256."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import NamedTuple

import torch

from .errors import ExportError
from .float_free import without_floats

StateDict = dict[str, torch.Tensor]

# Keys under which training scripts store the state dict, next to epoch, optimizer and the like.
_CONTAINERS = ("state_dict", "model_state_dict", "model")

# Prefixes that wrappers add to every name: DataParallel, torch.compile and Lightning.
_PREFIXES = ("module.", "_orig_mod.", "model.")

_KNOWS_NO_FLOATS = torch.__version__.startswith("1.")


class Weights(NamedTuple):
    """Parameters by name, and their source file."""

    state: StateDict
    file_name: str
    sha256: str


def load_verified(path: Path, expected_sha256: str) -> Weights:
    """Reads a PyTorch state dict from `path`, a published file.

    `expected_sha256` may be a prefix of the hash. If the hash differs, raises `ExportError` with both hashes before the
    file is unpickled. The unpickled bytes are the hashed bytes; `weights_only` prevents the unpickler from running code
    in any case.
    """
    content = path.read_bytes()
    actual = hashlib.sha256(content).hexdigest()
    check_sha256(path.name, actual, expected_sha256)
    return Weights(_unpickle(path.name, content), path.name, actual)


def load_checkpoint(path: Path) -> Weights:
    """Reads a user's checkpoint: a state dict, or a dict with the state dict under a common name.

    A wrapper's prefix that all names share is removed, and half precision becomes single. Raises `ExportError` if there
    is no state dict, or the file contains more than data.
    """
    content = path.read_bytes()
    state = _unpickle(path.name, content)
    for key in _CONTAINERS:
        if isinstance(state.get(key), dict):
            state = state[key]
            break
    others = [
        name
        for name, value in state.items()
        if not (isinstance(name, str) and isinstance(value, torch.Tensor))
    ]
    if others or not state:
        raise ExportError(
            f"{path.name} holds no state dict, on its own or as {', '.join(_CONTAINERS)}: "
            f"it has {some(others) or 'nothing'}"
        )
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name[len(prefix) :]: tensor for name, tensor in state.items()}
    floats = {name: t.float() if t.is_floating_point() else t for name, t in state.items()}
    return Weights(floats, path.name, hashlib.sha256(content).hexdigest())


def check_sha256(name: str, actual: str, expected: str) -> None:
    """Raises `ExportError` unless `actual` starts with `expected`; both in hexadecimal."""
    if not actual.startswith(expected):
        wanted = "expected" if len(expected) == len(actual) else "expected is one that starts with"
        raise ExportError(
            f"{name} is not the published file: its sha256 is {actual}, {wanted} {expected}"
        )


def some(names: list[str], limit: int = 4) -> str:
    """Returns the first few names and the number of the others."""
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(map(str, names[:limit])) + rest


def count_parameters(state: StateDict) -> int:
    """Counts learned values only, without BatchNorm's running statistics and counters."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(tensor.numel() for name, tensor in state.items() if not name.endswith(statistics))


def _unpickle(name: str, content: bytes) -> dict:
    try:
        if _KNOWS_NO_FLOATS:
            content = without_floats(content)
        value = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # The unpickler may raise any exception.
        raise ExportError(
            f"{name} is no checkpoint of tensors and plain values ({_reason(error)}); "
            "save model.state_dict(), not the model"
        ) from None
    if not isinstance(value, dict):
        raise ExportError(f"{name} holds a {type(value).__name__}, expected a state dict")
    return dict(value)


def _reason(error: Exception) -> str:
    """Returns PyTorch's error without its advice to load the file unsafely."""
    found = re.search(r"WeightsUnpickler error: .*", str(error))
    return found[0] if found else f"{type(error).__name__}: {error}".splitlines()[0]
