"""Writes a bill of materials for an image: `sbom.py ARCH LAYERS EPOCH FILE`, a CycloneDX document in JSON.

It lists the crates that are linked into the program, what the linker adds, ONNX Runtime, the model, and the Debian
packages. LAYERS is the output folder of scripts/image-root. The same inputs give the same bytes; EPOCH is the time of
the document.
"""

import datetime
import hashlib
import pathlib
import re
import sys
import tomllib
import uuid

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from notices import linked_crates
from packageurl import PackageURL

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = "opt/image-classifier"
# Rust's name of the processor, and Debian's.
PROCESSORS = {"x86_64": ("x86_64", "amd64"), "arm64": ("aarch64", "arm64")}


def sha256(*paths: pathlib.Path) -> HashType:
    content = b"".join(path.read_bytes() for path in paths)
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())


def component(kind: ComponentType, name: str, version: str | None, licence: str | None, **more: object) -> Component:
    # Older crates write "MIT/Apache-2.0" for "MIT OR Apache-2.0".
    licences = [LicenseFactory().make_from_string(licence.replace("/", " OR "))] if licence else []
    purl = more.get("purl")
    reference = str(purl) if purl else f"{name}@{version}"
    return Component(type=kind, name=name, version=version, licenses=licences, bom_ref=reference, **more)


def pinned(requirements: str, name: str) -> str:
    return re.search(rf"^{name}==(\S+)", (ROOT / "scripts" / requirements).read_text(), re.MULTILINE)[1]


def crates(target: str) -> list[Component]:
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(crate["name"], crate["version"]): crate["checksum"] for crate in locked if "checksum" in crate}
    return [
        component(
            ComponentType.LIBRARY,
            crate["name"],
            crate["version"],
            crate["license"],
            purl=PackageURL("cargo", name=crate["name"], version=crate["version"]),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksums[crate["name"], crate["version"]])],
        )
        for crate in linked_crates(target)
    ]


def linked_besides(program: bytes) -> list[Component]:
    """Returns what the program contains besides crates. The compiler's version is in the section `.comment`."""
    rustc = re.search(rb"rustc version (\S+)", program)[1].decode()
    zig = pinned("requirements-package.txt", "ziglang")
    return [
        component(ComponentType.LIBRARY, "rust-std", rustc, "MIT OR Apache-2.0"),
        component(
            ComponentType.LIBRARY,
            "libunwind, compiler-rt",
            zig,
            "Apache-2.0 WITH LLVM-exception",
            purl=PackageURL("pypi", name="ziglang", version=zig),
        ),
    ]


def runtime(folder: pathlib.Path) -> Component:
    version = pinned("requirements-runtime.txt", "onnxruntime")
    library = folder / "lib/libonnxruntime.so"
    purl = PackageURL("pypi", name="onnxruntime", version=version, subpath="libonnxruntime.so")
    return component(ComponentType.LIBRARY, "onnxruntime", version, "MIT", purl=purl, hashes=[sha256(library)])


def model(folder: pathlib.Path) -> Component:
    """Describes the model bundle from its card. The hash is the card's `model_sha256`, over the graph and the weights
    file."""
    card = folder / "README.md"
    text = card.read_text() if card.is_file() else ""
    fields = dict(re.findall(r'^(\w+): "?(.+?)"?$', text.partition("\n---\n")[0], re.MULTILINE))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [
        component(ComponentType.FILE, path.relative_to(folder).as_posix(), None, None, hashes=[sha256(path)])
        for path in files
    ]
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=fields["model_sha256"])] if "model_sha256" in fields else []
    return component(
        ComponentType.MACHINE_LEARNING_MODEL,
        fields.get("model_name", "model"),
        None,
        fields.get("license"),
        hashes=hashes,
        properties=[Property(name="source", value=fields["source"])] if "source" in fields else [],
        components=parts,
    )


def debian_packages(listing: str) -> list[Component]:
    """Lists Debian's packages. Their licences are in /usr/share/doc of the image; Debian has no short names for all of
    them."""
    found = []
    for line in listing.splitlines():
        name, version, architecture = line.split()
        qualifiers = {"arch": architecture, "distro": "debian-12"}
        purl = PackageURL("deb", "debian", name, version, qualifiers)
        found.append(component(ComponentType.LIBRARY, name, version, None, purl=purl))
    return found


def main(arch: str, layers: pathlib.Path, epoch: int, target: pathlib.Path) -> None:
    processor, platform = PROCESSORS[arch]
    package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    program = layers / "program" / PROGRAM / "image-classifier"
    bom = Bom(
        components=[
            *crates(f"{processor}-unknown-linux-gnu"),
            *linked_besides(program.read_bytes()),
            runtime(layers / "model" / PROGRAM),
            model(layers / "model" / PROGRAM / "model"),
            *debian_packages((layers / "debian-packages").read_text()),
        ]
    )
    bom.metadata.component = component(
        ComponentType.CONTAINER,
        "image-classifier",
        package["version"],
        package["license"],
        purl=PackageURL("oci", name="image-classifier", version=package["version"], qualifiers={"arch": platform}),
        # The hash of the program's file.
        hashes=[sha256(program)],
    )
    bom.register_dependency(bom.metadata.component, bom.components)
    bom.metadata.timestamp = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    # Fixed, because the default is random.
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(sorted(repr(each) for each in listed(bom))))
    target.write_text(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n")
    print(f"{target}: {len(bom.components)} components")


def listed(bom: Bom) -> list[tuple]:
    components = [bom.metadata.component, *bom.components]
    return [(each.bom_ref.value, [hash.content for hash in each.hashes]) for each in components]


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4]))
