"""No file needs a newer C or C++ library than Lambda's provided.al2023 has, and all use the same allocator."""

import re
import subprocess

import pytest

# glibc 2.34 and the libstdc++ of GCC 11.
CEILINGS = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}
# Libraries in provided.al2023; the loader has a name per architecture.
LIBRARIES = {
    *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1", "libstdc++.so.6"),
    *("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"),
}


def readelf(option: str, path) -> str:
    # Lines of any width, in English.
    command = ["readelf", "--wide", option, path]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}).stdout


def needed_versions(path) -> dict[str, tuple[int, ...]]:
    """Returns the highest version of each library that the symbols of a file require."""
    section = readelf("--version-info", path).split("Version needs section", 1)[1]
    highest: dict[str, tuple[int, ...]] = {}
    for name, version in re.findall(r"Name: (GLIBC|GLIBCXX|CXXABI)_([0-9.]+)", section):
        numbers = tuple(map(int, version.split(".")))
        highest[name] = max(highest.get(name, ()), numbers)
    return highest


@pytest.mark.parametrize("which", ["bootstrap", "x86_64", "arm64"])
def test_no_symbol_is_newer_than_lambda(which, package, libraries):
    path = package / "bootstrap" if which == "bootstrap" else libraries[which]
    highest = needed_versions(path)
    print(path.name, which, {name: ".".join(map(str, version)) for name, version in highest.items()})
    assert "GLIBC" in highest, "readelf shows no versions, so it proves nothing"
    for name, version in highest.items():
        assert version <= CEILINGS[name], f"{which} needs {name}_{version}"


@pytest.mark.parametrize("which", ["bootstrap", "x86_64", "arm64"])
def test_no_other_library_is_needed(which, package, libraries):
    path = package / "bootstrap" if which == "bootstrap" else libraries[which]
    dynamic = readelf("--dynamic", path)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    assert needed and needed <= LIBRARIES
    assert "RPATH" not in dynamic
    # The library searches only its own folder.
    assert set(re.findall(r"\(RUNPATH\).*\[(.*)\]", dynamic)) <= {"$ORIGIN"}


ALLOCATION = {"malloc", "calloc", "realloc", "free", "posix_memalign"}


def symbols(path) -> tuple[set[str], set[str]]:
    """Returns the dynamic symbols that a file exports, and those that it imports."""
    exported, imported = set(), set()
    for line in readelf("--dyn-syms", path).splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[4] in ("GLOBAL", "WEAK"):
            (imported if fields[6] == "UND" else exported).add(fields[7].split("@")[0])
    return exported, imported


def test_onnx_runtime_allocates_from_the_programs_allocator(package, libraries, arch):
    exported, _ = symbols(package / "bootstrap")
    _, imported = symbols(libraries[arch])
    assert ALLOCATION <= imported, "ONNX Runtime allocates otherwise, so this proves nothing"
    # The dynamic linker searches the program first.
    assert ALLOCATION <= exported
