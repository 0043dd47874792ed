"""torchvision's published weights: their metadata from torchvision's enums, and how to download them.

`torchvision.models.get_model_weights` needs torchvision 0.14 (2022). Addresses, preprocessing and accuracy come from
the installed torchvision; none is written down here.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import urllib.request
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO

import torch
import torchvision
from PIL import Image

from .errors import ExportError
from .preprocess import Preprocessing
from .weights import check_sha256

# As in torch.hub: at least 8 hexadecimal digits of the sha256 at the end of the file name.
_SHA256_PREFIX = re.compile(r"-([0-9a-f]{8,64})")

_TIMEOUT_SECONDS = 60
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Published:
    """A file of weights published by torchvision."""

    name: str
    url: str
    preprocessing: Preprocessing
    top1: float | None
    licence_url: str | None

    @property
    def file_name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def sha256_prefix(self) -> str:
        """Raises `ExportError` if the name contains no hash, because such a file cannot be checked."""
        found = _SHA256_PREFIX.search(self.file_name)
        if not found:
            raise ExportError(f"{self.file_name} does not have its sha256 in its name")
        return found[1]


def published_weights(architecture: str) -> list[Published]:
    """Returns all files for one of torchvision's architectures; the recommended one is first."""
    enum = torchvision.models.get_model_weights(architecture)
    members = sorted(enum, key=lambda member: member is not enum.DEFAULT)
    return [_published(member) for member in members]


def find_published(architecture: str, file_name: str) -> Published:
    """Returns the entry whose hash is in the name of a local file, as in `resnet18-f37072fd.pth`.

    Raises `ExportError` with the names of the existing files.
    """
    entries = published_weights(architecture)
    found = _SHA256_PREFIX.search(file_name)
    for entry in entries:
        if found and found[1] == entry.sha256_prefix:
            return entry
    names = ", ".join(entry.file_name for entry in entries)
    raise ExportError(
        f"{file_name} does not have the name of a file that torchvision publishes for "
        f"{architecture} ({names}); for weights of your own use --checkpoint FILE "
        f"--arch {architecture} --labels FILE"
    )


def download(entry: Published, folder: Path | None = None) -> Path:
    """Downloads the file to `folder`, by default torch.hub's cache, unless it is already there.

    The file gets its name only when it is complete and its hash is right; a file with a wrong hash is replaced. Raises
    `ExportError`.
    """
    folder = folder or Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / entry.file_name
    if path.exists() and _sha256(path).startswith(entry.sha256_prefix):
        return path
    print(f"downloading {entry.url}")
    folder.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=folder, suffix=".partial")
    try:
        with open(handle, "wb") as file:
            actual = _fetch(entry.url, file)
        check_sha256(entry.file_name, actual, entry.sha256_prefix)
        os.replace(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)
    return path


def _fetch(url: str, file: BinaryIO) -> str:
    """Copies the response of `url` to `file`, and returns its sha256."""
    digest = hashlib.sha256()
    received = 0
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
            expected = _content_length(response)
            while chunk := response.read(_CHUNK_BYTES):
                received += len(chunk)
                digest.update(chunk)
                file.write(chunk)
    except (OSError, HTTPException) as error:  # URLError and HTTPError are OSError.
        raise ExportError(f"cannot download {url}: {error}") from None
    if expected is not None and received != expected:
        raise ExportError(
            f"cannot download {url}: it broke off after {received} of {expected} bytes"
        )
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content_length(response: HTTPResponse) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _published(member: Enum) -> Published:
    preset = member.transforms()
    metrics = member.meta.get("_metrics", {}).get("ImageNet-1K", {})
    return Published(
        name=member.name,
        url=member.url,
        preprocessing=Preprocessing(
            shortest_edge=preset.resize_size[0],
            crop=preset.crop_size[0],
            mean=tuple(preset.mean),
            std=tuple(preset.std),
            resample=Image.Resampling[preset.interpolation.name],
        ),
        top1=metrics.get("acc@1", member.meta.get("acc@1")),
        licence_url=member.meta.get("license"),
    )
