#!/usr/bin/env python3
"""Writes tests/fixtures/kinds: small images of every kind that the decoders must get right.

Needs Pillow and NumPy. What Pillow cannot write is written here: JPEG with any sampling and any scans, PNG of
every colour type and depth, GIF frames anywhere on the canvas, BMP of every depth and header.

    python3 tools/make_kinds.py && python3 tools/make_goldens.py
"""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

OUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "kinds"
WIDTH, HEIGHT = 61, 43


def picture(width=WIDTH, height=HEIGHT):
    """Smooth colours with a disc in a corner, so that no rotation and no flip of it looks like another."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    rgb = np.stack([255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1), 128 + 90 * np.sin((x + 2 * y) / 17)], -1)
    rgb[(x - width * 0.75) ** 2 + (y - height * 0.3) ** 2 < (min(width, height) * 0.2) ** 2] = (230, 40, 40)
    return rgb.round().clip(0, 255).astype(np.uint8)


RGB = picture()
GREY = np.asarray(Image.fromarray(RGB).convert("L"))
ALPHA = np.linspace(0, 255, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).round().astype(np.uint8)


def write(name, data):
    (OUT / name).write_bytes(data)


def pillow(name, image, format=None, **options):
    buffer = io.BytesIO()
    image.save(buffer, format or {"jpg": "JPEG"}.get(name.rsplit(".")[-1], name.rsplit(".")[-1].upper()), **options)
    write(name, buffer.getvalue())
    return buffer.getvalue()


def exif(orientation, order="<", kind=3):
    """An EXIF block with an orientation of type SHORT (3) or LONG (4)."""
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0] if kind == 3 else [orientation]))
    tiff = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIHHHI", 42, 8, 1, 0x112, kind, 1) + value
    return b"Exif\0\0" + tiff + struct.pack(order + "I", 0)


# JPEG ------------------------------------------------------------------------------------------------------------

ZIGZAG = sorted(((y, x) for y in range(8) for x in range(8)), key=lambda p: (p[0] + p[1], p[0] if (p[0] + p[1]) % 2 else p[1]))
COSINES = np.array([[np.cos((2 * x + 1) * u * np.pi / 16) * (np.sqrt(1 / 8) if u == 0 else 0.5) for x in range(8)] for u in range(8)])
QUANTUM = 4


def standard_tables():
    """The DHT segments of a Pillow file (ITU-T T.81, K.3), and for each table its codes by symbol."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG")
    data, at, segments, codes = buffer.getvalue(), 2, b"", {}
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xC4:
            segments += data[at : at + 2 + length]
            counts, symbols, code, table = data[at + 5 : at + 21], iter(data[at + 21 : at + 2 + length]), 0, {}
            for bits, count in enumerate(counts, 1):
                for _ in range(count):
                    table[next(symbols)] = (code, bits)
                    code += 1
                code <<= 1
            codes[data[at + 4]] = table
        at += 2 + length
    return segments, codes


DHT, CODES = standard_tables()


class Bits:
    def __init__(self):
        self.bytes, self.value, self.count = bytearray(), 0, 0

    def put(self, value, count):
        self.value, self.count = self.value << count | value, self.count + count
        while self.count >= 8:
            byte = self.value >> (self.count - 8) & 255
            self.bytes += bytes([byte, 0] if byte == 255 else [byte])
            self.count -= 8
            self.value &= (1 << self.count) - 1

    def flush(self):
        if self.count:
            self.put((1 << (8 - self.count)) - 1, 8 - self.count)


def magnitude(value):
    size = int(abs(value)).bit_length()
    return size, value if value >= 0 else value + (1 << size) - 1


