"""Reads an OCI image layout."""

import functools
import gzip
import io
import json
import pathlib
import tarfile


class Image:
    """The image of one architecture."""

    def __init__(self, layout: "Layout", descriptor: dict) -> None:
        self.layout = layout
        self.descriptor = descriptor
        self.manifest = layout.read(descriptor)
        self.config = layout.read(self.manifest["config"])

    @functools.cached_property
    def archives(self) -> list[bytes]:
        """Returns the tar archive of each layer."""
        return [gzip.decompress(self.layout.blob(layer).read_bytes()) for layer in self.manifest["layers"]]

    @functools.cached_property
    def _tars(self) -> list[tarfile.TarFile]:
        return [tarfile.open(fileobj=io.BytesIO(archive)) for archive in self.archives]

    @functools.cached_property
    def layers(self) -> list[list[tarfile.TarInfo]]:
        """Returns the members of each layer."""
        return [tar.getmembers() for tar in self._tars]

    @functools.cached_property
    def members(self) -> dict[str, tarfile.TarInfo]:
        return {member.name: member for layer in self.layers for member in layer}

    def file(self, name: str) -> bytes:
        for tar in self._tars:
            if name in tar.getnames():
                return tar.extractfile(name).read()
        raise KeyError(name)


class Layout:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.top = json.loads((folder / "index.json").read_text())
        (self.named,) = self.top["manifests"]
        self.index = self.read(self.named)
        self.images = {each["platform"]["architecture"]: Image(self, each) for each in self.index["manifests"]}

    def blob(self, descriptor: dict) -> pathlib.Path:
        return self.folder / "blobs" / descriptor["digest"].replace(":", "/")

    def read(self, descriptor: dict) -> dict:
        return json.loads(self.blob(descriptor).read_bytes())

    @property
    def descriptors(self) -> list[dict]:
        """Returns the descriptors of everything that the index references."""
        manifests = [image.manifest for image in self.images.values()]
        parts = [part for manifest in manifests for part in (manifest["config"], *manifest["layers"])]
        return [self.named, *self.index["manifests"], *parts]
