"""Runs the program itself, which decides whether it can serve a bundle."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import ExportError

REPOSITORY = Path(__file__).resolve().parents[2]

_PICTURE = REPOSITORY / "tests" / "fixtures" / "coffee.png"
_PROFILES = ("release", "debug")
# A model of several GB takes time to load from a slow disk.
_SECONDS = 600


def find_program() -> Path:
    """Returns the program that cargo has built. Raises `ExportError` if it is missing."""
    candidates = [REPOSITORY / "target" / profile / "image-classifier" for profile in _PROFILES]
    program = next(filter(Path.is_file, candidates), None)
    if program is None:
        raise ExportError(
            "the program that checks the bundle is not built: run cargo build --release, "
            "or give --program FILE"
        )
    return program


def classify(program: Path, bundle: Path, name: str, photos: Sequence[Path] = ()) -> str:
    """Returns the output of `program` for photos with this bundle, or for a built-in photo if there are none.

    Raises `ExportError` with the program's error, in which `name` replaces the path of the bundle.
    """
    bundle = bundle.resolve()
    try:
        run = subprocess.run(
            [program, "classify", *([photo.resolve() for photo in photos] or [_PICTURE])],
            cwd=REPOSITORY,
            env=os.environ | {"MODEL_DIR": str(bundle)},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ExportError(
            f"the program does not serve {name}: no answer within {_SECONDS} s"
        ) from None
    if run.returncode != 0:
        log = run.stderr.strip().splitlines() or [f"it ended with status {run.returncode}"]
        reason = log[-1].split(" ERROR ")[-1].replace(f"{bundle}/", "").replace(str(bundle), name)
        raise ExportError(f"the program does not serve {name}: {reason}")
    return run.stdout.rstrip().replace(str(_PICTURE), _PICTURE.name)