def put_block(bits, block, previous, table):
    coefficients = COSINES @ (block.astype(float) - 128) @ COSINES.T / QUANTUM
    values = [int(round(coefficients[p])) for p in ZIGZAG]
    size, extra = magnitude(values[0] - previous)
    bits.put(*CODES[table][size])
    bits.put(extra, size)
    run, last = 0, max((k for k in range(1, 64) if values[k]), default=0)
    for k in range(1, last + 1):
        if values[k] == 0:
            run += 1
            continue
        while run > 15:
            bits.put(*CODES[0x10 | table][0xF0])
            run -= 16
        size, extra = magnitude(values[k])
        bits.put(*CODES[0x10 | table][run << 4 | size])
        bits.put(extra, size)
        run = 0
    if last < 63:
        bits.put(*CODES[0x10 | table][0])
    return values[0]


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(planes, sampling, scans=None, head=b"", ids=None, restart=0, tables=True, sof=0xC0):
    """A sequential JPEG of full-size planes, each averaged down to its sampling factors."""
    height, width = planes[0].shape
    ids = ids or list(range(1, len(planes) + 1))
    scans = scans or [list(range(len(planes)))]
    h_max, v_max = max(h for h, _ in sampling), max(v for _, v in sampling)
    mcus_x, mcus_y = -(-width // (8 * h_max)), -(-height // (8 * v_max))
    small = []
    for plane, (h, v) in zip(planes, sampling):
        padded = np.pad(plane, ((0, mcus_y * 8 * v_max - height), (0, mcus_x * 8 * h_max - width)), "edge").astype(float)
        small.append(padded.reshape(mcus_y * 8 * v, v_max // v, mcus_x * 8 * h, h_max // h).mean((1, 3)))
    out = b"\xff\xd8" + head + segment(0xDB, b"\0" + bytes([QUANTUM]) * 64)
    frame = b"".join(bytes([i, h << 4 | v, 0]) for i, (h, v) in zip(ids, sampling))
    out += segment(sof, struct.pack(">BHHB", 8, height, width, len(planes)) + frame) + (DHT if tables else b"")
    if restart:
        out += segment(0xDD, struct.pack(">H", restart))
    for scan in scans:
        table = {c: 0 if c in (0, 3) else 1 for c in scan}
        out += segment(0xDA, bytes([len(scan)]) + b"".join(bytes([ids[c], table[c] * 17]) for c in scan) + b"\0\x3f\0")
        bits, previous, units = Bits(), dict.fromkeys(scan, 0), []
        if len(scan) == 1:
            (c,) = scan
            h, v = sampling[c]
            blocks_x, blocks_y = -(-(-(-width * h // h_max)) // 8), -(-(-(-height * v // v_max)) // 8)
            units = [[(c, x, y)] for y in range(blocks_y) for x in range(blocks_x)]
        else:
            for my in range(mcus_y):
                for mx in range(mcus_x):
                    units.append([(c, mx * sampling[c][0] + x, my * sampling[c][1] + y)
                                  for c in scan for y in range(sampling[c][1]) for x in range(sampling[c][0])])
        for number, unit in enumerate(units):
            if restart and number and number % restart == 0:
                bits.flush()
                bits.bytes += bytes([0xFF, 0xD0 + (number // restart - 1) % 8])
                previous = dict.fromkeys(scan, 0)
            for c, x, y in unit:
                previous[c] = put_block(bits, small[c][8 * y : 8 * y + 8, 8 * x : 8 * x + 8], previous[c], table[c])
        bits.flush()
        out += bytes(bits.bytes)
    return out + b"\xff\xd9"


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def after_soi(data, insert):
    return data[:2] + insert + data[2:]


def jpegs():
    image = Image.fromarray(RGB)
    plain = pillow("plain.jpg", image, quality=92, subsampling=0)
    pillow("420.jpg", image, quality=92, subsampling=2)
    pillow("422.jpg", image, quality=92, subsampling=1)
    progressive = pillow("progressive.jpg", image, quality=92, subsampling=0, progressive=True)
    pillow("progressive_420.jpg", image, quality=92, subsampling=2, progressive=True)
    pillow("progressive_422.jpg", image, quality=92, subsampling=1, progressive=True)
    pillow("progressive_restart.jpg", image, quality=92, subsampling=2, progressive=True, restart_marker_blocks=3)
    pillow("progressive_grey.jpg", image.convert("L"), quality=92, progressive=True)
    pillow("restart.jpg", image, quality=92, subsampling=2, restart_marker_blocks=2)
    pillow("restart_rows.jpg", image, quality=92, subsampling=0, restart_marker_rows=1)
    pillow("grey.jpg", image.convert("L"), quality=92)
    pillow("rgb.jpg", image, quality=92, subsampling=0, keep_rgb=True)
    pillow("optimized.jpg", image, quality=92, subsampling=2, optimize=True)
    cmyk = image.convert("CMYK")
    pillow("cmyk.jpg", cmyk, quality=92)
    pillow("progressive_cmyk.jpg", cmyk, quality=92, progressive=True)
    for width, height in ((1, 1), (1, 40), (40, 1), (7, 9), (8, 8), (16, 16), (17, 15), (33, 31)):
        pillow(f"size_{width}x{height}.jpg", Image.fromarray(picture(width, height)), quality=92, subsampling=2)
    pillow("progressive_1x1.jpg", Image.fromarray(picture(1, 1)), quality=92, progressive=True)
    for orientation in range(1, 9):
        pillow(f"orientation_{orientation}.jpg", image, quality=92, exif=exif(orientation, "<>"[orientation % 2]))

    ycbcr = list(np.moveaxis(np.asarray(image.convert("YCbCr")), -1, 0))
    rgb = list(np.moveaxis(RGB, -1, 0))
    shapes = {"411": [(4, 1), (1, 1), (1, 1)], "440": [(1, 2), (1, 1), (1, 1)], "410": [(4, 2), (1, 1), (1, 1)],
              "441": [(1, 4), (1, 1), (1, 1)], "422_as_2x2": [(2, 2), (1, 2), (1, 2)], "444_as_2x2": [(2, 2)] * 3,
              "420_as_4x4": [(4, 4), (2, 2), (2, 2)], "chroma_mixed": [(2, 2), (2, 1), (1, 2)],
              "chroma_larger": [(1, 1), (2, 2), (2, 2)]}
    for name, sampling in shapes.items():
        write(f"{name}.jpg", jpeg(ycbcr, sampling))
    write("scans.jpg", jpeg(ycbcr, [(1, 1)] * 3, [[0], [1], [2]]))
    write("scans_420.jpg", jpeg(ycbcr, [(2, 2), (1, 1), (1, 1)], [[0], [1], [2]]))
    write("scans_422.jpg", jpeg(ycbcr, [(2, 1), (1, 1), (1, 1)], [[0], [1], [2]]))
    write("scans_440.jpg", jpeg(ycbcr, [(1, 2), (1, 1), (1, 1)], [[0], [1], [2]]))
    write("scans_of_two.jpg", jpeg(ycbcr, [(1, 1)] * 3, [[0], [1, 2]]))
    write("scans_of_two_420.jpg", jpeg(ycbcr, [(2, 2), (1, 1), (1, 1)], [[0], [1, 2]]))
    write("scans_restart.jpg", jpeg(ycbcr, [(1, 1)] * 3, [[0], [1], [2]], restart=5))
    write("scans_out_of_order.jpg", jpeg(ycbcr, [(1, 1)] * 3, [[2], [0], [1]]))
    write("grey_2x2.jpg", jpeg([GREY], [(2, 2)]))
    write("grey_2x1.jpg", jpeg([GREY], [(2, 1)]))
    write("extended.jpg", jpeg(ycbcr, [(1, 1)] * 3, sof=0xC1))
    write("adobe_rgb.jpg", jpeg(rgb, [(1, 1)] * 3, head=adobe(0)))
    write("adobe_ycbcr.jpg", jpeg(ycbcr, [(2, 2), (1, 1), (1, 1)], head=adobe(1)))
    write("letters_rgb.jpg", jpeg(rgb, [(1, 1)] * 3, ids=list(b"RGB")))
    write("ids_0.jpg", jpeg(ycbcr, [(2, 2), (1, 1), (1, 1)], ids=[0, 1, 2]))
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    write("jfif_and_adobe_rgb.jpg", jpeg(ycbcr, [(1, 1)] * 3, head=jfif + adobe(0)))
    write("mjpeg.jpg", jpeg(ycbcr, [(2, 1), (1, 1), (1, 1)], head=segment(0xE0, b"AVI1\0" + bytes(9)), tables=False))
    # Inverted, as Adobe writes it. In YCCK the first three are the YCbCr of the inverse of CMY.
    inverted = 255 - np.asarray(cmyk)
    ycck = np.asarray(Image.fromarray(255 - inverted[..., :3]).convert("YCbCr"))
    key = inverted[..., 3]
    write("ycck.jpg", jpeg([*np.moveaxis(ycck, -1, 0), key], [(1, 1)] * 4, head=adobe(2)))
    write("ycck_420.jpg", jpeg([*np.moveaxis(ycck, -1, 0), key], [(2, 2), (1, 1), (1, 1), (2, 2)], head=adobe(2)))
    write("cmyk_no_adobe.jpg", jpeg(list(np.moveaxis(inverted, -1, 0)), [(1, 1)] * 4))
    write("cmyk_scans.jpg", jpeg(list(np.moveaxis(inverted, -1, 0)), [(1, 1)] * 4, [[0], [1], [2], [3]], head=adobe(0)))

    sof = plain.index(b"\xff\xc0")
    write("no_jfif.jpg", plain[:2] + plain[20:])
    write("fill_bytes.jpg", plain[:sof] + b"\xff" * 7 + plain[sof:])
    write("garbage.jpg", plain[:sof] + b"\0garbage\xff\0" + plain[sof:])
    write("two_soi.jpg", b"\xff\xd8" + plain)
    write("many_segments.jpg", after_soi(plain, segment(0xFE, b"x" * 300) * 40))
    write("huge_segments.jpg", after_soi(plain, (segment(0xE1, b"Exif\0\0" + b"\0" * 2000) + segment(0xE2, b"ICC_PROFILE\0\1\1" + b"\0" * 3000)) * 2))
    write("empty_segments.jpg", after_soi(plain, b"".join(segment(m, b"") for m in (0xE1, 0xE2, 0xED, 0xEE, 0xEF, 0xFE))))
    tiff = b"Exif\0\0II*\0"
    write("exif_loop.jpg", after_soi(plain, segment(0xE1, tiff + b"\x08\0\0\0\2\0\x12\1\4\0\1\0\0\0\x08\0\0\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0")))
    write("exif_far.jpg", after_soi(plain, segment(0xE1, tiff + b"\xf0\xff\xff\xff")))
    write("exif_long.jpg", after_soi(plain, segment(0xE1, exif(6, kind=4))))
    write("exif_9.jpg", after_soi(plain, segment(0xE1, exif(9))))
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>"
    write("xmp_6.jpg", after_soi(plain, segment(0xE1, xmp)))
    write("height_0.jpg", plain[: sof + 5] + b"\0\0" + plain[sof + 7 :])
    write("width_0.jpg", plain[: sof + 7] + b"\0\0" + plain[sof + 9 :])
    write("dnl.jpg", plain[: sof + 5] + b"\0\0" + plain[sof + 7 : -2] + segment(0xDC, struct.pack(">H", HEIGHT)) + b"\xff\xd9")
    for name, marker in (("lossless", 0xC3), ("hierarchical", 0xC5), ("arithmetic_progressive", 0xCA), ("jpeg_ls", 0xF7)):
        write(f"{name}.jpg", plain[: sof + 1] + bytes([marker]) + plain[sof + 2 :])
    write("extended_12_bit.jpg", plain[: sof + 1] + b"\xc1" + plain[sof + 2 : sof + 4] + b"\x0c" + plain[sof + 5 :])
    write("fractional_sampling.jpg", jpeg(ycbcr, [(1, 1)] * 3).replace(b"\1\x11\0\2\x11\0\3\x11\0", b"\1\x31\0\2\x21\0\3\x11\0"))
    # A missing restart interval, and one whose marker came too early.
    restart = (OUT / "restart.jpg").read_bytes()
    first, second = restart.index(b"\xff\xd0"), restart.index(b"\xff\xd1")
    write("lost_interval.jpg", restart[:first] + restart[second:])
    write("short_interval.jpg", restart[: second - 4] + restart[second:])
    write("closed_early.jpg", plain[: len(plain) * 2 // 3] + b"\xff\xd9")
    write("closed_early_progressive.jpg", progressive[: len(progressive) * 2 // 3] + b"\xff\xd9")
    scans = [at for at in range(len(progressive) - 1) if progressive[at : at + 2] == b"\xff\xda"]
    write("dc_only_progressive.jpg", progressive[: progressive.index(b"\xff\xc4", scans[0])] + b"\xff\xd9")
    write("dc_only_progressive_open.jpg", progressive[: progressive.index(b"\xff\xc4", scans[0])])
    write("no_scan.jpg", plain[: plain.index(b"\xff\xda")] + b"\xff\xd9")
    write("mpo.jpg", plain + progressive)


# PNG -------------------------------------------------------------------------------------------------------------

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png_rows(samples, depth):
    """Filter type 0, then the samples of each row packed to bytes."""
    out = b""
    for row in samples.reshape(samples.shape[0], -1):
        if depth == 16:
            out += b"\0" + row.astype(">u2").tobytes()
        else:
            bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
            out += b"\0" + np.packbits(bits.astype(np.uint8).ravel()).tobytes()
    return out


def png(samples, color, depth=8, interlace=False, before=b"", after=b"", idat=None):
    height, width = samples.shape[:2]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))
    if interlace:
        passes = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES]
        rows = b"".join(png_rows(p, depth) for p in passes if p.size)
    else:
        rows = png_rows(samples, depth)
    data = zlib.compress(rows, 9)
    pieces = [data[at : at + idat] for at in range(0, len(data), idat)] if idat else [data]
    return SIGNATURE + header + before + b"".join(chunk(b"IDAT", p) for p in pieces) + after + chunk(b"IEND", b"")


def pngs():
    grey16 = GREY.astype(np.uint16) * 257
    rgb16 = RGB.astype(np.uint16) * 257
    alpha16 = ALPHA.astype(np.uint16) * 257
    for depth in (1, 2, 4):
        write(f"grey_{depth}.png", png(GREY >> (8 - depth), 0, depth))
        write(f"grey_{depth}_interlaced.png", png(GREY >> (8 - depth), 0, depth, True))
        write(f"grey_{depth}_key.png", png(GREY >> (8 - depth), 0, depth, before=chunk(b"tRNS", b"\0\1")))
    write("grey_8.png", png(GREY, 0))
    write("grey_8_key.png", png(GREY // 32 * 32, 0, before=chunk(b"tRNS", b"\0\x60")))
    write("grey_16.png", png(grey16, 0, 16))
    write("grey_16_interlaced.png", png(grey16, 0, 16, True))
    write("grey_16_key.png", png(GREY.astype(np.uint16) // 32 * 32 * 257, 0, 16, before=chunk(b"tRNS", struct.pack(">H", 96 * 257))))
    la = np.dstack([GREY, ALPHA])
    write("la_8.png", png(la, 4))
    write("la_16.png", png(np.dstack([grey16, alpha16]), 4, 16))
    write("rgb_8.png", png(RGB, 2))
    write("rgb_8_interlaced.png", png(RGB, 2, interlace=True))
    coarse = RGB // 64 * 64
    key = coarse[HEIGHT // 2, WIDTH // 2]
    write("rgb_8_key.png", png(coarse, 2, before=chunk(b"tRNS", struct.pack(">HHH", *key))))
    write("rgb_16.png", png(rgb16, 2, 16))
    write("rgb_16_interlaced.png", png(rgb16, 2, 16, True))
    write("rgb_16_key.png", png(coarse.astype(np.uint16) * 257, 2, 16, before=chunk(b"tRNS", struct.pack(">HHH", *(int(k) * 257 for k in key)))))
    rgba = np.dstack([RGB, ALPHA])
    write("rgba_8.png", png(rgba, 6))
    write("rgba_8_interlaced.png", png(rgba, 6, interlace=True))
    write("rgba_16.png", png(np.dstack([rgb16, alpha16]), 6, 16))
    palette = Image.fromarray(RGB).quantize(16, dither=Image.Dither.NONE)
    colors, indices = bytes(palette.getpalette()[:48]), np.asarray(palette)
    plte = chunk(b"PLTE", colors)
    write("palette_8.png", png(indices, 3, before=plte))
    write("palette_4.png", png(indices, 3, 4, before=plte))
    write("palette_4_interlaced.png", png(indices, 3, 4, True, before=plte))
    write("palette_2.png", png(indices % 4, 3, 2, before=chunk(b"PLTE", colors[:12])))
    write("palette_1.png", png(indices % 2, 3, 1, before=chunk(b"PLTE", colors[:6])))
    write("palette_partial_trns.png", png(indices, 3, before=plte + chunk(b"tRNS", b"\0\x80\xff\x40")))
    write("palette_4_trns.png", png(indices, 3, 4, before=plte + chunk(b"tRNS", b"\0\x80\xff\x40")))
    for width, height in ((1, 1), (1, 9), (9, 1), (5, 3), (2, 2)):
        write(f"interlaced_{width}x{height}.png", png(picture(width, height), 2, interlace=True))
    write("many_idat.png", png(RGB, 2, idat=7))
    write("empty_idat.png", png(RGB, 2, before=chunk(b"IDAT", b"")))
    for orientation in range(1, 9):
        block = chunk(b"eXIf", exif(orientation, "><"[orientation % 2])[6:])
        write(f"orientation_{orientation}.png", png(RGB, 2, **{"before" if orientation % 2 else "after": block}))
    write("exif_with_prefix.png", png(RGB, 2, before=chunk(b"eXIf", exif(6))))
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0<rdf:Description tiff:Orientation=\"6\"/>"
    write("xmp_6.png", png(RGB, 2, before=chunk(b"iTXt", xmp)))
    actl = chunk(b"acTL", struct.pack(">II", 2, 0))
    fctl = [chunk(b"fcTL", struct.pack(">IIIIIHHBB", n, WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0)) for n in (0, 1)]
    fdat = chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(png_rows(255 - RGB, 8)))
    write("animated.png", png(RGB, 2, before=actl + fctl[0], after=fctl[1] + fdat))
    write("animated_hidden_default.png", png(RGB, 2, before=actl, after=fctl[0] + chunk(b"fdAT", struct.pack(">I", 1) + zlib.compress(png_rows(255 - RGB, 8)))))
    bomb = zlib.compress(bytes(40_000_000), 9)
    write("ztxt_bomb.png", png(RGB[:8, :8], 2, before=chunk(b"zTXt", b"Comment\0\0" + bomb)))
    write("itxt_bomb.png", png(RGB[:8, :8], 2, before=chunk(b"iTXt", b"Comment\0\1\0\0\0" + bomb)))
    good = png(RGB, 2)
    idat = good.index(b"IDAT")
    write("crc_of_gama.png", png(RGB, 2, before=chunk(b"gAMA", struct.pack(">I", 45455), crc=1)))
    write("crc_of_iend.png", good[:-4] + bytes(4))
    write("crc_of_ihdr.png", good[:29] + bytes(4) + good[33:])
    write("crc_of_plte.png", png(indices, 3, before=chunk(b"PLTE", colors, crc=1)))
    write("crc_of_long_idat.png", good[: idat + 9] + bytes([good[idat + 9] ^ 1]) + good[idat + 10 :])
    write("bad_chunks.png", png(RGB, 2, before=chunk(b"gAMA", b"") + chunk(b"cHRM", b"x") + chunk(b"sBIT", b"") + chunk(b"iCCP", b"x") + chunk(b"tRNS", b"") + chunk(b"eXIf", b"")))
    write("no_iend.png", good[:-12])
    write("trailing.png", good + b"trailing garbage" * 9)
    write("short_zlib.png", SIGNATURE + good[8:33] + chunk(b"IDAT", zlib.compress(png_rows(RGB[:20], 8))) + chunk(b"IEND", b""))
    write("bad_zlib.png", SIGNATURE + good[8:33] + chunk(b"IDAT", b"not zlib at all") + chunk(b"IEND", b""))
    write("bad_filter.png", SIGNATURE + good[8:33] + chunk(b"IDAT", zlib.compress(b"\x09" + bytes(WIDTH * 3) + png_rows(RGB[1:], 8))) + chunk(b"IEND", b""))
    write("no_palette.png", png(indices, 3))
    write("no_idat.png", SIGNATURE + good[8:33] + chunk(b"IEND", b""))
    write("impossible_depth.png", png(RGB, 2, 8)[:24] + b"\x04" + png(RGB, 2, 8)[25:29] + struct.pack(">I", zlib.crc32(good[12:24] + b"\x04" + good[25:29])) + good[33:])
    write("crlf.png", good.replace(b"\r\n", b"\n", 1))
    write("cgbi.png", SIGNATURE + chunk(b"CgBI", bytes(4)) + good[8:])
    write("one_row.png", SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000_000, 1, 16, 6, 0, 0, 0)) + chunk(b"IDAT", b"x"))


# GIF -------------------------------------------------------------------------------------------------------------


def lzw(indices, size=8):
    """LZW without compression: a clear code before the codes would grow."""
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
    """Frames are (left, top, indices, palette, transparent index, interlaced)."""
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
    write("0x0.gif", good[:6] + bytes(4) + good[10:])
    write("0x0_frame.gif", good[:781] + b"\x2c" + bytes(9) + b"\x08\0\x3b")
    write("bomb_frame.gif", good[:786] + b"\xff\xff\xff\xff" + good[790:])
    write("bad_code_size.gif", good[:791] + b"\x0c" + good[792:])


# BMP -------------------------------------------------------------------------------------------------------------


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
    pillow("1x1.bmp", Image.fromarray(picture(1, 1)))
    write("trailing.bmp", bmp(rgb24, 24) + b"trailing garbage" * 9)
    write("0x0.bmp", bmp(b"", 24, width=0, height=0))
    write("negative_width.bmp", bmp(rgb24, 24, width=-WIDTH))
    write("bomb.bmp", bmp(b"", 24, width=60000, height=-60000))
    write("jpeg_inside.bmp", bmp(b"\xff\xd8\xff", 0, compression=4))


# WebP ------------------------------------------------------------------------------------------------------------


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
    write("damaged_lossless.webp", lossless[:40] + bytes(200) + lossless[240:])


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for stale in OUT.glob("*.*"):
        if stale.name != "README.md":
            stale.unlink()
    jpegs()
    pngs()
    gifs()
    bmps()
    webps()
    files = [path for path in OUT.iterdir() if path.name != "README.md"]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files)} bytes")
