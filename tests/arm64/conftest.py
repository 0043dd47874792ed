"""The emulated package for arm64, and the package for x86_64, whose answers it must give."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path += [str(ROOT / "tests/artifact")]

from program import Program  # noqa: E402


@pytest.fixture(scope="session")
def x86_64() -> Program:
    return Program([ROOT / ".build/x86_64/package/bootstrap"])


@pytest.fixture(scope="session")
def arm64() -> Program:
    return Program([os.environ["RUNNER"], ROOT / ".build/arm64/package/bootstrap"])


@pytest.fixture(scope="session")
def without_sys() -> list[str]:
    """Starts a command with an empty /sys, as in Lambda. The command keeps the process id."""
    own = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    return [*own, "sh", "-euc", 'mount -t tmpfs none /sys; exec "$@"', "sh"]
