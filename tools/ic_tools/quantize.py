"""A second bundle, whose model computes in 8-bit integers, made of one with a float model."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

from .bundle import sha256, split, write_files
from .errors import ExportError
from .observe import observe
from .photos import find_photos, softmax
from .preprocess import Preprocessing
from .qdq import to_qdq
from .verify import find_model, read_preprocessing, sha256_of, verify

# Photos whose best class is still the same, of all.
_LEAST_AGREEMENT = 0.98
_FEWEST_PHOTOS = 2
_COPIED = ("config.json", "preprocessor_config.json", "labels.tsv")


@dataclass
class Agreement:
    """The integer model against the float one; `drift` is the mean |Δ| of the float model's best
    probability."""

    photos: int
    same: int
    drift: float

    def __str__(self) -> str:
        return f"{self.same} of {self.photos}"


def quantize(bundle: Path, photos: Path, out: Path) -> None:
    """Calibrate with `photos`, measure on them, and write `out` if both models agree.

    Each half of the photos is measured with a model that was calibrated with the other half; the
    model that is written saw both. Raises `ExportError`.
    """
    verify(bundle)
    if out.resolve() == bundle.resolve():
        raise ExportError(f"{out} holds the float model; name another folder")
    model = onnx.load(find_model(bundle))
    preprocessing = read_preprocessing(bundle)
    files = find_photos(photos)
    if len(files) < _FEWEST_PHOTOS:
        raise ExportError(f"{photos} holds one photo; one calibrates, another measures")
    pictures = [_open(path, preprocessing) for path in files]
    halves = pictures[::2], pictures[1::2]
    seen = [observe(model, half) for half in halves]
    bounds = _input_range(preprocessing)
    expected = [_probabilities(model, half) for half in halves]
    found = [
        _probabilities(to_qdq(model, other, bounds), half)
        for half, other in zip(halves, reversed(seen), strict=True)
    ]
    agreement = _compare(np.concatenate(expected), np.concatenate(found))
    print(
        f"same top-1 as the float model: {agreement} photos that it was not calibrated with, "
        f"mean |Δprobability| {agreement.drift:.3f}"
    )
    if agreement.same < _LEAST_AGREEMENT * agreement.photos:
        raise ExportError(f"the best class is the same for {agreement} photos, which is too few")
    content = split(to_qdq(model, seen[0] + seen[1], bounds).SerializeToString(deterministic=True))
    copied = {name: (bundle / name).read_bytes() for name in _COPIED if (bundle / name).exists()}
    card = _card(bundle, sha256(content), agreement)
    files = content | copied | {"README.md": card.encode()}
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), files)
        verify(Path(folder))
    write_files(out, files)
    print(f"wrote {out}: {sum(map(len, content.values()))} bytes")


def _open(path: Path, preprocessing: Preprocessing) -> np.ndarray:
    with Image.open(path) as image:
        return preprocessing.apply(image)


def _input_range(preprocessing: Preprocessing) -> tuple[float, float]:
    """What black and white become."""
    levels = [
        (level - mean) / std
        for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)
        for level in (0, 1)
    ]
    return min(levels), max(levels)


def _probabilities(model: onnx.ModelProto, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """`[photos, classes]`."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (source,) = (item.name for item in session.get_inputs())
    return np.stack([softmax(session.run(None, {source: x[None]})[0][0]) for x in pictures])


def _compare(expected: np.ndarray, found: np.ndarray) -> Agreement:
    best = expected.argmax(1)
    rows = np.arange(len(best))
    drift = np.abs(expected[rows, best] - found[rows, best]).mean()
    return Agreement(len(best), int((found.argmax(1) == best).sum()), float(drift))


def _card(bundle: Path, model_sha256: str, agreement: Agreement) -> str:
    """The card of the float model with another head; what it says of limits stays true."""
    path = bundle / "README.md"
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    _, front, body = text.split("---\n", 2) if text.startswith("---\n") else ("", "", "")
    stated = re.search(r"^model_name: *[\"']?([\w.-]+)", front, re.MULTILINE)
    name = stated[1] if stated else bundle.resolve().name
    kept = re.sub(r"^model_(name|sha256):.*\n", "", front, flags=re.MULTILINE)
    limits = body[body.find("## Limits") :] if "## Limits" in body else ""
    return f"""\
---
model_name: {name}-int8
{kept}model_sha256: {model_sha256}
---

# {name} in 8-bit integers

It is not the default: scores are a little off the float model's, and where that is undecided
between two classes, it may name the other one.

| | |
|---|---|
| same top-1 as the float model | {agreement} photos, each half of them with a model that was calibrated with the other half |
| calibrated with | all {agreement.photos} of them |
| mean change of the float model's best probability | {agreement.drift:.3f} |
| float model | `{name}`, sha256 `{sha256_of(find_model(bundle))}` |
| input, output, preprocessing, labels | those of `{name}`, f32 outside |

## How it was made

    python -m ic_tools quantize BUNDLE --photos DIR --out DIR

in `tools/`, after `tools/README.md`. Weights are s8 with a scale a filter, activations u8, biases
i32, in QDQ form. Ranges are those of ReLU6 and else the least and the greatest value seen. Filters
are scaled so that 16-bit sums of two products never saturate: CPUs with and without VNNI give the
same answers. Rounding errors are passed on to the weights that follow, and their mean is taken out
by the bias.

{limits}"""
