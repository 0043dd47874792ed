"""Lets PyTorch 1.13 read checkpoints that hold floating point numbers beside the tensors.

Its unpickler for `weights_only=True` knows no such numbers (opcode BINFLOAT), and nearly every
training script saves some: a loss, the optimizer's learning rate. Nothing here needs them, so
each becomes None in a copy of the file. Tensors lie in other members of the archive.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile

# None in the nine bytes of BINFLOAT: PROTO with its argument is read over wherever it stands.
_NONE = pickle.NONE + 4 * (pickle.PROTO + b"\x02")


def without_floats(content: bytes) -> bytes:
    """A copy of a PyTorch file; one that is no zip archive, as before 1.6, is left as it is."""
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
