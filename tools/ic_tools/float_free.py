"""Lets PyTorch 1.13 read checkpoints that contain floating point numbers besides the tensors.

Its unpickler for `weights_only=True` does not support such numbers (opcode BINFLOAT), and nearly every training script
saves some: a loss, the optimizer's learning rate. The tools do not need them, so each is replaced by None in a copy of
the file. Tensors are in other members of the archive.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile

# None in the nine bytes of BINFLOAT. Unpicklers ignore PROTO and its argument at any position.
_NONE = pickle.NONE + 4 * (pickle.PROTO + b"\x02")


def without_floats(content: bytes) -> bytes:
    """Returns a copy of a PyTorch file. A file that is not a zip archive, as before 1.6, is returned unchanged."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    copy = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(copy, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            is_pickle = member.filename.endswith("/data.pkl")
            new.writestr(member.filename, _replace_floats(data) if is_pickle else data)
    return copy.getvalue()


def _replace_floats(data: bytes) -> bytes:
    replaced = bytearray(data)
    for opcode, _, position in pickletools.genops(data):
        if opcode.code == "G":
            replaced[position : position + len(_NONE)] = _NONE
    return bytes(replaced)
