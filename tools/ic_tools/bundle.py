"""The files of a model bundle, in the layout of a Hugging Face image-classification repository."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import onnx
from onnx.external_data_helper import convert_model_to_external_data, write_external_data_tensors

from .labels import Label, write_table
from .recipe import Recipe


GRAPH, WEIGHTS = "model.onnx", "model.onnx_data"

# In bytes. Smaller tensors stay in the graph: shapes, padding, biases.
_SMALL = 16 * 1024


def split(model: bytes) -> dict[str, bytes]:
    """Returns the graph and its weights, by file name. Weights in a separate file are mapped into memory, not copied,
    when the model is loaded. This shortens a cold start by a sixth."""
    proto = onnx.load_from_string(model)
    convert_model_to_external_data(proto, location=WEIGHTS, size_threshold=_SMALL)
    with tempfile.TemporaryDirectory() as folder:
        write_external_data_tensors(proto, folder)
        weights = Path(folder, WEIGHTS)
        files = {WEIGHTS: weights.read_bytes()} if weights.exists() else {}
    return {GRAPH: proto.SerializeToString(deterministic=True)} | files


def sha256(files: dict[str, bytes]) -> str:
    """Returns the hash that identifies a model: over the graph and then the weights."""
    return hashlib.sha256(b"".join(files.values())).hexdigest()


def write_bundle(out: Path, recipe: Recipe, model: dict[str, bytes], card: str) -> None:
    """Writes the model files, config.json, preprocessor_config.json, labels.tsv and README.md to `out`."""
    files = model | {
        "config.json": _json(_config(recipe, recipe.labels)),
        "preprocessor_config.json": _json(recipe.preprocessing.to_config()),
        "labels.tsv": write_table(recipe.labels).encode(),
        "README.md": card.encode(),
    }
    write_files(out, files)


def write_files(out: Path, files: dict[str, bytes]) -> None:
    """Writes the files of a bundle and replaces older ones; other files in the folder stay."""
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        # Replace the old file, do not overwrite it: a process that runs the old model has it mapped.
        part = out / (name + ".part")
        part.write_bytes(content)
        os.replace(part, out / name)
    if WEIGHTS not in files:
        (out / WEIGHTS).unlink(missing_ok=True)


def _config(recipe: Recipe, labels: list[Label]) -> dict[str, object]:
    return {
        "_name_or_path": recipe.name,
        "model_type": recipe.model_type,
        "image_size": recipe.preprocessing.crop,
        "num_channels": 3,
        # The program cannot distinguish logits from 0 to 1 from probabilities: SqueezeNet ends in a ReLU.
        "graph_output": "logits",
        "num_labels": len(labels),
        "id2label": {str(class_id): label.en for class_id, label in enumerate(labels)},
        "label2id": {label.en: class_id for class_id, label in enumerate(labels)},
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
