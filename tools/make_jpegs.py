"""Makes tests/fixtures/jpegs.tsv: small JPEG files of all kinds, each with the hash of Pillow's pixels.

    ../.venv-tools/bin/python make_jpegs.py

A line has a name, the sha256 of the RGB pixels, and the file in base64. The pictures are noise and gradients from a
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
SIZES = [(1, 1), (1, 19), (19, 1), (2, 3), (3, 2), (4, 5), (5, 4), (7, 9), (8, 8), (16, 16), (17, 33), (33, 17), (31, 15), (40, 8), (23, 24), (48, 31)]
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
            # A square picture has as many blocks in 4:4:0 as in 4:2:2: the same data give another picture.
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
    yield from oddities(random)


def oddities(random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Files that libjpeg decodes with a warning."""
    for subsampling in (0, 2):
        file = encode(picture(random, (40, 24), "RGB"), progressive=False, subsampling=subsampling)
        for ids in ((1, 1, 1), (0, 1, 1), (1, 2, 1), (0, 0, 1), (0, 1, 2), (255, 7, 7), (34, 35, 36)):
            yield f"ids-{'-'.join(map(str, ids))}-{subsampling}", with_ids(file, ids)
        for parameters in ((0, 255, 0), (64, 64, 0x88), (0, 0, 0), (1, 5, 0x10), (63, 0, 0xFF)):
            yield f"scan-{'-'.join(map(str, parameters))}-{subsampling}", with_scan_parameters(file, parameters)
        tables = segment(file, 0xDB)
        frame = segment(file, 0xC0)
        yield f"tables-behind-frame-{subsampling}", file.replace(tables, b"", 1).replace(frame, frame + tables)
        yield f"fill-bytes-{subsampling}", file.replace(frame, b"\xff" * 5 + frame)
        yield f"bytes-between-segments-{subsampling}", file.replace(frame, b"ab\0cd" + frame)
        comment = b"\xff\xfe\0\2" + b"\xff\xef\0\4\xff\xd9" + b"\xff\xdc\0\4\0\7"
        yield f"empty-comment-and-end-in-a-segment-{subsampling}", file.replace(frame, comment + frame)
        yield f"bytes-behind-the-end-{subsampling}", file + b"\xff\xd8\xff" + bytes(9)


def segment(file: bytes, marker: int) -> bytes:
    """Returns the first segment with this marker, including the marker."""
    start = file.index(bytes((0xFF, marker)))
    return file[start : start + 2 + int.from_bytes(file[start + 2 : start + 4])]


def with_ids(file: bytes, ids: tuple[int, int, int]) -> bytes:
    """Returns the file with other component ids, in the frame and in its only scan."""
    frame, scan = segment(file, 0xC0), segment(file, 0xDA)
    others = bytearray(frame), bytearray(scan)
    for number, component in enumerate(ids):
        others[0][10 + 3 * number] = others[1][5 + 2 * number] = component
    return file.replace(frame, bytes(others[0])).replace(scan, bytes(others[1]))


def with_scan_parameters(file: bytes, parameters: tuple[int, int, int]) -> bytes:
    """Returns the file with other scan parameters: first and last coefficient, and two bit positions in one byte."""
    scan = segment(file, 0xDA)
    return file.replace(scan, scan[:-3] + bytes(parameters))


def picture(random: np.random.Generator, size: tuple[int, int], mode: str) -> Image.Image:
    """Returns noise over a gradient. Some parts are black or white, where rounding reaches the limits of a byte."""
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
