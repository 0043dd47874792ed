"""The command line."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .architectures import check_architecture
from .errors import ExportError
from .export import export
from .features import features
from .lite_recipes import LITE_RECIPES
from .quantize import quantize
from .recipe import Recipe
from .torchvision_recipes import checkpoint_recipe, published_recipe
from .verify import verify

# Options that describe a checkpoint; they have no meaning for published weights.
_OF_CHECKPOINT = ("arch", "labels", "name", "license", "mean", "std", "resize", "crop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. The exit status is 0, or 1 with one line on standard error."""
    try:
        options = _parser().parse_args(arguments)
        if options.command == "verify":
            verify(options.bundle, options.photos)
        elif options.command == "quantize":
            quantize(options.bundle, options.photos, options.out)
        elif options.command == "features":
            features(options.bundle, options.out)
        elif options.command == "hub":
            # Import here, because only this command needs the hub's library.
            from .hub import hub

            hub(
                options.name,
                options.out,
                file=options.file,
                revision=options.revision,
                program=options.program,
            )
        else:
            _export(options)
    except (ExportError, OSError) as error:
        print(f"ic_tools: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def _export(options: argparse.Namespace) -> None:
    recipe = _recipe(options)
    if options.precision == "float32":
        export(recipe, options.out, options.photos)
        return
    if options.photos is None:
        raise ExportError("--precision int8 needs --photos PHOTOS, to calibrate with")
    with tempfile.TemporaryDirectory() as folder:
        export(recipe, Path(folder), options.photos)
        quantize(Path(folder), options.photos, options.out)


def _recipe(options: argparse.Namespace) -> Recipe:
    """Returns the recipe for the options. Raises `ExportError` if they contradict each other."""
    given = [f"--{name}" for name in _OF_CHECKPOINT if getattr(options, name) is not None]
    if options.no_transform_input:
        given.append("--no-transform-input")
    if options.checkpoint is None:
        if options.model is None:
            raise ExportError("name a model, or give --checkpoint FILE --arch NAME --labels FILE")
        if given:
            raise ExportError(f"{', '.join(given)} can only be given with --checkpoint")
        return _published(options)
    if options.model is not None or options.weights is not None or options.download:
        other = options.model or ("--weights" if options.weights else "--download")
        raise ExportError(f"--checkpoint cannot be given together with {other}")
    missing = [f"--{name}" for name in ("arch", "labels") if f"--{name}" not in given]
    if missing:
        raise ExportError(f"--checkpoint also needs {' and '.join(missing)}")
    return checkpoint_recipe(
        options.checkpoint,
        options.arch,
        options.labels,
        name=options.name,
        licence=options.license,
        mean=options.mean and tuple(options.mean),
        std=options.std and tuple(options.std),
        resize=options.resize,
        crop=options.crop,
        transform_input=not options.no_transform_input,
    )


def _published(options: argparse.Namespace) -> Recipe:
    if options.model in LITE_RECIPES:
        if options.weights is not None or options.download:
            raise ExportError(
                f"the weights of {options.model} come with requirements.txt; "
                "leave out --weights and --download"
            )
        return LITE_RECIPES[options.model]
    try:
        check_architecture(options.model)
    except ExportError as error:
        raise ExportError(f"{error}; besides there are {', '.join(LITE_RECIPES)}") from None
    if options.weights is None and not options.download:
        raise ExportError(f"{options.model} needs --weights FILE or --download")
    return published_recipe(options.model, options.weights)


class _Parser(argparse.ArgumentParser):
    """Raises `ExportError` instead of printing the usage and leaving with status 2."""

    def error(self, message: str) -> NoReturn:
        raise ExportError(f"{message}; see {self.prog} --help")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels, 1 or more")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m ic_tools", description="Make and check model bundles.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_export(
        commands.add_parser("export", help="build a bundle and check it against PyTorch")
    )
    command = commands.add_parser(
        "verify", help="check a bundle as the program does when it starts, and classify photos"
    )
    command.add_argument("bundle", type=Path, metavar="DIR")
    command.add_argument("photos", type=Path, nargs="*", metavar="PHOTO")
    command = commands.add_parser(
        "quantize", help="make an 8-bit bundle from a float bundle of an EfficientNet-Lite"
    )
    command.add_argument("bundle", type=Path, metavar="BUNDLE")
    command.add_argument(
        "--photos",
        type=Path,
        required=True,
        metavar="PHOTOS",
        help="a folder of photos, to calibrate with and to measure on",
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the bundle is written"
    )
    command = commands.add_parser(
        "features", help="have the model of a bundle answer its last feature map or embedding, too"
    )
    command.add_argument("bundle", type=Path, metavar="DIR")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="where a changed copy is written; DIR itself unless given"
    )
    _add_hub(
        commands.add_parser("hub", help="fetch a model of the Hugging Face hub as a bundle")
    )
    return parser


def _add_hub(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="OWNER/NAME")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="where the bundle is written; models/NAME unless given"
    )
    command.add_argument(
        "--file", metavar="PATH", help="the .onnx file in the repository, where it has several"
    )
    command.add_argument("--revision", help="a branch, a tag or a commit; main unless given")
    command.add_argument(
        "--program", type=Path, metavar="FILE", help="the built program, which checks the bundle"
    )


def _add_export(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "model",
        nargs="?",
        help=f"{', '.join(LITE_RECIPES)}, or an architecture of torchvision like resnet18",
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the bundle is written"
    )
    command.add_argument(
        "--precision",
        choices=("float32", "int8"),
        default="float32",
        help="int8 quantises an EfficientNet-Lite; it needs --photos",
    )
    command.add_argument(
        "--photos",
        type=Path,
        metavar="PHOTOS",
        help="also compare on these photos, and measure accuracy on those whose file name "
        "starts with a WordNet id, as in n07920052_espresso.jpg",
    )
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--weights", type=Path, metavar="FILE", help="weights that torchvision publishes, a file"
    )
    source.add_argument(
        "--download", action="store_true", help="fetch torchvision's weights, once"
    )
    own = command.add_argument_group("a model of your own")
    own.add_argument("--checkpoint", type=Path, metavar="FILE", help="its state dict")
    own.add_argument("--arch", metavar="NAME", help="torchvision's name of the architecture")
    own.add_argument(
        "--labels", type=Path, metavar="FILE", help="a name a line, or .json, or labels.tsv"
    )
    own.add_argument("--name", help="what it is called; the name of the file unless given")
    own.add_argument("--license", help="of the weights, as in apache-2.0")
    for option, what in (("mean", "mean"), ("std", "standard deviation")):
        own.add_argument(
            f"--{option}",
            type=float,
            nargs=3,
            metavar=("R", "G", "B"),
            help=f"{what} of each channel on the scale 0...1; ImageNet's unless given",
        )
    own.add_argument("--resize", type=_positive, metavar="N", help="short side, in pixels")
    own.add_argument("--crop", type=_positive, metavar="N", help="input of the model, in pixels")
    own.add_argument(
        "--no-transform-input",
        action="store_true",
        help="for inception_v3 and googlenet that were trained without transform_input",
    )
