"""Checks that a large JPEG gets the same label from its reduced decoding as from all of its pixels.

`parity.py PROGRAM DIR` enlarges each JPEG in the folder to 12 megapixels, with grain, and classifies it twice: as a
JPEG, and as a BMP of Pillow's full decoding of this JPEG, which the program does not reduce. The status is 1 if less
than 98.5 % of the labels agree.
"""

import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

PIXELS = 4032 * 3024
LEAST = 0.985
BATCH = 10
# The kinds of JPEG that cameras, editors and web sites write.
WAYS = [
    {"quality": 90, "subsampling": "4:2:0"},
    {"quality": 85, "subsampling": "4:4:4"},
    {"quality": 80, "subsampling": "4:2:2"},
    {"quality": 85, "subsampling": "4:2:0", "progressive": True},
]


def enlarged(path: pathlib.Path, seed: int) -> Image.Image:
    picture = Image.open(path).convert("RGB")
    factor = (PIXELS / (picture.width * picture.height)) ** 0.5
    size = round(picture.width * factor), round(picture.height * factor)
    grain = np.random.default_rng(seed).normal(0, 6, (size[1], size[0], 1)).astype(np.float32)
    pixels = np.asarray(picture.resize(size, Image.Resampling.LANCZOS)) + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def best(program: str, files: list[pathlib.Path]) -> list[dict]:
    command = [program, "classify", "--json", "--top-k", "1", "--max-body-bytes", "100000000", *files]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line)["predictions"][0] for line in lines]


def main(program: str, photos: pathlib.Path) -> int:
    names = sorted(path for path in photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    agreeing, change = 0, 0.0
    for start in range(0, len(names), BATCH):
        with tempfile.TemporaryDirectory() as folder:
            jpegs, bmps = [], []
            for number, path in enumerate(names[start : start + BATCH], start):
                jpegs.append(pathlib.Path(folder, f"{number}.jpg"))
                bmps.append(pathlib.Path(folder, f"{number}.bmp"))
                file = io.BytesIO()
                enlarged(path, number).save(file, "JPEG", **WAYS[number % len(WAYS)])
                jpegs[-1].write_bytes(file.getvalue())
                Image.open(file).save(bmps[-1])
            for path, small, whole in zip(names[start:], best(program, jpegs), best(program, bmps)):
                same = small["class_id"] == whole["class_id"]
                agreeing += same
                change += abs(small["score"] - whole["score"]) if same else 0
                if not same:
                    print(f"{path.name}: {small['label']} {small['score']:.3f}, not {whole['label']} {whole['score']:.3f}")
    if not names:
        sys.exit(f"{photos} holds no JPEGs")
    print(
        f"same best label at 12 megapixels: {agreeing} of {len(names)} ({agreeing / len(names):.1%}), "
        f"mean |Δscore| of these {change / max(agreeing, 1):.4f}"
    )
    return 0 if agreeing >= LEAST * len(names) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], pathlib.Path(sys.argv[2])))
