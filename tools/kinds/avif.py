"""AVIF stills, valid and broken.

Pillow writes most of them. `avifenc` (`apt-get install libavif-bin`) writes the others: other depths, and grids.
"""

import io
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from kinds.common import ALPHA, GREY, HEIGHT, RGB, WIDTH, exif, picture, write


def pillow(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "AVIF", **{"quality": 80, "speed": 4, "max_threads": 1} | options)
    return buffer.getvalue()


def avifenc(pixels, *options):
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(pixels).save(Path(folder, "in.png"))
        command = ["avifenc", "-c", "aom", "-j", "1", "-s", "4", "--min", "20", "--max", "20", *options, "in.png", "out.avif"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return Path(folder, "out.avif").read_bytes()


def patched(data, old, new, count=1):
    """Returns the file with some bytes replaced by others of the same length; `old` must occur in it."""
    assert len(old) == len(new) and data.count(old) >= count, old
    return data.replace(old, new, count)


def without(data, kind):
    """Returns the file with the first box of this kind renamed to an unknown one."""
    return patched(data, kind, b"skip")


def nclx(data, matrix, full):
    """Returns the same samples, declared to have another colour encoding."""
    at = data.index(b"colrnclx") + 8
    return data[: at + 4] + struct.pack(">HB", matrix, 0x80 if full else 0) + data[at + 7 :]


def size(width, height):
    return b"ispe" + struct.pack(">III", 0, width, height)


def colors():
    image = Image.fromarray(RGB)
    for subsampling in ("4:0:0", "4:2:0", "4:2:2", "4:4:4"):
        name = subsampling.replace(":", "")
        write(f"{name}.avif", pillow(image, subsampling=subsampling))
        write(f"{name}_limited.avif", pillow(image, subsampling=subsampling, range="limited"))
        for depth in (10, 12):
            write(f"{name}_{depth}.avif", avifenc(RGB, "-y", name[:3], "-d", str(depth)))
    write("422_limited_12.avif", avifenc(RGB, "-y", "422", "-d", "12", "-r", "limited"))
    full = pillow(image, subsampling="4:4:4")
    for matrix in (1, 2, 4, 5, 7, 9):
        write(f"matrix_{matrix}.avif", nclx(full, matrix, True))
    write("matrix_14.avif", nclx(full, 14, True))
    write("identity.avif", avifenc(RGB, "-y", "444", "--cicp", "1/13/0"))
    # BT.601 only: with the limited range of BT.709 and BT.2020, the libyuv in Pillow makes too little blue.
    write("no_colr.avif", without(avifenc(RGB, "-y", "420", "--cicp", "1/13/6", "-r", "limited"), b"colr"))
    for codec in ("rav1e", "svt"):
        write(f"{codec}.avif", avifenc(picture(70, 66), "-y", "420", "-c", codec))
    write("grain.avif", avifenc(RGB, "-y", "420", "-a", "film-grain-test=1"))
    write("odd_size.avif", pillow(Image.fromarray(picture(33, 17))))
    write("1x1.avif", pillow(Image.fromarray(picture(1, 1))))
    write("lossless.avif", avifenc(RGB, "--lossless"))


def layouts():
    image = Image.fromarray(RGB)
    rgba = Image.fromarray(np.dstack([RGB, ALPHA]))
    write("alpha.avif", pillow(rgba))
    write("alpha_premultiplied.avif", pillow(rgba, alpha_premultiplied=True))
    write("alpha_10.avif", avifenc(np.asarray(rgba), "-d", "10"))
    write("alpha_grey.avif", pillow(Image.fromarray(np.dstack([GREY, GREY, GREY, ALPHA])), subsampling="4:0:0"))
    for orientation in range(2, 9):
        write(f"orientation_{orientation}.avif", pillow(image, exif=exif(orientation)[6:]))
    turned = pillow(image, exif=exif(6)[6:])
    write("exif_contradicts.avif", patched(turned, b"irot\3", b"irot\0"))
    write("unknown_property.avif", without(turned, b"irot"))
    write("clap.avif", avifenc(RGB, "-y", "444", "--clap", "41,1,31,1,0,1,0,1"))
    write("sequence.avif", pillow(image, save_all=True, append_images=[Image.fromarray(255 - RGB)], duration=100))
    large = picture(150, 140)
    write("grid.avif", avifenc(large[:128, :], "-y", "444", "--grid", "1x2"))
    write("grid_420.avif", avifenc(large[:140, :144], "-y", "420", "--grid", "2x2"))
    alpha = np.linspace(0, 255, 128 * 128).reshape(128, 128).astype(np.uint8)
    write("grid_alpha.avif", avifenc(np.dstack([large[:128, :128], alpha]), "--grid", "2x2"))
    write("tiles_in_frame.avif", avifenc(picture(150, 140), "--tilerowslog2", "1", "--tilecolslog2", "1"))
    write("trailing.avif", pillow(image) + b"trailing garbage" * 9)


def broken():
    image = Image.fromarray(RGB)
    good = pillow(image)
    write("0x0.avif", patched(good, size(WIDTH, HEIGHT), size(0, 0)))
    write("bomb.avif", patched(good, size(WIDTH, HEIGHT), size(60000, 60000)))
    write("other_size.avif", patched(good, size(WIDTH, HEIGHT), size(WIDTH, HEIGHT + 1)))
    write("no_size.avif", without(good, b"ispe"))
    write("no_item.avif", without(good, b"infe"))
    write("no_primary.avif", without(good, b"pitm"))
    write("no_place.avif", without(good, b"iloc"))
    write("no_meta.avif", without(good, b"meta"))
    write("hevc_inside.avif", patched(good, b"\0\0av01", b"\0\0hvc1"))
    at = good.index(b"mdat") + 4
    write("no_sequence_header.avif", good[:at] + b"\x12\0" + bytes([0x7A]) + good[at + 3 :])
    write("zeros_for_pixels.avif", good[:at] + bytes(len(good) - at))
    write("noise_for_pixels.avif", good[: at + 20] + bytes((byte * 7 + 99) % 256 for byte in good[at + 20 :]))
    frame = good[at:]
    # The item ends at the end of the file, so a second frame only adds a length.
    place = good.index(b"iloc")
    length = struct.pack(">I", len(frame))
    assert good[place : place + 60].count(length) == 1
    header = 2 if frame[:2] == b"\x12\0" else 0
    doubled = frame + frame[header:]
    write("layers.avif", good[: at - 8].replace(length, struct.pack(">I", len(doubled))) + struct.pack(">I", len(doubled) + 8) + b"mdat" + doubled)
    # Metadata (ITU-T T.35) with a length that makes a decoder panic.
    metadata = bytes([0x2F, 0x2F, 5, 4, 0x80, 0, 0, 0])
    more = metadata + frame
    write("metadata_t35.avif", good[: at - 8].replace(length, struct.pack(">I", len(more))) + struct.pack(">I", len(more) + 8) + b"mdat" + more)


def avifs():
    colors()
    layouts()
    broken()
