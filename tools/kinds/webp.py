"""WebP stills and animations, valid and broken."""

import struct

import numpy as np
from PIL import Image

from kinds.common import ALPHA, HEIGHT, OUT, RGB, WIDTH, exif, odd_exif, picture, pillow, write

def riff(*chunks):
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_chunks(data):
    at, found = 12, []
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def u24(*values):
    return b"".join(value.to_bytes(3, "little") for value in values)


def webps():
    image = Image.fromarray(RGB)
    rgba = Image.fromarray(np.dstack([RGB, ALPHA]))
    lossy = pillow("lossy.webp", image, quality=90)
    lossless = pillow("lossless.webp", image, lossless=True)
    pillow("lossy_alpha.webp", rgba, quality=90, exact=True)
    for quality in (0, 50):
        pillow(f"lossy_alpha_{quality}.webp", rgba, quality=90, alpha_quality=quality, method=6)
    lossless_alpha = pillow("lossless_alpha.webp", rgba, lossless=True, exact=True)
    pillow("palette.webp", image.quantize(8, dither=Image.Dither.NONE).convert("RGB"), lossless=True)
    pillow("1x1.webp", Image.fromarray(picture(1, 1)))
    pillow("1x1_lossless.webp", Image.fromarray(picture(1, 1)), lossless=True)
    pillow("animated.webp", image, save_all=True, append_images=[Image.fromarray(255 - RGB)], quality=90, duration=100)
    for orientation in range(1, 9):
        pillow(f"orientation_{orientation}.webp", image, quality=60, exif=exif(orientation)[6:] if orientation % 2 else exif(orientation))
    for name, block in odd_exif().items():
        chunks = webp_chunks(lossy)
        header = b"\x08\0\0\0" + u24(WIDTH - 1, HEIGHT - 1)
        write(f"exif_{name}.webp", riff((b"VP8X", header), *chunks, (b"EXIF", block)))
    frames = {"lossy": webp_chunks(lossy), "lossless": webp_chunks(lossless), "lossless_alpha": webp_chunks(lossless_alpha),
              "lossy_alpha": [c for c in webp_chunks((OUT / "lossy_alpha.webp").read_bytes()) if c[0] in (b"ALPH", b"VP8 ")]}
    for name, chunks in frames.items():
        inner = riff(*[c for c in chunks if c[0] != b"VP8X"])[12:]
        frame = u24(4, 3, WIDTH - 1, HEIGHT - 1, 100) + b"\0" + inner
        canvas = b"\x12\0\0\0" + u24(WIDTH + 19, HEIGHT + 9)
        write(f"animated_offset_{name}.webp", riff((b"VP8X", canvas), (b"ANIM", b"\x40\x80\xc0\xff\0\0"), (b"ANMF", frame), (b"ANMF", frame)))
    header = b"\0\0\0\0" + u24(WIDTH - 1, HEIGHT - 1)
    vp8 = webp_chunks(lossy)[0]
    write("extended_unknown.webp", riff((b"VP8X", header), (b"ICCP", bytes(999)), (b"junk", b"x"), vp8, (b"EXIF", b"broken"), (b"XMP ", b"<x/>")))
    write("flags_lie.webp", riff((b"VP8X", b"\x2c" + header[1:]), vp8))
    write("trailing.webp", lossy + b"trailing garbage" * 9)
    write("metadata_cut.webp", riff((b"VP8X", header), vp8, (b"EXIF", bytes(99)))[:-50])
    write("wrong_canvas.webp", riff((b"VP8X", b"\0\0\0\0" + u24(99, 99)), vp8))
    write("no_image.webp", riff((b"VP8X", header)))
    write("frame_outside.webp", riff((b"VP8X", b"\x02" + header[1:]), (b"ANIM", bytes(6)), (b"ANMF", u24(4, 3, WIDTH - 1, HEIGHT - 1, 100) + b"\0" + riff(vp8)[12:])))
    write("bomb_canvas.webp", riff((b"VP8X", b"\x02\0\0\0" + u24(0xFFFFFE, 0xFFFFFE)), (b"ANIM", bytes(6)), (b"ANMF", u24(0, 0, WIDTH - 1, HEIGHT - 1, 100) + b"\0" + riff(vp8)[12:])))
    write("orientation_cut.webp", (OUT / "orientation_6.webp").read_bytes()[:-10])
    write("flags_lie_cut.webp", riff((b"VP8X", b"\x2c" + header[1:]), vp8, (b"XMP ", bytes(99)))[:-50])
    # An entropy image whose only value is 65535, so that many groups of codes would follow. The file has no transform
    # and no colour cache, then blocks of 4 x 4, no cache, and five codes of one symbol each.
    bits, count = 0, 0
    for value, size in [(0, 1), (0, 1), (1, 1), (0, 3), (0, 1)] + [f for s in (255, 255, 0, 0, 0) for f in ((1, 1), (0, 1), (1, 1), (s, 8))]:
        bits, count = bits | value << count, count + size
    stream = bits.to_bytes(count // 8 + 1, "little") + bytes(99)
    size = (WIDTH - 1) | (HEIGHT - 1) << 14
    write("tree_bomb.webp", riff((b"VP8L", b"\x2f" + struct.pack("<I", size) + stream)))
    write("tree_bomb_alpha.webp", riff((b"VP8X", b"\x10" + header[1:]), (b"ALPH", b"\x01" + stream), vp8))
    write("damaged_lossless.webp", lossless[:40] + bytes(200) + lossless[240:])
