"""TIFF of every depth, colour, compression and layout, valid and broken."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from kinds.common import ALPHA, GREY, HEIGHT, RGB, WIDTH, picture, write

BYTE, SHORT, LONG, LONG8, UNDEFINED = 1, 3, 4, 16, 7
# Each byte with its bits reversed.
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
LETTERS = {BYTE: "B", SHORT: "H", LONG: "I", LONG8: "Q", UNDEFINED: "B"}
NONE, GROUP3, GROUP4, LZW, OLD_JPEG, JPEG, DEFLATE, PACKBITS = 1, 3, 4, 5, 6, 7, 8, 32773


def tiff(tags, parts, order="<", big=False, tiles=False, magic=None):
    """Returns a one-page file. `tags` are (number, type, values); offsets and lengths of the parts are added."""
    offset = "Q" if big else "I"
    head = 16 if big else 8
    places, at = [], head
    for part in parts:
        places.append(at)
        at += len(part)
    kind = LONG8 if big else LONG
    tags = sorted([*tags, (324 if tiles else 273, kind, places), (325 if tiles else 279, kind, [len(part) for part in parts])])
    entries, behind = b"", b""
    start = at + (8 if big else 2) + len(tags) * (20 if big else 12) + (8 if big else 4)
    for number, kind, values in tags:
        data = struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
        field = data.ljust(8 if big else 4, b"\0")
        if len(data) > (8 if big else 4):
            field = struct.pack(order + offset, start + len(behind))
            behind += data + bytes(len(data) % 2)
        entries += struct.pack(f"{order}HH{offset}", number, kind, len(values)) + field
    letters = b"II" if order == "<" else b"MM"
    magic = struct.pack(order + "H", 43 if big else 42) if magic is None else magic
    header = letters + magic + (struct.pack(order + "HHQ", 8, 0, at) if big else struct.pack(order + "I", at))
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    return header + b"".join(parts) + count + entries + bytes(8 if big else 4) + behind


def packed(samples, bits, order="<"):
    """Packs rows of samples into bytes, each row padded to whole bytes."""
    rows = []
    for row in samples.reshape(samples.shape[0], -1):
        if bits == 16:
            rows.append(row.astype(order + "u2").tobytes())
        else:
            rows.append(np.packbits(((row[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).ravel()).tobytes())
    return rows


def lzw(data, old=False):
    """LZW without compression: a clear code comes before codes would grow. Old writers start with the lowest bit."""
    codes = []
    for number, byte in enumerate(data):
        if number % 250 == 0:
            codes.append(256)
        codes.append(byte)
    codes.append(257)
    bits = np.array([[code >> bit & 1 for bit in (range(9) if old else range(8, -1, -1))] for code in codes], np.uint8)
    return np.packbits(bits.ravel(), bitorder="little" if old else "big").tobytes()


def packbits(data):
    out, at = b"", 0
    while at < len(data):
        run = 1
        while at + run < len(data) and run < 128 and data[at + run] == data[at]:
            run += 1
        if run > 1:
            out += bytes([257 - run, data[at]])
        else:
            while at + run < len(data) and run < 128 and (at + run + 1 >= len(data) or data[at + run] != data[at + run + 1]):
                run += 1
            out += bytes([run - 1]) + data[at : at + run]
        at += run
    return out + b"\x80"


PACK = {NONE: bytes, LZW: lzw, DEFLATE: lambda data: zlib.compress(data, 9), PACKBITS: packbits}


def page(samples, color, bits=8, compression=NONE, rows=16, tile=None, planar=False, predictor=False, order="<", big=False, extra=(), mirror=False, **options):
    """Returns a page with these samples, [height, width] or [height, width, channels]."""
    samples = samples if samples.ndim == 3 else samples[..., None]
    height, width, channels = samples.shape
    planes = [samples[..., [c]] for c in range(channels)] if planar else [samples]
    parts = []
    for plane in planes:
        for top in range(0, height, tile or rows):
            for left in range(0, width, tile or width):
                part = plane[top : top + (tile or rows), left : left + (tile or width)]
                if tile:
                    part = np.pad(part, ((0, tile - part.shape[0]), (0, tile - part.shape[1]), (0, 0)), "edge")
                if predictor:
                    part = part.copy()
                    part[:, 1:] -= part[:, :-1].copy()
                data = PACK[compression](b"".join(packed(part, bits, order)))
                parts.append(data.translate(MIRRORED) if mirror else data)
    tags = [(256, LONG, [width]), (257, LONG, [height]), (258, SHORT, [bits] * channels), (259, SHORT, [compression]),
            (262, SHORT, [color]), (277, SHORT, [channels]), (284, SHORT, [2 if planar else 1]), *extra]
    tags += [(322, LONG, [tile]), (323, LONG, [tile])] if tile else [(278, LONG, [rows])]
    if predictor:
        tags.append((317, SHORT, [2]))
    return tiff(tags, parts, order, big, bool(tile), **options)


def pillow(name, image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    write(name, buffer.getvalue())


def depths_and_colors():
    rgb16, grey16 = RGB.astype(np.uint16) * 257, GREY.astype(np.uint16) * 257
    for bits in (1, 2, 4, 8):
        write(f"grey_{bits}.tif", page(GREY >> (8 - bits), 1, bits))
        write(f"white_is_zero_{bits}.tif", page(GREY >> (8 - bits), 0, bits))
    write("grey_12.tif", page(grey16 >> 4, 1, 12))
    for order, name in (("<", "little"), (">", "big")):
        write(f"grey_16_{name}.tif", page(grey16, 1, 16, order=order))
        write(f"rgb_16_{name}.tif", page(rgb16, 2, 16, order=order))
    write("rgb.tif", page(RGB, 2))
    write("rgb_big_endian.tif", page(RGB, 2, order=">"))
    quantized = Image.fromarray(RGB).quantize(16, dither=Image.Dither.NONE)
    indices = np.asarray(quantized)
    colors = np.array(quantized.getpalette()[:48]).reshape(16, 3)
    for bits in (1, 2, 4, 8):
        used = np.zeros((1 << bits, 3), int)
        used[:16] = colors[: 1 << bits]
        wide = [int(value) * 257 for value in used.T.ravel()]
        write(f"palette_{bits}.tif", page(indices & ((1 << bits) - 1), 3, bits, extra=[(320, SHORT, wide)]))
    narrow = [int(value) for value in np.vstack([colors, np.zeros((240, 3), int)]).T.ravel()]
    write("palette_8_narrow.tif", page(indices, 3, extra=[(320, SHORT, narrow)]))
    cmyk = np.dstack([255 - RGB, 255 - GREY])
    write("cmyk.tif", page(cmyk, 5))
    ycbcr = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
    write("ycbcr.tif", page(ycbcr, 6, extra=[(530, SHORT, [1, 1])]))
    unassociated, associated, nothing = ([(338, SHORT, [kind])] for kind in (2, 1, 0))
    rgba = np.dstack([RGB, ALPHA])
    premultiplied = np.dstack([(RGB.astype(int) * ALPHA[..., None] + 127) // 255, ALPHA]).astype(np.uint8)
    write("rgba.tif", page(rgba, 2, extra=unassociated))
    write("rgba_associated.tif", page(premultiplied, 2, extra=associated))
    write("rgbx.tif", page(rgba, 2, extra=nothing))
    write("rgba_16.tif", page(rgba.astype(np.uint16) * 257, 2, 16, extra=unassociated))
    write("rgba_planar.tif", page(rgba, 2, planar=True, extra=unassociated))
    write("grey_alpha.tif", page(np.dstack([GREY, ALPHA]), 1, extra=unassociated))


def layouts():
    rgb16 = RGB.astype(np.uint16) * 257
    for compression, name in ((LZW, "lzw"), (DEFLATE, "deflate"), (PACKBITS, "packbits")):
        write(f"{name}.tif", page(RGB, 2, compression=compression))
        write(f"{name}_tiles.tif", page(RGB, 2, compression=compression, tile=32))
    for compression, name in ((LZW, "lzw"), (DEFLATE, "deflate")):
        write(f"{name}_predictor.tif", page(RGB, 2, compression=compression, predictor=True))
    write("deflate_predictor_16.tif", page(rgb16, 2, 16, compression=DEFLATE, predictor=True, order=">"))
    write("deflate_predictor_planar.tif", page(RGB, 2, compression=DEFLATE, predictor=True, planar=True))
    write("old_lzw.tif", old_lzw())
    write("planar.tif", page(RGB, 2, planar=True))
    write("planar_tiles.tif", page(RGB, 2, planar=True, tile=16))
    write("tiles_larger_than_picture.tif", page(RGB, 2, tile=64))
    write("one_strip.tif", page(RGB, 2, rows=HEIGHT))
    write("one_row_strips.tif", page(RGB, 2, rows=1))
    write("rows_per_strip_max.tif", page(RGB, 2, rows=HEIGHT).replace(struct.pack("<HHII", 278, LONG, 1, HEIGHT), struct.pack("<HHII", 278, LONG, 1, 0xFFFFFFFF)))
    write("bigtiff.tif", page(RGB, 2, big=True))
    write("bigtiff_big_endian.tif", page(RGB, 2, big=True, order=">"))
    write("swapped_magic.tif", page(RGB, 2, magic=b"\0\x2a"))
    bits = np.zeros((HEIGHT, WIDTH), np.uint8)
    bits[GREY > 120] = 1
    # The lowest bit of a stored byte comes first.
    reversed_bits = [(266, SHORT, [2])]
    write("fill_order_2.tif", page(bits, 1, 1, extra=reversed_bits, rows=HEIGHT))
    for compression, name in ((LZW, "lzw"), (DEFLATE, "deflate"), (PACKBITS, "packbits")):
        write(f"fill_order_2_{name}.tif", page(RGB, 2, compression=compression, extra=reversed_bits, mirror=True))
    for orientation in range(2, 9):
        write(f"orientation_{orientation}.tif", page(RGB, 2, compression=DEFLATE, extra=[(274, SHORT, [orientation])]))
    xmp = b"<rdf:Description tiff:Orientation=\"6\"/>"
    write("xmp_6.tif", page(RGB, 2, extra=[(700, BYTE, list(xmp))]))


def old_lzw():
    """LZW in the variant before TIFF 5.0."""
    parts = [lzw(b"".join(packed(RGB[top : top + 16], 8)), old=True) for top in range(0, HEIGHT, 16)]
    tags = [(256, LONG, [WIDTH]), (257, LONG, [HEIGHT]), (258, SHORT, [8, 8, 8]), (259, SHORT, [LZW]), (262, SHORT, [2]),
            (277, SHORT, [3]), (278, LONG, [16])]
    return tiff(tags, parts)


def jpegs_and_faxes():
    image = Image.fromarray(RGB)
    pillow("jpeg.tif", image, compression="jpeg", quality=90)
    pillow("jpeg_ycbcr.tif", image.convert("YCbCr"), compression="jpeg", quality=90)
    pillow("jpeg_grey.tif", Image.fromarray(GREY), compression="jpeg", quality=90)
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "TIFF", compression="jpeg", quality=90)
    one, zero = (struct.pack("<HHIHH", 262, SHORT, 1, color, 0) for color in (1, 0))
    write("jpeg_white_is_zero.tif", buffer.getvalue().replace(one, zero))
    bilevel = Image.fromarray(np.where(GREY > 120, 255, 0).astype(np.uint8)).convert("1")
    for compression in ("group3", "group4", "tiff_ccitt"):
        pillow(f"{compression}.tif", bilevel, compression=compression)
    wide = Image.fromarray(np.where(np.asarray(Image.fromarray(picture(610, 430)).convert("L")) > 120, 255, 0).astype(np.uint8)).convert("1")
    pillow("group4_wide.tif", wide, compression="group4")
    pillow("pages.tif", image, save_all=True, append_images=[Image.fromarray(255 - RGB)], compression="tiff_lzw")
    for compression in ("zstd", "lzma"):
        pillow(f"{compression}.tif", image, compression=compression)


def broken():
    good = page(RGB, 2)
    write("trailing.tif", good + b"trailing garbage" * 9)
    zero = struct.pack("<HHII", 256, LONG, 1, 0)
    write("0x0.tif", good.replace(struct.pack("<HHII", 256, LONG, 1, WIDTH), zero))
    write("bomb.tif", good.replace(zero[:8] + struct.pack("<I", WIDTH), zero[:8] + struct.pack("<I", 60000)).replace(
        struct.pack("<HHII", 257, LONG, 1, HEIGHT), struct.pack("<HHII", 257, LONG, 1, 60000)))
    write("tile_bomb.tif", page(RGB, 2, tile=64, compression=DEFLATE).replace(
        struct.pack("<HHII", 322, LONG, 1, 64), struct.pack("<HHII", 322, LONG, 1, 2_000_000)))
    write("high_tiles.tif", page(RGB, 2, tile=64, compression=DEFLATE).replace(
        struct.pack("<HHII", 323, LONG, 1, 64), struct.pack("<HHII", 323, LONG, 1, 4_000_000_000)))
    write("one_row.tif", page(np.zeros((1, 61), np.uint8), 1).replace(
        struct.pack("<HHII", 256, LONG, 1, 61), struct.pack("<HHII", 256, LONG, 1, 40_000_000)))
    write("header_only.tif", good[:8])
    write("no_offsets.tif", good.replace(struct.pack("<HH", 273, LONG), struct.pack("<HH", 272, LONG)))
    write("few_strips.tif", page(RGB, 2, rows=16).replace(struct.pack("<HHII", 278, LONG, 1, 16), struct.pack("<HHII", 278, LONG, 1, 4)))
    write("no_lengths.tif", page(RGB, 2, compression=LZW).replace(struct.pack("<HH", 279, LONG), struct.pack("<HH", 280, LONG)))
    write("strip_outside.tif", page(RGB, 2, rows=HEIGHT).replace(struct.pack("<HHII", 273, LONG, 1, 8), struct.pack("<HHII", 273, LONG, 1, 99999999)))
    deflated = page(RGB, 2, compression=DEFLATE, rows=HEIGHT)
    write("bad_zlib.tif", deflated[:8] + b"not zlib at all" + deflated[23:])
    write("short_lzw.tif", page(RGB, 2, compression=LZW, rows=20).replace(struct.pack("<HHII", 278, LONG, 1, 20), struct.pack("<HHII", 278, LONG, 1, 22)))
    write("float.tif", page(GREY.astype(np.uint16), 1, 16, extra=[(339, SHORT, [3])]))
    write("lab.tif", page(RGB, 8))
    write("no_palette.tif", page(GREY >> 4, 3, 4))
    write("old_jpeg.tif", good.replace(struct.pack("<HHIHH", 259, SHORT, 1, 1, 0), struct.pack("<HHIHH", 259, SHORT, 1, 6, 0)))
    write("signed.tif", page(GREY, 1, extra=[(339, SHORT, [2])]))


def tiffs():
    depths_and_colors()
    layouts()
    jpegs_and_faxes()
    broken()
