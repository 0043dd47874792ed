"""The pictures that are measured with, made of the fixtures, whose sources and licences are in tests/fixtures."""

import io
import pathlib

import numpy as np
from PIL import Image, ImageOps

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "tests/fixtures"
SMALL, LARGE = (500, 375), (4032, 3024)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    """Baseline, 4:2:0, as cameras write it."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


def filled(name: str, size: tuple[int, int], grain: float) -> Image.Image:
    """A fixture, scaled and cropped to `size`, with a sensor's grain: enlarged pictures are smoother than photos."""
    picture = ImageOps.fit(Image.open(FIXTURES / name).convert("RGB"), size, Image.Resampling.BICUBIC)
    noise = np.random.default_rng(7).normal(0, grain, (size[1], size[0], 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def small() -> dict[str, bytes]:
    """JPEGs of 500 x 375 pixels by name, 40 to 110 kB; the first shows an espresso."""
    names = ["coffee.png", "chelsea.png", "china.jpg", "flower.jpg", "rocket.jpg"]
    return {name: jpeg(filled(name, SMALL, grain=4), quality=90) for name in names}


def large() -> bytes:
    """A JPEG of an espresso of 12 megapixels and 2 to 3 MB: as base64 in an event, it still passes Lambda's 6 MB."""
    return jpeg(filled("coffee.png", LARGE, grain=4), quality=90)


def of(folder: pathlib.Path) -> dict[str, bytes]:
    """The JPEGs of a folder by name."""
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix.lower() in (".jpg", ".jpeg")
    }


def unlike(image: bytes, number: int) -> bytes:
    """The same picture in other bytes, by a comment after the first marker: nobody can answer it from memory."""
    return image[:2] + b"\xff\xfe\x00\x0a%08d" % number + image[2:]
