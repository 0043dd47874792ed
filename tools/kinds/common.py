"""Shared by all kinds: the picture, EXIF, and writing files."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

OUT = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "kinds"
WIDTH, HEIGHT = 61, 43


def picture(width=WIDTH, height=HEIGHT):
    """Draws smooth colours with a disc in a corner, so that all rotations and flips differ."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    rgb = np.stack([255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1), 128 + 90 * np.sin((x + 2 * y) / 17)], -1)
    rgb[(x - width * 0.75) ** 2 + (y - height * 0.3) ** 2 < (min(width, height) * 0.2) ** 2] = (230, 40, 40)
    return rgb.round().clip(0, 255).astype(np.uint8)


RGB = picture()
GREY = np.asarray(Image.fromarray(RGB).convert("L"))
ALPHA = np.linspace(0, 255, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).round().astype(np.uint8)


def write(name, data):
    (OUT / name).write_bytes(data)


def pillow(name, image, format=None, **options):
    buffer = io.BytesIO()
    image.save(buffer, format or {"jpg": "JPEG"}.get(name.rsplit(".")[-1], name.rsplit(".")[-1].upper()), **options)
    write(name, buffer.getvalue())
    return buffer.getvalue()


def exif(orientation, order="<", kind=3, magic=None, values=None):
    """Returns an EXIF block with an orientation of this TIFF type: BYTE (1), SHORT (3), LONG (4), or signed (6, 8, 9).

    `magic` replaces the number after the byte order letters. With several `values`, which are then stored after the
    directory, the first is the orientation.
    """
    letter = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}[kind]
    values = values or [orientation]
    value = struct.pack(f"{order}{len(values)}{letter}", *values)
    behind = b""
    if len(value) > 4:
        value, behind = struct.pack(order + "I", 26), value
    magic = struct.pack(order + "H", 42) if magic is None else magic
    tiff = (b"II" if order == "<" else b"MM") + magic
    tiff += struct.pack(order + "IHHHI", 8, 1, 0x112, kind, len(values)) + value.ljust(4, b"\0") + bytes(4) + behind
    return b"Exif\0\0" + tiff


def odd_exif():
    """Returns EXIF blocks by name that ask for a quarter turn in ways that only some readers understand."""
    plain = exif(6)
    return {
        "swapped_magic_mm": exif(6, ">", magic=b"\x2a\0"),
        "swapped_magic_ii": exif(6, "<", magic=b"\0\x2a"),
        "header_twice": b"Exif\0\0" + plain,
        "header_five_times": b"Exif\0\0" * 4 + plain,
        "byte": exif(6, kind=1),
        "three_values": exif(6, values=[6, 1, 1]),
    }
