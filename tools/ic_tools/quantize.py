"""Makes a bundle with an 8-bit integer model from a bundle with a float model."""

from __future__ import annotations

import hashlib
import io
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
from .features import add_features, drop_features
from .observe import observe
from .optimise import optimise
from .photos import Accuracy, count, find_photos, softmax
from .preprocess import Preprocessing
from .qdq import to_qdq
from .verify import find_model, read_bundle_labels, read_preprocessing, sha256_of, verify

# The minimum fraction of photos whose best class must stay the same.
_LEAST_AGREEMENT = 0.98
_FEWEST_PHOTOS = 2
# The text between the first two lines of dashes.
_HEADER = re.compile(r"---\n.*?---\n", re.DOTALL)
_COPIED = ("config.json", "preprocessor_config.json", "labels.tsv")


@dataclass
class Agreement:
    """Compares the integer model with the float one; `drift` is the mean |Δ| of the float model's best probability."""

    photos: int
    same: int
    drift: float

    def __str__(self) -> str:
        return f"{self.same} of {self.photos}"


def quantize(bundle: Path, photos: Path, out: Path) -> None:
    """Calibrates with `photos`, measures on them, and writes `out` if both models agree.

    Each half of the photos is measured with a model that was calibrated with the other half. The written model is
    calibrated with both halves. Raises `ExportError`.
    """
    verify(bundle)
    if out.resolve() == bundle.resolve():
        raise ExportError(f"{out} holds the float model; name another folder")
    model = onnx.load(find_model(bundle))
    drop_features(model)
    preprocessing = read_preprocessing(bundle)
    files = find_photos(photos)
    if len(files) < _FEWEST_PHOTOS:
        raise ExportError(f"{photos} holds one photo; one calibrates, another measures")
    photos_sha256, pictures = _read(files, preprocessing)
    halves = slice(0, None, 2), slice(1, None, 2)
    seen = [observe(model, pictures[half]) for half in halves]
    bounds = _input_range(preprocessing)
    expected = _probabilities(model, pictures)
    found = np.empty_like(expected)
    for half, other in zip(halves, reversed(seen), strict=True):
        found[half] = _probabilities(to_qdq(model, other, bounds), pictures[half])
    agreement = _compare(expected, found)
    print(
        f"same top-1 as the float model: {agreement} photos that it was not calibrated with, "
        f"mean |Δprobability| {agreement.drift:.3f}"
    )
    if agreement.same < _LEAST_AGREEMENT * agreement.photos:
        raise ExportError(f"the best class is the same for {agreement} photos, which is too few")
    quantized = optimise(to_qdq(model, seen[0] + seen[1], bounds))
    print(f"features: {add_features(quantized)}")
    content = split(quantized.SerializeToString(deterministic=True))
    labels = read_bundle_labels(bundle)
    accuracies = [
        count(files, labels, each) for each in (_probabilities(quantized, pictures), expected)
    ]
    copied = {name: (bundle / name).read_bytes() for name in _COPIED if (bundle / name).exists()}
    card = _card(bundle, sha256(content), agreement, accuracies, photos_sha256)
    files = content | copied | {"README.md": card.encode()}
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), files)
        verify(Path(folder))
    write_files(out, files)
    print(f"wrote {out}: {sum(map(len, content.values()))} bytes")


def _read(files: list[Path], preprocessing: Preprocessing) -> tuple[str, list[np.ndarray]]:
    """Returns one hash for a set of photos, over their sha256 sums in the order of the file names, and the model's
    inputs."""
    sums, pictures = hashlib.sha256(), []
    for path in files:
        content = path.read_bytes()
        sums.update(hashlib.sha256(content).digest())
        with Image.open(io.BytesIO(content)) as image:
            pictures.append(preprocessing.apply(image))
    return sums.hexdigest(), pictures


