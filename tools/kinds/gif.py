"""GIF frames anywhere on the canvas, valid and broken."""

import struct

import numpy as np
from PIL import Image

from kinds.common import GREY, HEIGHT, RGB, WIDTH, picture, pillow, write

def lzw(indices, size=8):
    """LZW without compression: writes a clear code before the code size would grow."""
    bits, count, out = 0, 0, bytearray()
    codes = []
    for number, index in enumerate(indices):
        if number % ((1 << size) - 2) == 0:
            codes.append(1 << size)
        codes.append(int(index))
    for code in [*codes, (1 << size) + 1]:
        bits |= code << count
        count += size + 1
        while count >= 8:
            out.append(bits & 255)
            bits, count = bits >> 8, count - 8
    if count:
        out.append(bits & 255)
    blocks = b"".join(bytes([len(out[a : a + 255])]) + bytes(out[a : a + 255]) for a in range(0, len(out), 255))
    return bytes([size]) + blocks + b"\0"


def gif(canvas, frames, palette=None, background=0):
    """Returns a GIF. Frames are (left, top, indices, palette, transparent index, interlaced)."""
    flags = 0xF7 if palette is not None else 0
    out = b"GIF89a" + struct.pack("<HHBBB", *canvas, flags, background, 0) + (bytes(palette) if palette is not None else b"")
    for left, top, indices, local, transparent, interlaced in frames:
        height, width = indices.shape
        if transparent is not None:
            out += b"\x21\xf9\4" + struct.pack("<BHB", 1, 5, transparent) + b"\0"
        order = [*range(0, height, 8), *range(4, height, 8), *range(2, height, 4), *range(1, height, 2)] if interlaced else range(height)
        flags = (0x40 if interlaced else 0) | (0x87 if local is not None else 0)
        out += b"\x2c" + struct.pack("<HHHHB", left, top, width, height, flags) + (bytes(local) if local is not None else b"")
        out += lzw(indices[list(order)].ravel())
    return out + b"\x3b"


def gifs():
    quantized = Image.fromarray(RGB).quantize(64, dither=Image.Dither.NONE)
    indices = np.asarray(quantized)
    palette = (quantized.getpalette() + [0] * 768)[:768]
    other = palette[::-1]
    pillow("pillow.gif", quantized)
    pillow("pillow_interlaced.gif", quantized, interlace=1)
    pillow("1x1.gif", Image.fromarray(picture(1, 1)))
    write("global.gif", gif((WIDTH, HEIGHT), [(0, 0, indices, None, None, False)], palette))
    whole = gif((WIDTH, HEIGHT), [(0, 0, indices, None, None, False)], palette)
    write("stray_byte.gif", whole[:781] + b"\x07" + whole[781:])
    write("local.gif", gif((WIDTH, HEIGHT), [(0, 0, indices, other, None, False)], palette))
    write("local_only.gif", gif((WIDTH, HEIGHT), [(0, 0, indices, palette, None, False)]))
    write("no_palette.gif", gif((WIDTH, HEIGHT), [(0, 0, GREY, None, None, False)]))
    write("interlaced.gif", gif((WIDTH, HEIGHT), [(0, 0, indices, None, None, True)], palette))
    write("transparent.gif", gif((WIDTH, HEIGHT), [(0, 0, indices, None, int(indices[5, 5]), False)], palette))
    write("offset.gif", gif((WIDTH + 20, HEIGHT + 10), [(7, 3, indices, None, None, False)], palette, background=9))
    write("offset_transparent.gif", gif((WIDTH + 20, HEIGHT + 10), [(7, 3, indices, None, int(indices[5, 5]), True)], palette, background=9))
    write("offset_local.gif", gif((WIDTH + 20, HEIGHT + 10), [(7, 3, indices, other, None, False)], palette))
    write("larger_than_canvas.gif", gif((20, 10), [(0, 0, indices, None, None, False)], palette))
    write("hangs_over.gif", gif((WIDTH, HEIGHT), [(9, 5, indices, None, None, False)], palette))
    write("animated.gif", gif((WIDTH, HEIGHT), [(0, 0, indices, None, None, False), (0, 0, indices[::-1], None, None, False)], palette))
    good = gif((WIDTH, HEIGHT), [(0, 0, indices, None, None, False)], palette)
    write("comment_xmp_icc.gif", good[:781] + b"\x21\xfe\4note\0\x21\xff\x0bXMP DataXMP\4<x/>\0\x21\xff\x0bICCRGBG1012" + (b"\xff" + bytes(255)) * 9 + b"\0\x21\x42\2xx\0" + good[781:])
    write("gif87a.gif", b"GIF87a" + good[6:])
    write("no_trailer.gif", good[:-1])
    write("no_terminator.gif", good[:-2])
    write("trailing.gif", good + b"trailing garbage" * 9)
    write("few_pixels.gif", gif((WIDTH, HEIGHT), [(0, 0, indices[:20], None, None, False)], palette).replace(struct.pack("<HH", WIDTH, 20), struct.pack("<HH", WIDTH, HEIGHT)))
    write("many_pixels.gif", gif((WIDTH, 20), [(0, 0, indices, None, None, False)], palette).replace(b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT), b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, 20)))
    write("no_frame.gif", good[:781] + b"\x3b")
    for width, height in ((0, 0), (0, HEIGHT), (WIDTH, 0)):
        write(f"screen_{width}x{height}.gif", gif((width, height), [(0, 0, indices, None, None, False)], palette))
    write("screen_0x0_offset.gif", gif((0, 0), [(7, 3, indices, None, None, False)], palette))
    write("0x0_frame.gif", good[:781] + b"\x2c" + bytes(9) + b"\x08\0\x3b")
    write("bomb_frame.gif", good[:786] + b"\xff\xff\xff\xff" + good[790:])
    write("bad_code_size.gif", good[:791] + b"\x0c" + good[792:])
