"""The pictures for the benchmarks, made from the fixtures. Their sources and licences are in tests/fixtures."""

import io
import pathlib

import numpy as np
from PIL import Image, ImageOps

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "tests/fixtures"
SMALL, LARGE = (500, 375), (4032, 3024)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    """Encodes a baseline JPEG with 4:2:0, like cameras do."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


def filled(name: str, size: tuple[int, int], grain: float) -> Image.Image:
    """Scales and crops a fixture to `size`, and adds sensor grain, since enlarged pictures are too smooth."""
    picture = ImageOps.fit(Image.open(FIXTURES / name).convert("RGB"), size, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(7).normal(0, grain, (size[1], size[0], 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def small() -> dict[str, bytes]:
    """Returns JPEGs of 500 x 375 pixels by name, 40 to 110 kB; the first shows an espresso."""
    names = ["coffee.png", "chelsea.png", "china.jpg", "flower.jpg", "rocket.jpg"]
    return {name: jpeg(filled(name, SMALL, grain=4), quality=90) for name in names}


def large() -> bytes:
    """Returns a JPEG of an espresso with 12 megapixels and 2 to 3 MB. In an event it is below Lambda's 6 MB."""
    return jpeg(filled("coffee.png", LARGE, grain=4), quality=90)


def of(folder: pathlib.Path) -> dict[str, bytes]:
    """Returns the JPEGs of a folder by name."""
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix.lower() in (".jpg", ".jpeg")
    }


def unlike(image: bytes, number: int) -> bytes:
    """Returns the same picture in other bytes, by a comment after the first marker, so that no cache has it."""
    return image[:2] + b"\xff\xfe\x00\x0a%08d" % number + image[2:]
