"""Prints the licences of everything that is linked into the program or packed with it: `notices.py TARGET RUNTIME ZIG`.

ZIG is the folder of the Python package ziglang, whose linker adds LLVM's libunwind and compiler-rt. RUNTIME is the
folder with the downloaded ONNX Runtime. The crates are those that `cargo metadata` resolves for the target, except
those that only tests and builds use, and those of this repository.
"""

import json
import pathlib
import subprocess
import sys

TEXTS = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "UNLICENSE*")


def linked_crates(target: str) -> list[dict]:
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={target}"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    linked, queue = set(), [metadata["resolve"]["root"]]
    while queue:
        for dependency in nodes[queue.pop()]["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            # The kind None is a normal dependency. Macros run in the compiler and are not linked.
            is_macro = any("proc-macro" in target["kind"] for target in packages[dependency["pkg"]]["targets"])
            if None in kinds and not is_macro and dependency["pkg"] not in linked:
                linked.add(dependency["pkg"])
                queue.append(dependency["pkg"])
    foreign = (packages[id] for id in linked if packages[id]["source"])
    return sorted(foreign, key=lambda package: (package["name"], package["version"]))


def read(path: pathlib.Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip().replace("\r\n", "\n")


def main(target: str, runtime: pathlib.Path, zig: pathlib.Path) -> None:
    print("This program holds the following works of others.\n")
    texts: dict[str, list[str]] = {}
    for crate in linked_crates(target):
        name = f"{crate['name']} {crate['version']}"
        print(f"{name}: {crate['license']}")
        folder = pathlib.Path(crate["manifest_path"]).parent
        found = sorted({path for pattern in TEXTS for path in folder.glob(pattern) if path.is_file()})
        for path in found:
            texts.setdefault(read(path), []).append(name)
    print("Rust standard library: MIT OR Apache-2.0")
    print("LLVM libunwind and compiler-rt: Apache-2.0 WITH LLVM-exception")
    print("Zig compiler-rt: MIT")
    print("\nONNX Runtime, beside the program: MIT. Its own notices stand last.")
    print("\nThe model: see its card, model/README.md.")
    for text, names in texts.items():
        print(f"\n{'=' * 100}\n{', '.join(dict.fromkeys(names))}\n{'-' * 100}\n{text}")
    others = {
        "LLVM libunwind and compiler-rt": zig / "lib/libunwind/LICENSE.TXT",
        "Zig": zig / "LICENSE",
        "ONNX Runtime: LICENSE": runtime / "LICENSE",
        "ONNX Runtime: ThirdPartyNotices.txt": runtime / "ThirdPartyNotices.txt",
    }
    for name, path in others.items():
        print(f"\n{'=' * 100}\n{name}\n{'-' * 100}\n{read(path)}")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
