"""Measures our function and its peers side by side, and prints a table: `run.py [--json FILE] [--photos DIR]`.

The status is 1 if a row exceeds its limit. `make bench` builds everything that this needs, and runs it.
"""

import argparse
import importlib.metadata
import pathlib
import signal
import subprocess
import sys
import time

import measure
import photos
import table

VERSIONS = """
import importlib.metadata, platform, torch, torchvision
names = ["flask", "gunicorn", "pillow", "numpy"]
print(f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}, "
      + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
"""


def versions() -> dict[str, str]:
    names = ["awslambdaric", "onnxruntime", "pillow", "numpy"]
    handler = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    flask = subprocess.run([measure.PYTHONS["flask"], "-c", VERSIONS], check=True, capture_output=True, text=True)
    return {
        "machine": table.machine(),
        "Python handler": f"Python {sys.version.split()[0]}, {handler}",
        "Flask": flask.stdout.strip(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all runs here")
    parser.add_argument(
        "--photos", type=pathlib.Path, metavar="DIR", help="labelled JPEGs for rows 5, 6 and 9 instead of those made here"
    )
    parser.add_argument("--runs", type=int, default=30, metavar="N", help="runs of each side of rows 2, 3 and 5")
    parser.add_argument("--seconds", type=float, default=1.5, metavar="S", help="length of a run of row 5")
    arguments = parser.parse_args()
    # Same as Ctrl-C: stops everything that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    about = versions()
    began = time.monotonic()
    images = photos.of(arguments.photos) if arguments.photos else photos.small()
    sizes = [len(image) / 1e3 for image in images.values()]
    about["pictures"] = (
        f"{len(sizes)} of {min(sizes):.0f} to {max(sizes):.0f} kB; one of 12 MP, {len(photos.large()) / 1e6:.1f} MB"
    )
    rows = [
        measure.warm(arguments.runs),
        *measure.warm_large(arguments.runs),
        measure.cold(arguments.runs),
        *measure.cold_from_disk(min(arguments.runs, 5)),
        *measure.throughput(arguments.runs, arguments.seconds, images),
        measure.memory(images),
        measure.size(),
        measure.idle(5),
    ]
    if arguments.photos:
        rows.append(measure.accuracy(arguments.photos))
    table.print_table(rows)
    print()
    for name, what in about.items():
        print(f"{name}: {what}")
    print(f"medians; measured in {time.monotonic() - began:.0f} s")
    if arguments.json:
        table.write_json(arguments.json, rows, about)
    return 0 if table.passed(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
