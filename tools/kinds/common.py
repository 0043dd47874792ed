"""What the kinds have in common: the picture, EXIF, and how a file is written."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

OUT = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "kinds"
WIDTH, HEIGHT = 61, 43


def picture(width=WIDTH, height=HEIGHT):
    """Smooth colours with a disc in a corner, so that no rotation and no flip of it looks like another."""
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


def exif(orientation, order="<", kind=3):
    """An EXIF block with an orientation of type SHORT (3), LONG (4), or the same signed (8, 9)."""
    value = struct.pack(order + "HH", orientation, 0) if kind in (3, 8) else struct.pack(order + "I", orientation)
    tiff = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIHHHI", 42, 8, 1, 0x112, kind, 1) + value
    return b"Exif\0\0" + tiff + struct.pack(order + "I", 0)
