"""Makes tests/fixtures/jpegs.tsv: small JPEG files of all kinds, with the hash of the pixels that Pillow makes of each.

    ../.venv-tools/bin/python make_jpegs.py

A line holds a name, the sha256 of the RGB pixels, and the file in base64. The pictures are noise and gradients from a
fixed seed, so no licence applies to them.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

TARGET = Path(__file__).resolve().parents[1] / "tests/fixtures/jpegs.tsv"
SUBSAMPLINGS = {"444": 0, "422": 1, "420": 2}
SIZES = [(1, 1), (1, 19), (19, 1), (2, 3), (3, 2), (4, 5), (5, 4), (7, 9), (8, 8), (16, 16), (17, 33), (33, 17), (31, 15)]
START_OF_FRAME = (b"\xff\xc0", b"\xff\xc2")


def main() -> None:
    random = np.random.default_rng(20261128)
    lines = [line(name, jpeg) for name, jpeg in files(random)]
    TARGET.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} files, {TARGET.stat().st_size} bytes")


def files(random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    for progressive in (False, True):
        kind = "progressive" if progressive else "baseline"
        for name, subsampling in SUBSAMPLINGS.items():
            for number, size in enumerate(SIZES):
                options = {"quality": (30, 75, 98)[number % 3], "subsampling": subsampling}
                if number % 4 == 3:
                    options["restart_marker_blocks"] = 1 + number % 3
                file = encode(picture(random, size, "RGB"), progressive=progressive, **options)
                yield f"{kind}-{name}-{size[0]}x{size[1]}-q{options['quality']}", file
        for mode in ("L", "CMYK"):
            for size in SIZES[::2]:
                file = encode(picture(random, size, mode), progressive=progressive, quality=90)
                yield f"{kind}-{mode.lower()}-{size[0]}x{size[1]}", file
                if mode == "CMYK":
                    yield f"{kind}-ycck-{size[0]}x{size[1]}", with_adobe_transform(file, 2)
        for side in (1, 2, 3, 5, 8, 9, 16, 23, 32, 40):
            # A square picture has as many blocks in 4:4:0 as in 4:2:2: the same data are another picture.
            file = encode(picture(random, (side, side), "RGB"), progressive=progressive, subsampling=1)
            yield f"{kind}-440-{side}x{side}", with_luma_sampling(file, 0x12)
        for width, height in ((32, 16), (64, 16), (64, 48)):
            file = encode(picture(random, (width, height), "RGB"), progressive=False, subsampling=2)
            yield f"baseline-411-{width}x{height}-{kind}", with_luma_sampling(file, 0x41)
        for quality in (1, 5, 50, 100):
            for size in ((40, 24), (25, 39)):
                image = picture(random, size, "RGB")
                file = encode(image, progressive=progressive, quality=quality, subsampling=2)
                yield f"{kind}-quality-{quality}-{size[0]}x{size[1]}", file
        for size in ((9, 7), (24, 16)):
            image = picture(random, size, "RGB")
            yield f"{kind}-rgb-{size[0]}x{size[1]}", encode(image, progressive=progressive, keep_rgb=True)


def picture(random: np.random.Generator, size: tuple[int, int], mode: str) -> Image.Image:
    """Noise over a gradient; in parts black or white, where rounding meets the limits of a byte."""
    width, height = size
    channels = len(mode)
    gradient = np.linspace(-80, 335, width)[None, :, None] + np.linspace(-60, 60, height)[:, None, None]
    noise = random.normal(0, 40, (height, width, channels))
    tint = random.uniform(-60, 60, channels)
    values = np.clip(gradient + noise + tint, 0, 255).astype(np.uint8)
    return Image.frombytes(mode, size, values.tobytes())


def encode(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def with_luma_sampling(jpeg: bytes, sampling: int) -> bytes:
    start = max(jpeg.find(marker) for marker in START_OF_FRAME)
    at = start + 11
    return jpeg[:at] + bytes([sampling]) + jpeg[at + 1 :]


def with_adobe_transform(jpeg: bytes, transform: int) -> bytes:
    at = jpeg.index(b"Adobe") + 11
    return jpeg[:at] + bytes([transform]) + jpeg[at + 1 :]


def line(name: str, jpeg: bytes) -> str:
    with Image.open(io.BytesIO(jpeg)) as image:
        pixels = image.convert("RGB").tobytes()
    return "\t".join([name, hashlib.sha256(pixels).hexdigest(), base64.b64encode(jpeg).decode()])


if __name__ == "__main__":
    main()
