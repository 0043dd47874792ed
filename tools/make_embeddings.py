#!/usr/bin/env python3
"""Writes tests/fixtures/embeddings.json: the means over the committed model's last feature map, by ONNX Runtime and NumPy.

Run it with the environment of `ic_tools`. Of each picture there are the first numbers and the Euclidean norm of all.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
PICTURES = ("coffee.png", "chelsea.png", "camera.png")
KEPT = 24


def main():
    sys.path.insert(0, str(ROOT / "tools"))
    from ic_tools.verify import read_preprocessing

    preprocessing = read_preprocessing(ROOT / "model")
    session = onnxruntime.InferenceSession(ROOT / "model" / "model.onnx", providers=["CPUExecutionProvider"])
    found = {}
    for name in PICTURES:
        with Image.open(FIXTURES / name) as image:
            pixels = preprocessing.apply(image)[None]
        (features,) = session.run(["features"], {"pixel_values": pixels})
        means = features[0].astype(np.float64).mean(axis=(1, 2))
        first = [round(float(mean), 7) for mean in means[:KEPT]]
        found[name] = {"dimensions": len(means), "norm": round(float(np.linalg.norm(means)), 6), "first": first}
    text = ",\n".join(f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items())
    (FIXTURES / "embeddings.json").write_text(f"{{\n{text}\n}}\n")


if __name__ == "__main__":
    main()
