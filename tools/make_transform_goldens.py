#!/usr/bin/env python3
"""Writes tests/fixtures/transforms: outputs of timm, Ultralytics and Transformers 5 for two small pictures.

`scripts/transforms-venv` makes the environment from requirements-transforms.txt. Each variant is a folder with the file
that describes the transform, and the tensors that the library makes with it of `../processors/wide.png` and `tall.png`,
in the format of `tests/fixtures/processors`. If a variant's file differs from that of Transformers 4.46, but its
tensors do not, `golden.json` names the folder that has the tensors instead of storing them again.
"""

import ast
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import PIL
import timm
import torch
import transformers
import ultralytics
from PIL import Image
from timm.data import create_transform, resolve_data_config
from transformers import AutoImageProcessor
from ultralytics.data.augment import classify_transforms

from make_processor_goldens import STRIDE, WRITTEN

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
OUT = FIXTURES / "transforms"
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
BASE = {"interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center", **IMAGENET}


def square(side, **options):
    return BASE | {"input_size": [3, side, side]} | options


# Variant: the `pretrained_cfg` of a timm repository. A crop of 27 from 28 or 30 pixels leaves odd margins.
TIMM = {
    "timm-center": square(27),
    "timm-center-875": square(27, crop_pct=0.875, interpolation="bilinear", **HALF),
    "timm-whole": square(24, crop_pct=1.0),
    "timm-nearest": square(20, interpolation="nearest"),
    "timm-lanczos": square(20, interpolation="lanczos"),
    "timm-squash": square(24, crop_mode="squash", crop_pct=0.9),
    "timm-squash-whole": square(24, crop_mode="squash", crop_pct=1.0),
    "timm-oblong": square(0, input_size=[3, 20, 28]),
    "timm-oblong-squash": square(0, input_size=[3, 28, 20], crop_mode="squash"),
    # Larger than the resized picture, which is padded with zeros.
    "timm-padded": square(27, crop_pct=1.3),
    # Only these two keys, so that timm's own defaults apply: bicubic, 0.875 and ImageNet's statistics.
    "timm-defaults": {"input_size": [3, 28, 28], "num_classes": 3},
    # timm uses the test size only on request, not by default.
    "timm-test-size": square(20, test_input_size=[3, 28, 28], test_crop_pct=1.0),
}
# The config of a model that was exported at the test size.
AT_TEST_SIZE = {"timm-at-test-size": square(20, test_input_size=[3, 28, 28], test_crop_pct=1.0)}
PP_LCNET = {
    "pp-lcnet": {"resize_short": 32, "crop_size": {"height": 27, "width": 27}},
    "pp-lcnet-odd": {"resize_short": 31, "crop_size": {"height": 24, "width": 24}},
}
# Variant: `imgsz`, as the export writes it into the model.
ULTRALYTICS = {"ultralytics": "[24, 24]", "ultralytics-oblong": "[20, 28]", "ultralytics-number": "27"}


def write(name, file, config, make, pictures, **more):
    folder = OUT / name
    folder.mkdir(parents=True)
    (folder / file).write_text(json.dumps(config, indent=2) + "\n")
    for picture, image in pictures.items():
        tensor = np.asarray(make(image), dtype="<f4")
        (folder / f"{picture}.f32").write_bytes(tensor.tobytes())
    golden = {"shape": list(tensor.shape), "stride": 1, **more}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


def write_transformers(name, make, pictures):
    """Writes a variant of `make_processor_goldens.py` as Transformers 5 saves it, and the tensors it then makes."""
    folder = OUT / name
    with tempfile.TemporaryDirectory() as saved:
        make().save_pretrained(saved)
        (file,) = Path(saved).iterdir()
        processor = AutoImageProcessor.from_pretrained(saved, backend="pil")
        folder.mkdir(parents=True)
        shutil.copyfile(file, folder / file.name)
    before = FIXTURES / "processors" / name.removeprefix("transformers-5-")
    golden = {"processor": type(processor).__name__, "stride": 1}
    tensors = {}
    for picture, image in pictures.items():
        tensor = np.asarray(processor(image)["pixel_values"][0], dtype="<f4")
        golden["shape"] = list(tensor.shape)
        if tensor.shape[1] > 100:
            golden["stride"] = STRIDE
        tensors[picture] = tensor[:, :: golden["stride"], :: golden["stride"]].tobytes()
    if all((before / f"{picture}.f32").read_bytes() == values for picture, values in tensors.items()):
        golden["tensors"] = f"processors/{before.name}"
    else:
        for picture, values in tensors.items():
            (folder / f"{picture}.f32").write_bytes(values)
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    pictures = {name: Image.open(FIXTURES / "processors" / f"{name}.png").convert("RGB") for name in ("wide", "tall")}
    for name, cfg in (TIMM | AT_TEST_SIZE).items():
        data = resolve_data_config(pretrained_cfg=cfg, use_test_size=name in AT_TEST_SIZE)
        transform = create_transform(**data, is_training=False)
        config = {"architecture": "resnet18", "num_classes": 3, "pretrained_cfg": cfg}
        write(name, "config.json", config, transform, pictures)
    for name, options in PP_LCNET.items():
        processor = transformers.PPLCNetImageProcessor(**options)
        config = json.loads(processor.to_json_string())
        write(name, "preprocessor_config.json", config,
              lambda image: processor(image, return_tensors="np")["pixel_values"][0], pictures)
    for name, imgsz in ULTRALYTICS.items():
        size = ast.literal_eval(imgsz)
        transform = classify_transforms(size)
        metadata = {"task": "classify", "imgsz": imgsz, "names": "{0: 'one', 1: \"the other's\", 2: 'third'}"}
        write(name, "metadata.json", metadata, transform, pictures)
    for name, (processor, options) in WRITTEN.items():
        make = getattr(transformers, f"{processor}Pil")
        write_transformers(f"transformers-5-{name}", lambda: make(**options), pictures)
    versions = {module.__name__: module.__version__ for module in (timm, torch, transformers, ultralytics, PIL)}
    (OUT / "README.md").write_text(
        "# Transforms\n\nTensors that timm, Ultralytics and the image processors of Transformers 5 make of the pictures in\n"
        "`../processors`, and the files that describe them, in the format of that folder. Where `golden.json` names\n"
        "another folder under `tensors`, the tensors are the same as those.\n"
        "`tools/make_transform_goldens.py` made all of it with "
        + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".\nOwn work, CC0.\n"
    )
    print(f"{sum(1 for path in OUT.iterdir() if path.is_dir())} variants")


if __name__ == "__main__":
    main()
