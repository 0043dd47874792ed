"""Class labels: the thousand of ImageNet-1k, or those of a user's model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from .errors import ExportError

# The columns of a bundle's labels.tsv: class_id (0...999, the index in the network's output), wnid (WordNet 3.0 id, "n"
# and 8 digits), en (English name, unique), zh (simplified Chinese, unique), parents and parents_zh (categories
# separated by |, the nearest first; make_parents.py writes these two).
IMAGENET = Path(__file__).with_name("imagenet1k.tsv")


class Label(NamedTuple):
    """One class; its position in the list is its class id. Unknown values are empty."""

    wnid: str
    en: str
    zh: str = ""
    parents: str = ""
    parents_zh: str = ""


def imagenet_labels() -> list[Label]:
    """All classes in the order of the network's outputs."""
    return read_labels(IMAGENET)


def read_labels(path: Path) -> list[Label]:
    """Reads labels in the order of class ids. The file's extension selects one of three formats.

    `.tsv`: a table with the columns class_id and en, and optionally the other columns. `.json`: a list of names, or a
    map from class id to name, alone or as `id2label`. Any other: one name per line.

    Raises `ExportError` if a class id or a name is missing, or a name occurs twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".tsv":
            labels = _from_table(text)
        elif path.suffix == ".json":
            labels = _from_json(json.loads(text))
        else:
            labels = dict(enumerate(Label("", line.strip()) for line in text.rstrip().split("\n")))
        return _in_order(labels)
    except (ExportError, ValueError) as error:
        raise ExportError(f"{path}: {error}") from None


def write_table(labels: list[Label]) -> str:
    """Returns the text of labels.tsv: class_id and en, and the other columns if any label has them."""
    columns = [
        column
        for column in Label._fields
        if column == "en" or any(getattr(label, column) for label in labels)
    ]
    rows = [["class_id", *columns]]
    for class_id, label in enumerate(labels):
        rows.append([str(class_id), *(getattr(label, column) for column in columns)])
    return "".join("\t".join(row) + "\n" for row in rows)


def _from_table(text: str) -> dict[int, Label]:
    header, *rows = (line.split("\t") for line in text.splitlines() if line.strip())
    if not {"class_id", "en"} <= set(header):
        raise ExportError("the first line must name the columns class_id and en, tabs between")
    labels: dict[int, Label] = {}
    for row in rows:
        # A row may have fewer or more cells than the header.
        fields = dict(zip(header, map(str.strip, row), strict=False))
        class_id = int(fields.get("class_id", ""))
        if class_id in labels:
            raise ExportError(f"class {class_id} stands twice")
        labels[class_id] = Label(*(fields.get(column, "") for column in Label._fields))
    return labels


def _from_json(value: object) -> dict[int, Label]:
    if isinstance(value, dict):
        value = value.get("id2label", value)
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        raise ExportError("expected a list of names, or a map from class id to name")
    if not all(isinstance(name, str) for name in value.values()):
        raise ExportError("every name must be a string")
    return {int(class_id): Label("", name.strip()) for class_id, name in value.items()}


def _in_order(labels: dict[int, Label]) -> list[Label]:
    if sorted(labels) != list(range(len(labels))):
        missing = next(class_id for class_id in range(len(labels)) if class_id not in labels)
        raise ExportError(f"{len(labels)} labels, but none for class {missing}")
    names: dict[str, int] = {}
    for class_id in range(len(labels)):
        name = labels[class_id].en
        if not name or "\t" in name or "\n" in name:
            raise ExportError(f"class {class_id} has no label, or one with a tab or line break")
        if name in names:
            raise ExportError(f"{name!r} is the label of classes {names[name]} and {class_id}")
        names[name] = class_id
    return [labels[class_id] for class_id in range(len(labels))]
