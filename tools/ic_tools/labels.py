"""The thousand classes of ImageNet-1k."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

# Columns class_id (0...999, the network's output), wnid (WordNet 3.0 id, "n" and 8 digits) and
# en (English name, unique): the form of a bundle's labels.tsv.
IMAGENET = Path(__file__).with_name("imagenet1k.tsv")


class Label(NamedTuple):
    """One class; its position in the list is its class id."""

    wnid: str
    en: str


def imagenet_labels() -> list[Label]:
    """All classes in the order of the network's outputs."""
    rows = IMAGENET.read_text(encoding="utf-8").splitlines()[1:]
    return [Label(*row.split("\t")[1:3]) for row in rows]
