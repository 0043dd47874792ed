#!/usr/bin/env python3
"""Writes tests/fixtures/kinds: small images of every kind that the decoders must get right.

Needs Pillow, NumPy and, for AVIF, `avifenc` (`apt-get install libavif-bin`). Files that these cannot write are written
here byte by byte.

    python3 tools/make_kinds.py && python3 tools/make_goldens.py
"""

from kinds import avif, bmp, gif, jpeg, png, tiff, webp
from kinds.common import OUT

if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for stale in OUT.glob("*.*"):
        if stale.name != "README.md":
            stale.unlink()
    jpeg.jpegs()
    png.pngs()
    gif.gifs()
    bmp.bmps()
    webp.webps()
    tiff.tiffs()
    avif.avifs()
    files = [path for path in OUT.iterdir() if path.name != "README.md"]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files)} bytes")
