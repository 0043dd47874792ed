"""Packs a folder into a zip: `pack.py FOLDER ZIP`.

The same files give the same bytes: names are sorted, times are the zip format's epoch, and the modes are 0755 for files
that are executed or loaded and 0644 for the rest, whatever they are on disk.
"""

import hashlib
import pathlib
import sys
import zipfile

EXECUTABLE = {"bootstrap", "lib/libonnxruntime.so"}
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3
REGULAR_FILE = 0o100000


def main(folder: pathlib.Path, target: pathlib.Path) -> None:
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if not path.is_dir()}
    for name, path in files.items():
        # A link would be packed as its target on this machine, which may not exist in Lambda.
        if path.is_symlink() or not path.is_file():
            sys.exit(f"{name} is not a regular file")
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in sorted(files.items()):
            mode = 0o755 if name in EXECUTABLE else 0o644
            path.chmod(mode)
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system = UNIX
            member.external_attr = (REGULAR_FILE | mode) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, path.read_bytes(), compresslevel=9)
    report(target)


def report(target: pathlib.Path) -> None:
    with zipfile.ZipFile(target) as archive:
        members = archive.infolist()
    print(f"{'unpacked':>12} {'packed':>12}  mode  name")
    for member in members:
        mode = member.external_attr >> 16 & 0o777
        print(f"{member.file_size:12,} {member.compress_size:12,}  {mode:04o}  {member.filename}")
    print(f"{sum(member.file_size for member in members):12,} {target.stat().st_size:12,}        {target}")
    print(f"sha256 {hashlib.sha256(target.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
