"""Joins the images of an OCI layout into one index: `image_index.py LAYOUT VERSION EPOCH ARCHIVE`.

Adds the Dockerfile's health check to each image. The OCI format has no health checks, so buildah drops it; Docker reads
it from the config, where this script writes it. ARCHIVE is the layout as a tar file, with EPOCH as the time of all
files.
"""

import hashlib
import json
import pathlib
import re
import sys
import tarfile

DOCKERFILE = pathlib.Path(__file__).resolve().parents[1] / "Dockerfile"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# Docker counts durations in nanoseconds, as Go does.
NANOSECONDS = 1_000_000_000


def health_check(dockerfile: str) -> dict:
    """Returns the `Healthcheck` of an image's config, from the instruction HEALTHCHECK."""
    instruction = re.search(r"^HEALTHCHECK (.*?) \\\n +CMD (\[.*\])$", dockerfile, re.MULTILINE)
    options, command = instruction.groups()
    given = dict(option.removeprefix("--").split("=") for option in options.split())
    times = ("interval", "timeout", "start-period")
    seconds = {name: int(given[name].removesuffix("s")) * NANOSECONDS for name in times}
    return {
        "Test": ["CMD", *json.loads(command)],
        "Interval": seconds["interval"],
        "Timeout": seconds["timeout"],
        "StartPeriod": seconds["start-period"],
        "Retries": int(given["retries"]),
    }


class Layout:
    """The blobs of an OCI image layout (OCI Image Format Specification, "Image Layout")."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def blob(self, descriptor: dict) -> pathlib.Path:
        return self.folder / "blobs" / descriptor["digest"].replace(":", "/")

    def read(self, descriptor: dict) -> dict:
        return json.loads(self.blob(descriptor).read_bytes())

    def write(self, document: dict, media_type: str) -> dict:
        """Adds a document, and returns its descriptor."""
        data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        descriptor = {"mediaType": media_type, "digest": digest, "size": len(data)}
        self.blob(descriptor).write_bytes(data)
        return descriptor

    def replace(self, descriptor: dict, document: dict) -> dict:
        self.blob(descriptor).unlink()
        return self.write(document, descriptor["mediaType"])


def with_health_check(layout: Layout, descriptor: dict, check: dict) -> dict:
    """Returns an index descriptor of the image with the health check added."""
    manifest = layout.read(descriptor)
    config = layout.read(manifest["config"])
    config["config"]["Healthcheck"] = check
    manifest["config"] = layout.replace(manifest["config"], config)
    platform = {"architecture": config["architecture"], "os": config["os"]}
    return layout.replace(descriptor, manifest) | {"platform": platform}


def join(layout: Layout, version: str, check: dict) -> dict:
    images = json.loads((layout.folder / "index.json").read_bytes())["manifests"]
    images.sort(key=lambda image: image["annotations"]["org.opencontainers.image.ref.name"])
    manifests = [with_health_check(layout, image, check) for image in images]
    index = layout.write({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, INDEX)
    name = {"org.opencontainers.image.ref.name": version}
    top = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [index | {"annotations": name}]}
    (layout.folder / "index.json").write_text(json.dumps(top, sort_keys=True, separators=(",", ":")))
    return index | {"manifests": manifests}


def pack(folder: pathlib.Path, epoch: int, target: pathlib.Path) -> None:
    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = epoch
        member.mode = 0o755 if member.isdir() else 0o644
        return member

    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=plain)


def report(layout: Layout, index: dict, archive: pathlib.Path) -> None:
    for image in index["manifests"]:
        manifest = layout.read(image)
        print(f"{image['platform']['architecture']}  {image['digest']}")
        for layer in manifest["layers"]:
            print(f"{layer['size']:14,}  {layer['digest']}")
    print(f"index  {index['digest']}")
    print(f"{archive.stat().st_size:14,}  {archive}")


def main(folder: pathlib.Path, version: str, epoch: int, archive: pathlib.Path) -> None:
    layout = Layout(folder)
    index = join(layout, version, health_check(DOCKERFILE.read_text()))
    pack(folder, epoch, archive)
    report(layout, index, archive)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), pathlib.Path(sys.argv[4]))
