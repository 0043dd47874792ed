"""Generated pictures of many different sizes: width, height and format in an answer then identify its picture. Uses
only the standard library, so that the soak runs wherever the server does."""

import random
import struct
import zlib

BLOCK = 24
"""The side of the blocks in the pictures, in pixels. The blocks compress well, and no two pictures are alike."""


def rows(width: int, height: int, seed: int, order: slice) -> list[bytes]:
    """Returns rows of 24-bit pixels, in blocks of random colours; `order` selects RGB or BGR."""
    dice = random.Random(seed)
    columns = -(-width // BLOCK)
    lines = []
    for _ in range(-(-height // BLOCK)):
        line = b"".join(dice.randbytes(3)[order] * BLOCK for _ in range(columns))[: 3 * width]
        lines += [line] * BLOCK
    return lines[:height]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def png(width: int, height: int, seed: int) -> bytes:
    lines = rows(width, height, seed, slice(None))
    return png_of(width, height, zlib.compress(b"".join(b"\0" + line for line in lines), 1))


def bmp_of(width: int, height: int, pixels: bytes) -> bytes:
    information = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, 54) + information + pixels


def bmp(width: int, height: int, seed: int) -> bytes:
    """The lowest row is first, and each is padded to whole words of four bytes."""
    padding = bytes(-3 * width % 4)
    lines = reversed(rows(width, height, seed, slice(None, None, -1)))
    return bmp_of(width, height, b"".join(line + padding for line in lines))


def made(count: int) -> list[tuple[str, int, int, bytes]]:
    """Returns format, width, height and bytes of `count` pictures; no two have the same size."""
    pictures = []
    for number in range(count):
        name, make = (("png", png), ("bmp", bmp))[number % 2]
        width, height = 60 + 11 * number, 340 - 5 * number
        pictures.append((name, width, height, make(width, height, number)))
    return pictures


def bombs(side: int = 60000) -> dict[str, bytes]:
    """Returns files of a few bytes each that declare `side` × `side` pixels."""
    gif = b"GIF89a" + struct.pack("<HHBBB", side, side, 0xF7, 0, 0) + bytes(768)
    gif += b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x08\x02\x4c\x01\x00;"
    return {
        "png": png_of(side, side, zlib.compress(bytes(64))),
        "gif": gif,
        "bmp": bmp_of(side, side, bytes(64)),
    }
