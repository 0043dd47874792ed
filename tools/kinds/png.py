"""PNG of every colour type and depth, valid and broken."""

import struct
import zlib

import numpy as np
from PIL import Image

from kinds.common import ALPHA, GREY, HEIGHT, RGB, WIDTH, exif, odd_exif, picture, write

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png_rows(samples, depth):
    """Returns rows with filter type 0 and samples packed into bytes."""
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


def raw_profile(name, data):
    """Returns the text of a text chunk in which ImageMagick writes metadata that it does not understand."""
    digits = data.hex()
    lines = "".join(digits[at : at + 72] + "\n" for at in range(0, len(digits), 72))
    return f"\n{name}\n{len(data):8d}\n{lines}".encode()


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
    write("xmp_compressed_6.png", png(RGB, 2, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp[22:]))))
    for name, block in odd_exif().items():
        write(f"exif_{name}.png", png(RGB, 2, before=chunk(b"eXIf", block)))
    profile = raw_profile("exif", exif(6))
    write("raw_profile.png", png(RGB, 2, before=chunk(b"tEXt", b"Raw profile type exif\0" + profile)))
    write("raw_profile_compressed.png", png(RGB, 2, after=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))))
    packet = xmp[22:]
    app1 = raw_profile("APP1", b"http://ns.adobe.com/xap/1.0/\0" + packet)
    write("raw_profile_app1_xmp.png", png(RGB, 2, before=chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(app1))))
    write("raw_profile_app1.png", png(RGB, 2, before=chunk(b"iTXt", b"Raw profile type app1\0\0\0\0\0" + raw_profile("app1", exif(6)))))
    write("raw_profile_xmp.png", png(RGB, 2, before=chunk(b"tEXt", b"Raw profile type xmp\0" + raw_profile("xmp", packet))))

    write("raw_profile_bomb.png", png(RGB[:8, :8], 2, before=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\n" * 3 + b"4" * 40_000_000, 9))))
    write("trns_before_plte.png", png(indices, 3, before=chunk(b"tRNS", b"\0\x80\xff\x40") + plte))
    write("trns_longer_than_plte.png", png(indices, 3, before=plte + chunk(b"tRNS", b"\0\x80\xff\x40" + bytes([255]) * 60)))
    write("plte_of_50_bytes.png", png(indices, 3, before=chunk(b"PLTE", colors + b"xx")))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0) + b"more"
    write("long_ihdr.png", SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(png_rows(RGB, 8))) + chunk(b"IEND", b""))
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
