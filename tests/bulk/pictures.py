"""The objects in the bucket: tiny pictures that all differ, broken ones, and keys that are difficult to encode."""

import pathlib
import struct
import zlib
from dataclasses import dataclass

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"


@dataclass(frozen=True)
class Photo:
    """An object, and the code of its error, or None if it gets labels.

    `skipped` marks an object that is not a photo, and has no result.
    """

    key: str
    body: bytes
    code: str | None = None


def png(number: int) -> bytes:
    """Returns a picture of 8 × 8 pixels, with a different colour for each number below 2^24."""
    colour = (number * 2_654_435_761 % 2**24).to_bytes(3, "big")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + colour * 8) * 8)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


# Keys that are difficult in S3, URLs, CSV files, JSON or shells.
KEYS = [
    "with space.png",
    "two  spaces and a trailing one ",
    "plus+plus.png",
    "percent%.png",
    "percent%20encoded.png",
    "percent%2Fslash.png",
    "question?mark=1.png",
    "hash#tag.png",
    "amp&ersand=and;semicolon.png",
    'quote"quote.png',
    "apostrophe's.png",
    "comma,comma.png",
    "back\\slash.png",
    "brackets[1]{2}(3)<4>.png",
    "colon:at@dollar$.png",
    "star*tilde~pipe|caret^.png",
    "emoji 😀👩‍👩‍👧.png",
    "中文/照片.png",
    "composed é and decomposed e\u0301.png",
    "UPPER/lower.PNG",
    "no-extension",
    ".hidden/.png",
    "deep/" + "d/" * 40 + "photo.png",
    "long/" + "k" * 884 + ".png",
    "long emoji/" + "😀" * 219 + ".png",
]

BROKEN = [
    Photo("broken/empty.png", b"", "empty_body"),
    # Consoles create these to show a folder.
    Photo("broken/folder/", b"", "skipped"),
    Photo("broken//slashes.png", png(1 << 20), "invalid_parameter"),
    Photo("broken/bomb.png", (FIXTURES / "bomb.png").read_bytes(), "image_too_large"),
    Photo("broken/truncated.png", (FIXTURES / "cases/trunc.png").read_bytes(), "truncated_image"),
    Photo("broken/page.html", b"<!doctype html><title>Not a photo</title>", "unsupported_format"),
    Photo("broken/text.txt", b"not a photo \xff\xfe\x00", "unsupported_format"),
]

PREFIX = "photos/"


def objects(count: int) -> list[Photo]:
    """Returns `count` objects, all below one prefix."""
    real = ["coffee_500x375.jpg", "chelsea.png", "rocket.jpg"]
    photos = [Photo(f"{PREFIX}real/{name}", (FIXTURES / name).read_bytes()) for name in real]
    photos += [Photo(PREFIX + photo.key, photo.body, photo.code) for photo in BROKEN]
    photos += [Photo(PREFIX + key, png(number)) for number, key in enumerate(KEYS)]
    photos += [Photo(f"{PREFIX}plain/{number:04}.png", png(number)) for number in range(len(photos), count)]
    return photos
