"""torchvision's classification architectures, with published weights or a user's checkpoint."""

from __future__ import annotations

import math
import shlex
from dataclasses import replace
from pathlib import Path

import onnx
import torch

from .architectures import (
    IMAGENET_CLASSES,
    PORTED,
    build_network,
    check_architecture,
    count_classes,
    load_state,
    modern_names,
    without_side_branches,
)
from .errors import ExportError
from .labels import imagenet_labels, read_labels
from .preprocess import Preprocessing
from .published import download, find_published, published_weights
from .recipe import Recipe
from .torch_onnx import export_torch
from .weights import StateDict, Weights, load_checkpoint, load_verified


# The largest side that the program accepts, in pixels.
_MAX_SIDE = 4096


def published_recipe(architecture: str, weights: Path | None) -> Recipe:
    """Returns torchvision's own model, from the local file `weights`, or downloaded if that is None.

    Raises `ExportError` if torchvision publishes no such file for it.
    """
    check_architecture(architecture)
    if weights is None:
        entries = published_weights(architecture)
        if not entries:
            raise ExportError(f"torchvision publishes no weights for {architecture}")
        entry = entries[0]
        origin = "--download"
    else:
        entry = find_published(architecture, weights.name)
        origin = f"--weights {entry.file_name}"

    def load() -> Weights:
        loaded = load_verified(weights or download(entry), entry.sha256_prefix)
        return loaded._replace(state=modern_names(loaded.state))

    return Recipe(
        name=architecture,
        title=architecture,
        load=load,
        preprocessing=entry.preprocessing,
        labels=imagenet_labels(),
        licence="other" if entry.licence_url else "bsd-3-clause",
        licence_note=entry.licence_url and f"see <{entry.licence_url}>",
        source=f"torchvision's weights `{entry.name}`, file `{entry.file_name}` of <{entry.url}>",
        description=f"torchvision's `{architecture}`, trained on ImageNet-1k",
        command=f"export {architecture} {origin}",
        published_top1=entry.top1,
        **_network(architecture, IMAGENET_CLASSES, entry.preprocessing.crop),
    )


def checkpoint_recipe(
    checkpoint: Path,
    architecture: str,
    labels: Path,
    *,
    name: str | None = None,
    licence: str | None = None,
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
    resize: int | None = None,
    crop: int | None = None,
    transform_input: bool = True,
) -> Recipe:
    """Returns a user's model: a torchvision architecture with the checkpoint's number of classes.

    Preprocessing is that of torchvision's first weights for the architecture (for ResNet-18, short side 256 and crop
    224), except for given settings. A checkpoint does not say whether its network had torchvision's `transform_input`.
    inception_v3 and googlenet get it, as torchvision's published weights need it, unless `transform_input` is false.
    Raises `ExportError` if the number of classes differs from `labels`.
    """
    check_architecture(architecture)
    if architecture not in PORTED and not transform_input:
        raise ExportError(f"{architecture} has no transform_input; leave out --no-transform-input")
    weights = load_checkpoint(checkpoint)
    weights = weights._replace(state=modern_names(weights.state))
    classes = count_classes(architecture, weights)
    names = read_labels(labels)
    if len(names) != classes:
        raise ExportError(
            f"{weights.file_name} has {classes} classes, but {labels.name} has {len(names)} labels"
        )
    given = {"mean": mean, "std": std, "shortest_edge": resize, "crop": crop}
    _check_given(classes, given)
    changed = {field: value for field, value in given.items() if value is not None}
    preprocessing = replace(_first_preprocessing(architecture), **changed)
    if preprocessing.crop > preprocessing.shortest_edge:
        raise ExportError(
            f"cannot crop {preprocessing.crop} pixels from a short side of "
            f"{preprocessing.shortest_edge}: give --resize and --crop"
        )
    once_more = ""
    if architecture in PORTED:
        switch, other = ("on", "without") if transform_input else ("off", "with")
        once_more = f"; its `transform_input` is {switch}"
        print(
            f"transform_input is {switch}: if the network was trained {other} it, "
            f"{'give' if transform_input else 'leave out'} --no-transform-input"
        )
    return Recipe(
        name=name or checkpoint.stem,
        title=name or checkpoint.stem,
        load=lambda: weights,
        preprocessing=preprocessing,
        labels=names,
        licence=licence or "unknown",
        source=f"a checkpoint of torchvision's `{architecture}`",
        description=f"torchvision's `{architecture}` with {classes} classes{once_more}",
        command=f"export --checkpoint {shlex.quote(weights.file_name)} --arch {architecture} "
        f"--labels {shlex.quote(labels.name)}{_options(given)}"
        + ("" if transform_input else " --no-transform-input"),
        **_network(architecture, classes, preprocessing.crop, transform_input),
    )


def _check_given(classes: int, given: dict[str, object]) -> None:
    """Raises `ExportError` for settings that the program or the comparison would refuse."""
    if classes < 2:
        raise ExportError(
            "the checkpoint has one class; two are the fewest that this command exports"
        )
    for name in ("mean", "std"):
        values = given[name] or ()
        if not all(math.isfinite(value) for value in values) or (name == "std" and 0 in values):
            raise ExportError(f"--{name} must be three finite numbers, a deviation not 0: {values}")
    for option, field in (("resize", "shortest_edge"), ("crop", "crop")):
        if (given[field] or 1) > _MAX_SIDE:
            raise ExportError(
                f"--{option} is {given[field]}; the program takes {_MAX_SIDE} at most"
            )


def _network(
    architecture: str, classes: int, image_size: int, transform_input: bool = True
) -> dict:
    """Returns the recipe fields that describe the network."""

    def reference(state: StateDict) -> torch.nn.Module:
        network = build_network(architecture, classes, image_size, transform_input)
        return load_state(network, without_side_branches(architecture, state))

    def build(state: StateDict) -> onnx.ModelProto:
        return export_torch(reference(state), architecture, image_size)

    version = torch.__version__.split("a0")[0].split("+")[0]
    return {
        # Not the bare family name: Hugging Face's `resnet` has its own preprocessing rules.
        "model_type": f"torchvision-{architecture}",
        "build": build,
        "reference": reference,
        "making": f"The graph is what the exporter of PyTorch {version} writes,\nopset 17, with "
        "BatchNorm folded into the convolutions.",
    }


def _first_preprocessing(architecture: str) -> Preprocessing:
    entries = published_weights(architecture)
    if not entries:
        return Preprocessing(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return next((e for e in entries if e.name == "IMAGENET1K_V1"), entries[0]).preprocessing


def _options(given: dict[str, object]) -> str:
    """Returns the given command line options, as typed."""
    flags = {"shortest_edge": "--resize", "crop": "--crop", "mean": "--mean", "std": "--std"}
    text = ""
    for field, value in given.items():
        if value is not None:
            values = value if isinstance(value, tuple) else (value,)
            text += f" {flags[field]} {' '.join(map(str, values))}"
    return text
