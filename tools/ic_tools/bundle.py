"""The files of a model bundle, in the layout of a Hugging Face image-classification repository."""

from __future__ import annotations

import json
from pathlib import Path

from .labels import Label, write_table
from .recipe import Recipe


def write_bundle(out: Path, recipe: Recipe, model: bytes, card: str) -> None:
    """Write model.onnx, config.json, preprocessor_config.json, labels.tsv and README.md to `out`.

    The folder is made if need be; other files in it stay.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "model.onnx": model,
        "config.json": _json(_config(recipe, recipe.labels)),
        "preprocessor_config.json": _json(recipe.preprocessing.to_config()),
        "labels.tsv": write_table(recipe.labels).encode(),
        "README.md": card.encode(),
    }
    for name, content in files.items():
        (out / name).write_bytes(content)


def _config(recipe: Recipe, labels: list[Label]) -> dict[str, object]:
    return {
        "_name_or_path": recipe.name,
        "model_type": recipe.model_type,
        "image_size": recipe.preprocessing.crop,
        "num_channels": 3,
        "num_labels": len(labels),
        "id2label": {str(class_id): label.en for class_id, label in enumerate(labels)},
        "label2id": {label.en: class_id for class_id, label in enumerate(labels)},
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
