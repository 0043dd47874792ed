"""BMP of every depth and header, valid and broken."""

import struct

import numpy as np
from PIL import Image

from kinds.common import ALPHA, GREY, HEIGHT, RGB, WIDTH, picture, pillow, write

def bmp_rows(samples, bits):
    out = b""
    for row in samples[::-1]:
        if bits < 8:
            packed = np.packbits(((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).ravel()).tobytes()
        else:
            packed = row.tobytes()
        out += packed + bytes(-len(packed) % 4)
    return out


def bmp(data, bits, width=WIDTH, height=HEIGHT, palette=b"", header=40, compression=0, extra=b"", colors=0):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(data), 2835, 2835, colors, 0)
        info = info + extra + bytes(max(0, header - len(info) - len(extra)))
    offset = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + palette + data


def runs():
    """Run-length codes as encoders write them, for 6 x 3 pixels of 4 colours; rows are stored from bottom to top."""
    colors = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])

    def rle(name, data, bits=8):
        write(name, bmp(bytes(data), bits, 6, 3, colors, compression=1 if bits == 8 else 2, colors=4))

    row = [6, 2, 0, 0]
    rle("rle8_absolute.bmp", [0, 5, 1, 2, 3, 1, 2, 0, 1, 1, 0, 0, 0, 3, 3, 2, 1, 0, 3, 2, 0, 0, *row, 0, 1])
    rle("rle4_absolute.bmp", [0, 6, 0x12, 0x31, 0x23, 0, 0, 0, 0, 3, 0x32, 0x10, 3, 0x22, 0, 0, 5, 0x12, 1, 0x30, 0, 0, 0, 1], 4)
    rle("rle8_delta.bmp", [2, 1, 0, 2, 1, 1, 3, 2, 0, 0, 6, 3, 0, 0, 0, 1])
    rle("rle8_delta_to_end.bmp", [2, 1, 0, 2, 4, 0, 0, 0, 6, 2, 0, 0, *row, 0, 1])
    rle("rle8_short_rows.bmp", [2, 1, 0, 0, 3, 2, 0, 0, *row, 0, 1])
    rle("rle8_long_runs.bmp", [200, 1, 0, 0, 3, 2, 4, 3, 0, 0, *row, 0, 1])
    rle("rle8_without_end.bmp", [6, 1, 0, 0, 6, 3, 0, 0, 6, 2])
    rle("rle8_skipped_row.bmp", [*row, 0, 0, *row, 0, 1])
    rle("rle8_early_end.bmp", [*row, *row, 0, 1])
    rle("rle4_early_end.bmp", [6, 0x21, 0, 0, 3, 0x22, 0, 1], 4)
    rle("rle8_cut.bmp", [*row, *row, 0, 6, 1, 2, 3])


def odd_headers(rgb24, quads, indices):
    """Header fields that some writers fill in carelessly."""
    plain = bytearray(bmp(rgb24, 24))
    for planes in (0, 2):
        plain[26] = planes
        write(f"planes_{planes}.bmp", bytes(plain))
    palette = bytearray(bmp(bmp_rows(indices, 8), 8, palette=quads, colors=16))
    palette[10:14] = bytes(4)
    write("offset_0.bmp", bytes(palette))
    palette = bytearray(bmp(bmp_rows(indices, 8), 8, palette=quads + bytes(4 * 240), colors=16))
    palette[46:50] = struct.pack("<I", 300)
    write("many_colors.bmp", bytes(palette))
    write("few_colors.bmp", bmp(bmp_rows(indices, 8), 8, palette=quads))
    palette = bytearray(bmp(bmp_rows(indices, 8), 8, palette=quads, colors=16))
    palette[10:14] = struct.pack("<I", 54)
    write("offset_at_palette.bmp", bytes(palette))
    masks = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    write("24_bitfields.bmp", bmp(rgb24, 24, compression=3, extra=masks))
    bgrx = bmp_rows(np.dstack([RGB[..., ::-1], GREY]), 32)
    write("32_zero_masks.bmp", bmp(bgrx, 32, compression=3, extra=bytes(12)))
    write("no_last_padding.bmp", bmp(rgb24, 24)[: -(-WIDTH * 3 % 4)])
    write("no_last_pixel.bmp", bmp(rgb24, 24)[: -(-WIDTH * 3 % 4) - 1])
    short = struct.pack("<IiiHH", 16, WIDTH, HEIGHT, 1, 24)
    write("24_os2_short.bmp", b"BM" + struct.pack("<IHHI", 30 + len(rgb24), 0, 0, 30) + short + rgb24)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    bgra = bmp_rows(np.dstack([RGB[..., ::-1], ALPHA]), 32)
    write("24_alpha_mask_v5.bmp", bmp(rgb24, 24, header=124, compression=3, extra=masks))
    write("32_alpha_v3.bmp", bmp(bgra, 32, header=56, compression=3, extra=masks))
    write("32_alpha_ce.bmp", bmp(bgra, 32, compression=6, extra=masks))
    write("long_side.bmp", bmp(b"", 24, width=70000, height=1))
    write("png_inside.bmp", bmp(b"\x89PNG", 0, compression=5))


