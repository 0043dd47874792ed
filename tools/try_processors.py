#!/usr/bin/env python3
"""Compares the program with every image processor that Transformers has for image classification.

    ../.venv-transforms/bin/python try_processors.py [MODEL_TYPE …]

`make test-processors` makes the environment from requirements-transforms.txt. For each type of model, the processor is
made with its defaults and saved by Transformers, together with a network whose logits are its input: a few thousand
values of the tensor. The program serves this bundle. The table shows how far its values are from the processor's, in
steps of one of the 256 values of a byte. The status is 1 if the program serves other values.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import numpy as np
import onnx
import transformers
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from transformers import AutoImageProcessor
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

from ic_tools.errors import ExportError
from ic_tools.program import REPOSITORY, find_program

PICTURES = REPOSITORY / "tests" / "fixtures" / "processors"
# Every n-th row and column of each channel becomes a logit: 3,072 of a tensor of 224 × 224.
STRIDE = 7
# The program's filter coefficients have fewer bits than Pillow's, so some values round the other way.
WORST, ON_AVERAGE = 1.1, 0.1


def saved_processor(model_type: str, folder: Path):
    """Returns the default processor of this type of model, after saving and loading it; `None` if there is none."""
    names = IMAGE_PROCESSOR_MAPPING_NAMES.get(model_type) or {}
    name = names.get("pil") or names.get("torchvision")
    if name is None:
        return None
    if name == "TimmWrapperImageProcessor":
        cfg = {"input_size": [3, 224, 224], "crop_pct": 0.9, "interpolation": "bicubic",
               "mean": [0.5] * 3, "std": [0.5] * 3}
        config = {"architecture": "resnet18", "num_classes": 3, "pretrained_cfg": cfg, "model_type": "timm_wrapper"}
        (folder / "config.json").write_text(json.dumps(config))
        return AutoImageProcessor.from_pretrained(folder)
    getattr(transformers, name)().save_pretrained(folder)
    return AutoImageProcessor.from_pretrained(folder, backend="pil")


def write_network(folder: Path, shape: tuple[int, ...]) -> int:
    """Writes a network whose logits are values of its input. Returns their number."""
    rows, columns = (len(range(0, side, STRIDE)) for side in shape[1:])
    count = shape[0] * rows * columns
    constants = {"starts": [0, 0], "ends": list(shape[1:]), "axes": [2, 3], "steps": [STRIDE] * 2,
                 "shape": [1, count]}
    graph = helper.make_graph(
        [
            helper.make_node("Slice", ["pixel_values", "starts", "ends", "axes", "steps"], ["some"]),
            helper.make_node("Reshape", ["some", "shape"], ["logits"]),
        ],
        "input",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, [1, *shape])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, count])],
        [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    return count


def served_values(program: Path, folder: Path, picture: bytes, count: int) -> np.ndarray:
    """Returns the logits that the program answers. Raises `ExportError` with its message if it refuses the bundle."""
    variables = os.environ | {"MODEL_DIR": str(folder), "PORT": "0", "RUST_LOG": "error"}
    with subprocess.Popen([program, "serve"], cwd=REPOSITORY, env=variables, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        line = server.stdout.readline().split()
        if not line:
            raise ExportError(server.stderr.read().strip().splitlines()[-1].split(" ERROR ")[-1])
        try:
            image = base64.b64encode(picture).decode()
            body = {"image": image, "top_k": count, "function_to_apply": "none"}
            request = urllib.request.Request(line[1].rstrip(".") + "/classify", json.dumps(body).encode(),
                                             {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                predictions = json.load(answer)["predictions"]
        finally:
            server.terminate()
    values = np.empty(count, np.float32)
    for prediction in predictions:
        values[prediction["class_id"]] = prediction["score"]
    return values


def processed(processor, picture: Image.Image) -> np.ndarray | None:
    """Returns the tensor of a picture: channels, height, width. `None` if the processor makes something else."""
    try:
        tensor = np.asarray(processor(picture, return_tensors="pt")["pixel_values"][0], np.float32)
    except (KeyError, ValueError):
        return None
    return tensor if tensor.ndim == 3 else None


def differences(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the differences from the wanted values, in steps between neighbouring values of the first channel."""
    steps = np.diff(np.unique(wanted[0]))
    return np.abs(values - wanted.ravel()) / steps[steps > 1e-4].min()


def compare(program: Path, model_type: str) -> tuple[str, str, bool]:
    """Compares one type of model. Returns the processor, the outcome, and whether it is right."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        processor = saved_processor(model_type, folder)
        if processor is None:
            return "none", "not tried: Transformers has no processor for it", True
        processor_name = type(processor).__name__
        config = folder / "config.json"
        values = json.loads(config.read_text()) if config.exists() else {"model_type": model_type}
        # Pixels from 0 to 1 could be probabilities.
        config.write_text(json.dumps(values | {"graph_output": "logits"}))
        off = []
        for path in sorted(PICTURES.glob("*.png")):
            tensor = processed(processor, Image.open(path).convert("RGB"))
            shape = (3, 224, 224) if tensor is None else tensor.shape
            count = write_network(folder, shape)
            try:
                values = served_values(program, folder, path.read_bytes(), count)
            except ExportError as refusal:
                reason = str(refusal).replace("model bundle: ", "").replace(f"{folder}/", "")
                return processor_name, f"refused: {reason}", True
            if tensor is None:
                return processor_name, "SERVED, though the processor makes no picture", False
            off.append(differences(values, tensor[:, ::STRIDE, ::STRIDE]))
        worst, mean = np.max(off), np.mean(off)
        is_right = worst <= WORST and mean <= ON_AVERAGE
        outcome = f"{shape[2]} × {shape[1]}, within {worst:.2f}, {mean:.4f} on average"
        return processor_name, outcome if is_right else f"WRONG: {outcome}", is_right


def main(model_types: list[str]) -> int:
    program = find_program()
    print(f"Transformers {transformers.__version__}\n")
    print("| type of model | image processor | tensor, and its difference in steps of a byte |\n|---|---|---|")
    wrong = 0
    for model_type in model_types or sorted(MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES):
        processor, outcome, is_right = compare(program, model_type)
        wrong += not is_right
        print(f"| {model_type} | {processor} | {outcome} |", flush=True)
    print(f"\n{wrong} served wrong")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
