"""The command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import ExportError
from .export import export
from .lite_recipes import LITE_RECIPES as RECIPES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 1 with a message on standard error."""
    options = _parser().parse_args(arguments)
    try:
        export(RECIPES[options.model], options.out, options.photos)
    except (ExportError, OSError) as error:
        print(f"ic_tools: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ic_tools", description="Make model bundles.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "export", help="build a bundle from published weights and check it against PyTorch"
    )
    command.add_argument("model", choices=sorted(RECIPES))
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the bundle is written"
    )
    command.add_argument(
        "--photos",
        type=Path,
        metavar="PHOTOS",
        help="also compare on these photos, and measure accuracy on those whose file name "
        "starts with a WordNet id, as in n07920052_espresso.jpg",
    )
    return parser