def alpha_0():
    """An alpha channel of 0 everywhere, in every header that can declare one: decoders ignore such a channel."""
    bgra = bmp_rows(np.dstack([RGB[..., ::-1], np.zeros_like(GREY)]), 32)
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    for header in (56, 108, 124):
        write(f"alpha_0_v{header}.bmp", bmp(bgra, 32, header=header, compression=3, extra=masks))
    write("alpha_0_ce.bmp", bmp(bgra, 32, compression=6, extra=masks))
    write("alpha_0_zero_masks_v5.bmp", bmp(bgra, 32, header=124, compression=3))
    r, g, b = ((RGB[..., c] >> 3).astype(np.uint16) for c in range(3))
    fives = r << 10 | g << 5 | b
    masks = struct.pack("<IIII", 0x7C00, 0x3E0, 0x1F, 0x8000)
    write("alpha_0_16.bmp", bmp(bmp_rows(fives.astype("<u2"), 16), 16, header=124, compression=3, extra=masks))
    write("alpha_16.bmp", bmp(bmp_rows((fives | (ALPHA > 99).astype(np.uint16) << 15).astype("<u2"), 16), 16, header=124, compression=3, extra=masks))
    write("16_zero_masks.bmp", bmp(bmp_rows(fives.astype("<u2"), 16), 16, header=124, compression=3))


def bmps():
    bgr = RGB[..., ::-1]
    rgb24 = bmp_rows(bgr, 24)
    quantized = Image.fromarray(RGB).quantize(16, dither=Image.Dither.NONE)
    indices = np.asarray(quantized)
    colors = np.array(quantized.getpalette()[:48], np.uint8).reshape(16, 3)[:, ::-1]
    quads = b"".join(bytes(color) + b"\0" for color in colors)
    triples = b"".join(bytes(color) for color in colors)
    write("24.bmp", bmp(rgb24, 24))
    write("24_top_down.bmp", bmp(bmp_rows(bgr[::-1], 24), 24, height=-HEIGHT))
    write("24_os2.bmp", bmp(rgb24, 24, header=12))
    write("24_os2_v2.bmp", bmp(rgb24, 24, header=64))
    for header in (52, 56, 108, 124):
        write(f"24_v{header}.bmp", bmp(rgb24, 24, header=header))
    for bits in (1, 4, 8):
        last = min(1 << bits, 16)
        write(f"{bits}.bmp", bmp(bmp_rows(indices % last, bits), bits, palette=quads[: 4 * last], colors=last))
        full = triples[: 3 * last] + bytes(3 * ((1 << bits) - last))
        write(f"{bits}_os2.bmp", bmp(bmp_rows(indices % last, bits), bits, palette=full, header=12))
    write("8_os2_v2.bmp", bmp(bmp_rows(indices, 8), 8, palette=quads, header=64, colors=16))
    write("32.bmp", bmp(bmp_rows(np.dstack([bgr, np.zeros_like(GREY)]), 32), 32))
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    write("32_alpha_v5.bmp", bmp(bmp_rows(np.dstack([bgr, ALPHA]), 32), 32, header=124, compression=3, extra=masks))
    write("32_bitfields.bmp", bmp(bmp_rows(np.dstack([bgr, np.zeros_like(GREY)]), 32), 32, compression=3, extra=masks[:12]))
    r, g, b = (RGB[..., c].astype(np.uint16) for c in range(3))
    write("16.bmp", bmp(bmp_rows(((r >> 3) << 10 | (g >> 3) << 5 | b >> 3).astype("<u2"), 16), 16))
    write("16_565.bmp", bmp(bmp_rows(((r >> 3) << 11 | (g >> 2) << 5 | b >> 3).astype("<u2"), 16), 16, compression=3, extra=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
    rle8, rle4 = b"", b""
    for row in indices[::-1]:
        at = 0
        while at < WIDTH:
            run = 1
            while at + run < WIDTH and row[at + run] == row[at] and run < 255:
                run += 1
            rle8 += bytes([run, row[at]])
            rle4 += bytes([run, row[at] * 17])
            at += run
        rle8, rle4 = rle8 + b"\0\0", rle4 + b"\0\0"
    write("rle8.bmp", bmp(rle8 + b"\0\1", 8, palette=quads, compression=1, colors=16))
    write("rle4.bmp", bmp(rle4 + b"\0\1", 4, palette=quads, compression=2, colors=16))
    runs()
    odd_headers(rgb24, quads, indices)
    alpha_0()
    pillow("1x1.bmp", Image.fromarray(picture(1, 1)))
    write("trailing.bmp", bmp(rgb24, 24) + b"trailing garbage" * 9)
    write("0x0.bmp", bmp(b"", 24, width=0, height=0))
    write("negative_width.bmp", bmp(rgb24, 24, width=-WIDTH))
    write("bomb.bmp", bmp(b"", 24, width=60000, height=-60000))
    write("jpeg_inside.bmp", bmp(b"\xff\xd8\xff", 0, compression=4))
