"""The inputs: good pictures in all body formats, broken ones, and bombs. The expected answers come from the reference
pass. This file defines only what must hold for any model: `expects`, and the image's size."""

import base64
import dataclasses
import itertools
import json
import pathlib
from collections.abc import Callable, Sequence

import pictures

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures"
BOUNDARY = "a4f1c86b2d"
MAX_BODY_BYTES = 3 << 20
"""The server's setting. It is small, so that a body above it is sent quickly; the largest fixture has 2 MB."""
TOO_LARGE = 9 << 20
"""More bytes than the largest body that `MAX_BODY_BYTES` allows, including base64 and framing."""
WITHHELD = 1 << 30
"""A body of this length is refused by its Content-Length, before any of it is sent."""
MAX_IMAGES = 16


@dataclasses.dataclass(frozen=True, eq=False)
class Input:
    name: str
    images: Sequence[bytes]
    form: Callable[[Sequence[bytes]], bytes]
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    path: str = "/classify"
    method: str = "POST"
    expects: str = "good"
    """`good`: the answer has labels. `refused`: it has none and the client is at fault. `any`: either."""
    image: dict | None = None
    """The expected `image` in the answer, if known."""
    fresh: bool = False
    """Whether each request has different bytes after its image, which decoders skip, so that no cache entry matches."""
    way: str = "whole"
    """How it is sent: `whole`, or one of the ways in `ways.py`."""
    weight: float = 1
    """The relative frequency of this input."""

    def body(self, tail: bytes) -> bytes:
        if not self.fresh:
            return self.form(self.images)
        return self.form([image + tail + bytes([index]) for index, image in enumerate(self.images)])


def raw(images: Sequence[bytes]) -> bytes:
    return images[0]


def text(images: Sequence[bytes]) -> bytes:
    return base64.b64encode(images[0])


def one(images: Sequence[bytes]) -> bytes:
    return json.dumps({"image": text(images).decode()}).encode()


def many(images: Sequence[bytes]) -> bytes:
    return json.dumps({"images": [base64.b64encode(image).decode() for image in images]}).encode()


def multipart(images: Sequence[bytes]) -> bytes:
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="image"; filename="photo"\r\n\r\n'.encode()
    return b"".join(head + image + b"\r\n" for image in images) + f"--{BOUNDARY}--\r\n".encode()


JSON = {"content-type": "application/json"}
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
FORMS = {
    "raw": (raw, {"content-type": "application/octet-stream"}),
    "base64": (text, {"content-type": "text/plain"}),
    "image": (one, JSON),
    "images": (many, JSON),
    "multipart": (multipart, FORM),
}


def formed(name: str, images: Sequence[bytes], form: str, path: str = "/classify", **more: object) -> Input:
    make, headers = FORMS[form]
    return Input(f"{path} {form} {name}", images, make, headers, path, **more)


def good() -> list[Input]:
    inputs = []
    forms = itertools.cycle(FORMS)
    for number, (kind, width, height, image) in enumerate(pictures.made(48)):
        known = {"format": kind, "width": width, "height": height}
        # The first few are so frequent that even the small cache contains them.
        weight = 12 if number < 4 else 1
        inputs.append(formed(f"{kind} {width}x{height}", [image], next(forms), image=known, weight=weight))
    photos = sorted(file for file in FIXTURES.iterdir() if file.suffix in (".jpg", ".png") and file.stem != "bomb")
    for file, form, path in itertools.product(photos, FORMS, ("/classify", "/predict")):
        fresh = file.suffix == ".jpg" and path == "/classify"
        inputs.append(formed(file.name, [file.read_bytes()], form, path, fresh=fresh))
    mixed = [file.read_bytes() for file in photos[:3]]
    for form, path in itertools.product(("images", "multipart"), ("/classify", "/predict")):
        inputs.append(formed("a broken one among others", [*mixed, b"not a picture", mixed[0]], form, path))
    # Slowly, but within the time limit.
    inputs += [dataclasses.replace(inputs[number], way="pieces", weight=0.2) for number in range(5)]
    return inputs


def broken() -> list[Input]:
    photo = (FIXTURES / "coffee.jpg").read_bytes()
    kinds = {
        "truncated JPEG": photo[:3000],
        "corrupt JPEG": photo[:700] + bytes(12000) + photo[12700:],
        "truncated PNG": pictures.png(300, 200, 1)[:400],
        "corrupt PNG": pictures.png(300, 200, 1)[:60] + bytes(300),
        "truncated BMP": pictures.bmp(300, 200, 1)[:5000],
        "text": b"not a picture",
        "HTML": b"<!doctype html><title>504 Gateway Time-out</title>",
        "nothing": b"",
    }
    inputs = [formed(name, [kinds[name]], form, expects="refused") for name, form in zip(kinds, itertools.cycle(FORMS))]
    for folder in ("cases", "finds"):
        for number, file in enumerate(sorted((FIXTURES / folder).iterdir())):
            if file.suffix != ".md":
                path = ("/classify", "/predict")[number % 2]
                inputs.append(formed(file.name, [file.read_bytes()], "raw", path, expects="any", weight=0.5))
    spoilt = [
        ("bad JSON", b'{"image": "', JSON),
        ("bad base64 in JSON", b'{"image": "@@@@"}', JSON),
        ("JSON without an image", b"{}", JSON),
        ("bad base64", b"iVBORw0KGgo*" * 8, {"content-type": "text/plain"}),
        ("form without its end", multipart([photo])[:-40], FORM),
    ]
    inputs += [Input(name, [body], raw, headers, expects="refused") for name, body, headers in spoilt]
    inputs.append(Input("bad top_k", [photo], raw, path="/classify?top_k=0", expects="refused"))
    inputs.append(Input("no such path", [b""], raw, path="/nowhere", expects="refused"))
    inputs.append(Input("no such method", [b""], raw, method="DELETE", expects="refused"))
    return inputs


def bombs() -> list[Input]:
    found = pictures.bombs() | {"bomb.png": (FIXTURES / "bomb.png").read_bytes()}
    inputs = [
        formed(f"bomb {name}", [image], form, expects="refused")
        for (name, image), form in zip(found.items(), itertools.cycle(FORMS))
    ]
    too_many = [pictures.png(8, 8, 1)] * (MAX_IMAGES + 1)
    inputs += [formed("too many images", too_many, form, expects="refused") for form in ("multipart", "images")]
    large = [bytes(TOO_LARGE)]
    inputs.append(formed("body that is too large", large, "raw", expects="refused", weight=0.3))
    inputs.append(Input("body that is too large, withheld", [b""], raw, expects="refused", way="withheld"))
    waiting = {"expect": "100-continue"}
    inputs.append(Input("body that waits for leave", [b""], raw, waiting, expects="refused", way="withheld"))
    return inputs


def heavy(images: int) -> Input:
    """Takes long, so that it is still in progress when the server is told to stop."""
    photo = (FIXTURES / "china.jpg").read_bytes()
    return formed("many photos", [photo] * images, "multipart", fresh=True)


def breaking_off() -> list[Input]:
    photo = (FIXTURES / "china.jpg").read_bytes()
    return [formed("client that breaks off", [photo], form, way="broken off", weight=3) for form in FORMS]


def too_slow() -> list[Input]:
    photo = (FIXTURES / "coffee.jpg").read_bytes()
    return [formed("too slow", [photo], "raw", way=way, weight=0.5) for way in ("slow head", "slow body")]


def everything() -> list[Input]:
    return good() + broken() + bombs() + breaking_off() + too_slow()
