"""Checks bundles made by `export` like the Rust program does at startup, and prints a top-5.

Other bundles are run through the program, which alone knows what it can serve.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image, UnidentifiedImageError

from .errors import ExportError
from .labels import Label, read_labels
from .photos import softmax
from .preprocess import Preprocessing
from .program import classify, find_program

_TOP = 5
_GREY = 127
# The tolerance for sums of probabilities to be 1.
_NEARLY = 1e-2

# The model types that `export` writes.
_OWN_TYPES = ("torchvision-", "efficientnet-lite")

_STATED_SHA256 = re.compile(r"^model_sha256: *[\"']?([0-9a-fA-F]{64})", re.MULTILINE)


def verify(bundle: Path, photos: Sequence[Path] = ()) -> None:
    """Checks `bundle`, then classifies `photos`. Prints the results.

    Raises `ExportError` with the name of the wrong file and both sides of a mismatch.
    """
    if not bundle.is_dir():
        raise ExportError(f"there is no directory {bundle}")
    if not _is_own(bundle / "config.json"):
        print(classify(find_program(), bundle, str(bundle), photos))
        return
    path = find_model(bundle)
    labels = read_bundle_labels(bundle)
    preprocessing = read_preprocessing(bundle)
    sha256 = _check_sha256(path, bundle / "README.md")
    model = _Model(path, preprocessing.crop)
    _check_grey(model, preprocessing, labels)
    size = preprocessing.crop
    print(f"{bundle}: {len(labels)} classes, input {size} x {size}, sha256 {sha256}")
    print("grey image: as many logits as labels, all finite")
    for photo in photos:
        _classify(photo, model, preprocessing, labels)


class _Model:
    """An ONNX Runtime session on a model with one input `[batch, 3, S, S]` and one output."""

    def __init__(self, path: Path, image_size: int) -> None:
        try:
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a separate exception for each of its error codes.
            raise ExportError(f"{path}: ONNX Runtime does not load it: {error}") from None
        (self._input, *more) = self._session.get_inputs()
        shape = self._input.shape
        expected = [3, image_size, image_size]
        fits = len(shape) == 4 and all(
            side == wanted
            for side, wanted in zip(shape[1:], expected, strict=True)
            if isinstance(side, int)
        )
        if more or not fits or self._input.type != "tensor(float)":
            raise ExportError(
                f"{path}: its input is {self._input.type} {shape}, preprocessor_config.json makes "
                f"tensor(float) {['batch', *expected]}"
            )

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Returns the logits `[classes]` of one image `[3, S, S]`."""
        try:
            outputs = self._session.run(None, {self._input.name: pixels[None]})
        except Exception as error:  # As above.
            raise ExportError(f"the model does not run on one image: {error}") from None
        return np.asarray(outputs[0][0])


def read_preprocessing(bundle: Path) -> Preprocessing:
    """Reads preprocessor_config.json. Raises `ExportError`."""
    path = bundle / "preprocessor_config.json"
    config = _read_json(path)
    try:
        return Preprocessing.from_config(config)
    except ExportError as error:
        raise ExportError(f"{path}: {error}") from None


def find_model(bundle: Path) -> Path:
    """Finds model.onnx in one of two places of a bundle. Raises `ExportError`."""
    candidates = (bundle / "model.onnx", bundle / "onnx" / "model.onnx")
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        raise ExportError(f"{bundle} holds neither model.onnx nor onnx/model.onnx")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise ExportError(f"{path}: the file is empty")
    if head.startswith(b"version https://git-lfs"):
        raise ExportError(f"{path}: this is a Git LFS pointer, not the model; run git lfs pull")
    return path


def read_bundle_labels(bundle: Path) -> list[Label]:
    """Reads labels.tsv if it exists, otherwise `id2label`. If both exist, their names must be equal."""
    table, config = bundle / "labels.tsv", bundle / "config.json"
    labels = read_labels(table) if table.exists() else None
    id2label = _read_json(config).get("id2label") if config.exists() or labels is None else None
    if id2label is None:
        if labels is None:
            raise ExportError(f"{config}: there is no id2label, and no labels.tsv beside it")
        return labels
    names = [label.en for label in read_labels(config)]
    if labels is None:
        return [Label("", name) for name in names]
    if names != [label.en for label in labels]:
        raise ExportError(
            f"{table} has {len(labels)} labels and config.json {len(names)}, "
            "and they are not the same names in the same order"
        )
    return labels


def _read_json(path: Path) -> dict:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ExportError(f"{path}: there is no such file") from None
    except ValueError as error:
        raise ExportError(f"{path}: {error}") from None
    if not isinstance(value, dict):
        raise ExportError(f"{path}: expected an object, found a {type(value).__name__}")
    return value


def _check_sha256(path: Path, card: Path) -> str:
    actual = sha256_of(path)
    text = card.read_text(encoding="utf-8-sig", errors="replace") if card.exists() else ""
    stated = _STATED_SHA256.search(text)
    if stated and stated[1].lower() != actual:
        raise ExportError(
            f"{path}: its sha256 is {actual}, but model_sha256 in README.md says {stated[1]}"
        )
    return actual


def sha256_of(path: Path) -> str:
    """Returns the hash that identifies a model: over the graph and its weights, as if they were one file."""
    files = [path, *(path.parent / name for name in sorted(weights_beside(path)))]
    return hashlib.sha256(
        b"".join(file.read_bytes() for file in files if file.is_file())
    ).hexdigest()


def weights_beside(path: Path) -> set[str]:
    """Returns the names of the weight files of a graph."""
    try:
        graph = onnx.load(path, load_external_data=False).graph
    except Exception:  # ONNX Runtime reports invalid graphs.
        return set()
    entries = (entry for tensor in graph.initializer for entry in tensor.external_data)
    return {entry.value for entry in entries if entry.key == "location"}


def _is_own(config: Path) -> bool:
    """Whether a bundle is like those of `export`: logits for one right class, and torchvision's transforms."""
    values = _read_json(config) if config.exists() else {}
    model_type = values.get("model_type")
    is_foreign = isinstance(model_type, str) and not model_type.startswith(_OWN_TYPES)
    is_logits = values.get("graph_output", "logits") == "logits"
    return is_logits and not is_foreign and "problem_type" not in values


def _check_grey(model: _Model, preprocessing: Preprocessing, labels: list[Label]) -> None:
    """Runs the model once on a grey picture."""
    side = preprocessing.shortest_edge
    logits = model.run(preprocessing.apply(Image.new("L", (side, side), _GREY)))
    if logits.shape != (len(labels),):
        raise ExportError(
            f"the model has {logits.size} outputs, but there are {len(labels)} labels"
        )
    if not np.isfinite(logits).all():
        raise ExportError("a grey image gives logits that are not finite")
    if logits.min() >= 0 and abs(float(logits.sum()) - 1) < _NEARLY:
        raise ExportError(
            "the model answers probabilities, which are not understood here; have the program "
            "itself check this bundle: MODEL_DIR=DIR image-classifier classify PHOTO"
        )


def _classify(
    photo: Path, model: _Model, preprocessing: Preprocessing, labels: list[Label]
) -> None:
    try:
        with Image.open(photo) as image:
            probabilities = softmax(model.run(preprocessing.apply(image)))
    except UnidentifiedImageError:
        raise ExportError(f"{photo} is no image that Pillow knows") from None
    print(photo)
    for class_id in np.argsort(-probabilities, kind="stable")[:_TOP]:
        print(f"  {probabilities[class_id]:7.2%}  {class_id:4}  {labels[class_id].en}")
