#!/usr/bin/env python3
"""Writes tests/fixtures/embeddings: pictures, and their means over the committed model's last feature map.

Run it in the environment of `ic_tools`. The pictures already have the size to which photos are scaled, so resizing
causes no differences. For each embedding, the file has the first numbers and the Euclidean norm of all.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from ic_tools.verify import read_preprocessing

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
OUT = FIXTURES / "embeddings"
# A fixture, and the left and upper edge of a region in it, in pixels.
PARTS = {"coffee": (170, 100), "chelsea": (90, 20)}
SIDE = 256
KEPT = 24


def main():
    OUT.mkdir(exist_ok=True)
    preprocessing = read_preprocessing(ROOT / "model")
    session = onnxruntime.InferenceSession(ROOT / "model" / "model.onnx", providers=["CPUExecutionProvider"])
    found = {}
    for name, (left, top) in PARTS.items():
        with Image.open(FIXTURES / f"{name}.png") as image:
            part = image.convert("RGB").crop((left, top, left + SIDE, top + SIDE))
        part.save(OUT / f"{name}.png", optimize=True)
        (features,) = session.run(["features"], {"pixel_values": preprocessing.apply(part)[None]})
        means = features[0].astype(np.float64).mean(axis=(1, 2))
        first = [round(float(mean), 7) for mean in means[:KEPT]]
        found[f"{name}.png"] = {"dimensions": len(means), "norm": round(float(np.linalg.norm(means)), 6), "first": first}
    text = ",\n".join(f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items())
    (OUT / "expected.json").write_text(f"{{\n{text}\n}}\n")


if __name__ == "__main__":
    main()