def _input_range(preprocessing: Preprocessing) -> tuple[float, float]:
    """Returns the values of black and white after preprocessing."""
    levels = [
        (level - mean) / std
        for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)
        for level in (0, 1)
    ]
    return min(levels), max(levels)


def _probabilities(model: onnx.ModelProto, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """`[photos, classes]`."""
    session = _session(model)
    (source,) = (item.name for item in session.get_inputs())
    return np.stack([softmax(session.run(None, {source: x[None]})[0][0]) for x in pictures])


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def _compare(expected: np.ndarray, found: np.ndarray) -> Agreement:
    best = expected.argmax(1)
    rows = np.arange(len(best))
    drift = np.abs(expected[rows, best] - found[rows, best]).mean()
    return Agreement(len(best), int((found.argmax(1) == best).sum()), float(drift))


def _card(
    bundle: Path,
    model_sha256: str,
    agreement: Agreement,
    accuracies: Sequence[Accuracy],
    calibration_sha256: str,
) -> str:
    """Returns the card of the float model, changed for 8 bits."""
    path = bundle / "README.md"
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    _, front, body = text.split("---\n", 2) if _HEADER.match(text) else ("", "", text)
    stated = re.search(r"^model_name: *[\"']?([\w.-]+)", front, re.MULTILINE)
    name = stated[1] if stated else bundle.resolve().name
    kept = re.sub(r"^(model_name|model_sha256|precision):.*\n", "", front, flags=re.MULTILINE)
    limits = body[body.find("## Limits") :] if "## Limits" in body else ""
    # Source, licence, input and published accuracy in the float card are valid here, too.
    inherited = "".join(
        line + "\n" for line in body.splitlines() if line.startswith(_INHERITED)
    )
    return f"""\
---
model_name: {name}
{kept}precision: int8
model_sha256: {model_sha256}
---

# {name} in 8-bit integers

It takes about half the time and a quarter of the space of the float model. Its scores differ a little, and where
the float model hardly prefers one class to another, it may name the other one.

| | |
|---|---|
{inherited}{_rows(accuracies)}| same top-1 as the float model | {agreement} photos, each half with a model that was calibrated with the other half |
| mean change of the best score | {agreement.drift:.3f} |
| calibrated with | all {agreement.photos} photos; sha256 of their sha256 sums in the order of their names: `{calibration_sha256}` |
| float model | sha256 `{sha256_of(find_model(bundle))}` |

## How it was made

    python -m ic_tools export {name} --precision int8 --photos PHOTOS --out DIR

in `tools/`; `tools/README.md` says how to install what it needs. The first step makes the float model from the published weights and checks it
against PyTorch. The second step quantises it: weights are s8 with one scale for each filter, activations u8, biases
i32. Activations have the range of ReLU6, or else the range that was seen in the photos. Filters are scaled so that
16-bit sums of two products never saturate: processors with and without VNNI give the same answers. Each weight's
rounding error is passed on to the weights that follow, and the bias takes out the mean error. The graph is stored
as ONNX Runtime optimises it at its level "extended", which is the same for all processors. The same weights and
photos give the same bytes on the same kind of processor. Another kind may round the float model's activations
otherwise, and so a few weights.

{limits}"""


# Rows of the float model's card that also apply to the quantised model.
_INHERITED = tuple(
    f"| {row} |"
    for row in (
        "source", "licence", "weights", "parameters", "input", "output", "features",
        "preprocessing", "published accuracy",
    )
)


def _rows(accuracies: Sequence[Accuracy]) -> str:
    """Returns one row per precision; none if no photo has a known class."""
    return "".join(
        f"| right of {accuracy.labelled} labelled photos, {precision} | top-1 {accuracy.top1} "
        f"({100 * accuracy.top1 / accuracy.labelled:.1f} %), top-5 {accuracy.top5} "
        f"({100 * accuracy.top5 / accuracy.labelled:.1f} %) |\n"
        for precision, accuracy in zip(("8-bit", "float"), accuracies, strict=True)
        if accuracy.labelled
    )
