"""Measures accuracy on a folder of photos, and agreement with stored predictions for them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .errors import ExportError
from .labels import Label

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
_WNID = re.compile(r"n\d{8}")

# Optional, next to the photos: {"name": {"top5": [[class_id, probability], ...]}}.
_REFERENCE = "reference.json"


@dataclass
class Accuracy:
    """Counts over photos. `labelled` are those whose file name starts with a known WordNet id, `referenced` those with
    a stored prediction."""

    photos: int = 0
    labelled: int = 0
    top1: int = 0
    top5: int = 0
    referenced: int = 0
    agreeing: int = 0
    worst_probability: float = 0.0

    def count_label(self, class_id: int, best: np.ndarray) -> None:
        """Counts a photo; `best` holds class ids, the most probable first."""
        self.labelled += 1
        self.top1 += int(class_id == best[0])
        self.top5 += int(class_id in best[:5])

    def count_reference(self, top5: list[tuple[int, float]], probabilities: np.ndarray) -> None:
        """Compares with a stored prediction: agreement is about the first class, `worst_probability` about all five."""
        self.referenced += 1
        self.agreeing += int(top5[0][0] == probabilities.argmax())
        differences = [abs(probabilities[class_id] - score) for class_id, score in top5]
        self.worst_probability = max(self.worst_probability, *differences)


def find_photos(folder: Path) -> list[Path]:
    """Returns the image files in `folder`, sorted by name. Raises `ExportError` if there are none."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise ExportError(f"{folder} holds no photos ({', '.join(sorted(_SUFFIXES))})")
    return files


def measure(
    folder: Path, labels: list[Label], classify: Callable[[Image.Image], np.ndarray]
) -> Accuracy:
    """Runs `classify`, which maps a picture to logits `[classes]`, on every image file in `folder`."""
    files = find_photos(folder)

    def probabilities() -> Iterator[np.ndarray]:
        for path in files:
            with Image.open(path) as image:
                yield softmax(classify(image))

    return count(files, labels, probabilities())


def count(files: list[Path], labels: list[Label], probabilities: Iterable[np.ndarray]) -> Accuracy:
    """Measures `probabilities`, an array `[classes]` for each of `files`, which are in one folder."""
    class_ids = {label.wnid: class_id for class_id, label in enumerate(labels) if label.wnid}
    reference = files[0].parent / _REFERENCE
    stored = json.loads(reference.read_text()) if reference.exists() else {}
    accuracy = Accuracy(photos=len(files))
    for path, found in zip(files, probabilities, strict=True):
        wnid = _WNID.match(path.name)
        if wnid and wnid[0] in class_ids:
            best = np.argsort(-found, kind="stable")
            accuracy.count_label(class_ids[wnid[0]], best)
        if path.name in stored:
            accuracy.count_reference(stored[path.name]["top5"], found)
    return accuracy


def softmax(logits: np.ndarray) -> np.ndarray:
    """Converts logits to probabilities, in f64. The maximum is subtracted so that exp cannot overflow."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    return exponentials / exponentials.sum()
