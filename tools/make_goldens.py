#!/usr/bin/env python3
"""Writes tests/fixtures/goldens: Pillow's decoding of the images in tests/fixtures/kinds.

Each golden is `ImageOps.exif_transpose(Image.open(f)).convert("RGB")` as a PNG, with two exceptions that this project
makes: transparency is composited on white, except in a BMP that is transparent everywhere, and 16-bit grey is scaled to
8 bits. Files that Pillow cannot open have no golden; tests/image/kinds.rs has the expected results for them.

Needs Pillow and NumPy. Writes the version of Pillow into goldens/README.md.
"""

import io
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures"
MAX_PIXELS = 64_000_000

# Files that Pillow can open but that have no golden, and the reason.
WITHOUT_GOLDEN = {
    "alpha_16.bmp": "Pillow ignores an alpha of one bit",
    "cgbi.png": "refused here by its name",
    **{f"exif_{kind}.{format}": "Pillow does not understand this orientation"
       for kind in ("byte", "header_five_times") for format in ("jpg", "png", "webp")},
    **{f"raw_profile_{kind}.png": "Pillow reads no orientation in this text" for kind in ("app1", "app1_xmp", "xmp")},
    "closed_early.jpg": "pixels are missing",
    "closed_early_progressive.jpg": "pixels are missing",
    "dc_only_progressive.jpg": "libjpeg smooths the blocks of which it has only the mean",
    "few_strips.tif": "pixels are missing",
    "grey_12.tif": "Pillow does not scale 12 bits to 16",
    "layers.avif": "refused here by its name",
    "lost_interval.jpg": "pixels are missing",
    **{f"{kind}.tif": "refused here by its name" for kind in ("lab", "lzma", "signed", "tiff_ccitt", "zstd")},
    "no_palette.png": "refused here",
    "other_size.avif": "refused here",
    "palette_8_narrow.tif": "Pillow takes 8 bits of a palette for the upper ones of 16",
    "short_interval.jpg": "pixels are missing",
    "short_zlib.png": "pixels are missing",
    "size_1x40.jpg": "libjpeg does not interpolate the chroma of pictures up to 4 pixels wide",
}


def on_white(rgba):
    rgb, alpha = rgba[..., :3].astype(int), rgba[..., 3:].astype(int)
    return ((rgb * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def reference(data):
    image = Image.open(io.BytesIO(data))
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("too large")
    transparency = image.info.get("transparency")
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I;16", "I;16B"):
        samples = np.asarray(image).astype(int)
        grey = (samples * 255 + 32767) // 65535
        if transparency is not None:
            grey[samples == transparency] = 255
        return np.dstack([grey.astype(np.uint8)] * 3)
    if data[1:4] == b"PNG" and data[24] < 8 and image.mode == "L" and transparency is not None:
        # Pillow scales such samples to 8 bits, but does not scale the transparent value.
        grey = np.asarray(image).copy()
        grey[grey == transparency * (255 // ((1 << data[24]) - 1))] = 255
        return np.dstack([grey] * 3)
    if data[:2] == b"BM" and image.mode == "RGBA" and not np.asarray(image)[..., 3].any():
        return np.asarray(image)[..., :3]
    if "A" in image.mode or "transparency" in image.info:
        return on_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


README = """# Goldens

What Pillow {version} makes of the files in `../kinds`, each as a PNG named after its file. Written by
`tools/make_goldens.py`, which says how and where it departs from Pillow. Own work, CC0.
"""

if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None
    out = FIXTURES / "goldens"
    out.mkdir(exist_ok=True)
    for stale in out.glob("*.png"):
        stale.unlink()
    without = []
    for path in sorted((FIXTURES / "kinds").iterdir()):
        if path.name == "README.md" or path.name in WITHOUT_GOLDEN:
            continue
        try:
            pixels = reference(path.read_bytes())
        except Exception as error:
            without.append(f"{path.name}: {str(error)[:90]}")
            continue
        Image.fromarray(pixels).save(out / f"{path.name}.png", optimize=True)
    (out / "README.md").write_text(README.format(version=PIL.__version__))
    files = list(out.glob("*.png"))
    print(f"{len(files)} goldens, {sum(path.stat().st_size for path in files)} bytes. Pillow does not open:")
    print("\n".join(without))
