"""Faults around the server during the load. Each ends with its `with` block, or with the server."""

import contextlib
import multiprocessing
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

TMP_BYTES = 64 << 10


def spin() -> None:
    while True:
        pass


@contextlib.contextmanager
def hogs() -> Iterator[None]:
    """Runs as many busy processes as there are processors."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


FULL_TMP = f"""
set -eu
mount -t tmpfs tmpfs /mnt
mkdir /mnt/model
touch /mnt/binary /mnt/library
mount --bind "$1" /mnt/binary
mount --bind "$2" /mnt/library
mount --bind "$3" /mnt/model
mount -t tmpfs -o size={TMP_BYTES} tmpfs /tmp
# Fails, since there is too little room; that is the point.
cat /dev/zero > /tmp/full 2> /dev/null || true
export ORT_DYLIB_PATH=/mnt/library MODEL_DIR=/mnt/model
exec /mnt/binary serve
"""
"""Runs in a separate mount namespace. The server's files may be in /tmp, so they are bound to another place."""


def full_tmp(binary: pathlib.Path, library: pathlib.Path, model: pathlib.Path) -> list:
    """Returns the command of a server with a full /tmp."""
    return ["unshare", "--mount", "--", "sh", "-c", FULL_TMP, "sh", binary, library, model]


def why_no_mounts() -> str | None:
    """Returns why processes cannot have their own mounts, or None if they can."""
    if not shutil.which("unshare"):
        return "there is no unshare"
    tried = subprocess.run(
        ["unshare", "--mount", "--", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True
    )
    return tried.stderr.strip() if tried.returncode else None
