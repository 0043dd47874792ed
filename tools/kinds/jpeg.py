"""JPEG with any sampling and any scans, valid and broken."""

import io
import struct

import numpy as np
from PIL import Image

from kinds.common import GREY, HEIGHT, OUT, RGB, exif, odd_exif, picture, pillow, write

ZIGZAG = sorted(((y, x) for y in range(8) for x in range(8)), key=lambda p: (p[0] + p[1], p[0] if (p[0] + p[1]) % 2 else p[1]))
COSINES = np.array([[np.cos((2 * x + 1) * u * np.pi / 16) * (np.sqrt(1 / 8) if u == 0 else 0.5) for x in range(8)] for u in range(8)])
QUANTUM = 4


def standard_tables():
    """Returns the DHT segments of a Pillow file (ITU-T T.81, K.3), and the codes of each table by symbol."""
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
    """Returns a sequential JPEG of full-size planes, each averaged down to its sampling factors."""
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
    # Inverted, as Adobe writes it. In YCCK, the first three components are the YCbCr of the inverse of CMY.
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
    write("exif_signed_short.jpg", after_soi(plain, segment(0xE1, exif(6, kind=8))))
    write("exif_signed_long.jpg", after_soi(plain, segment(0xE1, exif(6, ">", kind=9))))
    write("exif_9.jpg", after_soi(plain, segment(0xE1, exif(9))))
    for name, block in odd_exif().items():
        write(f"exif_{name}.jpg", after_soi(plain, segment(0xE1, block)))
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>"
    write("xmp_6.jpg", after_soi(plain, segment(0xE1, xmp)))
    write("height_0.jpg", plain[: sof + 5] + b"\0\0" + plain[sof + 7 :])
    write("width_0.jpg", plain[: sof + 7] + b"\0\0" + plain[sof + 9 :])
    write("dnl.jpg", plain[: sof + 5] + b"\0\0" + plain[sof + 7 : -2] + segment(0xDC, struct.pack(">H", HEIGHT)) + b"\xff\xd9")
    for name, marker in (("lossless", 0xC3), ("hierarchical", 0xC5), ("arithmetic_progressive", 0xCA), ("jpeg_ls", 0xF7)):
        write(f"{name}.jpg", plain[: sof + 1] + bytes([marker]) + plain[sof + 2 :])
    write("extended_12_bit.jpg", plain[: sof + 1] + b"\xc1" + plain[sof + 2 : sof + 4] + b"\x0c" + plain[sof + 5 :])
    write("fractional_sampling.jpg", jpeg(ycbcr, [(1, 1)] * 3).replace(b"\1\x11\0\2\x11\0\3\x11\0", b"\1\x31\0\2\x21\0\3\x11\0"))
    # A missing restart interval, and one whose marker comes too early.
    restart = (OUT / "restart.jpg").read_bytes()
    first, second = restart.index(b"\xff\xd0"), restart.index(b"\xff\xd1")
    write("lost_interval.jpg", restart[:first] + restart[second:])
    write("short_interval.jpg", restart[: second - 4] + restart[second:])
    write("closed_early.jpg", plain[: len(plain) * 2 // 3] + b"\xff\xd9")
    write("closed_early_progressive.jpg", progressive[: len(progressive) * 2 // 3] + b"\xff\xd9")
    scans = [at for at in range(len(progressive) - 1) if progressive[at : at + 2] == b"\xff\xda"]
    write("dc_only_progressive.jpg", progressive[: progressive.index(b"\xff\xc4", scans[0])] + b"\xff\xd9")
    write("dc_only_progressive_open.jpg", progressive[: progressive.index(b"\xff\xc4", scans[0])])
    # Metadata counts only before the first scan.
    second = progressive.index(b"\xff\xc4", scans[0])
    late = adobe(0) + segment(0xE1, exif(6))
    write("late_metadata.jpg", progressive[:2] + progressive[20:second] + late + progressive[second:])
    write("no_scan.jpg", plain[: plain.index(b"\xff\xda")] + b"\xff\xd9")
    write("mpo.jpg", plain + progressive)
    write("bytes_before_soi.jpg", b"\0\0\1frame 7\r\n" + plain)
    write("text_before_soi.jpg", b"Content-Type: image/jpeg\r\n\r\n" + plain)
