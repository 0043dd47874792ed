"""torchvision's classification architectures: its own weights, or a user's checkpoint."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path

import onnx
import torch
import torchvision

from .errors import ExportError
from .labels import imagenet_labels, read_labels
from .preprocess import Preprocessing
from .published import download, find_published, published_weights
from .recipe import Recipe
from .torch_onnx import export_torch
from .weights import StateDict, Weights, load_checkpoint, load_verified, some

IMAGENET_CLASSES = 1000

# These two normalise their input once more when their weights are those that were ported from
# TensorFlow, and have side branches for training, whose logits evaluation does not use.
_PORTED = ("googlenet", "inception_v3")

# Names of DenseNet's layers in its published files, older than those of its code.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")


def check_architecture(name: str) -> None:
    """Raises `ExportError`, with names that are close, unless torchvision classifies with it."""
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3) or ["resnet18", "mobilenet_v3_small"]
        raise ExportError(
            f"torchvision {torchvision.__version__} has no architecture {name!r}; "
            f"it has {', '.join(close)} and {len(known) - len(close)} more"
        )


def published_recipe(architecture: str, weights: Path | None) -> Recipe:
    """torchvision's own model, from the local file `weights`, or downloaded if that is None.

    Raises `ExportError` if the file is not one that torchvision publishes for it.
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
        return loaded._replace(state=_modern_names(loaded.state))

    return Recipe(
        name=architecture,
        title=architecture,
        load=load,
        preprocessing=entry.preprocessing,
        labels=imagenet_labels(),
        licence="other" if entry.licence_url else "bsd-3-clause",
        copyright=entry.licence_url and f"see <{entry.licence_url}>",
        source=f"torchvision's weights `{entry.name}`, file `{entry.file_name}` of "
        f"<{entry.url}>",
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
) -> Recipe:
    """A user's model: a torchvision architecture with as many classes as the checkpoint has.

    Preprocessing is that of torchvision's first weights for the architecture, for ResNet-18
    short side 256 and crop 224, but for what is given. Raises `ExportError` if the file has
    another number of classes than `labels`.
    """
    check_architecture(architecture)
    weights = load_checkpoint(checkpoint)
    classes = count_classes(architecture, weights)
    names = read_labels(labels)
    if len(names) != classes:
        raise ExportError(
            f"{weights.file_name} has {classes} classes, but {labels.name} has {len(names)} labels"
        )
    given = {"mean": mean, "std": std, "shortest_edge": resize, "crop": crop}
    changed = {field: value for field, value in given.items() if value is not None}
    preprocessing = replace(_first_preprocessing(architecture), **changed)
    if preprocessing.crop > preprocessing.shortest_edge:
        raise ExportError(
            f"cannot crop {preprocessing.crop} pixels from a short side of "
            f"{preprocessing.shortest_edge}: give --resize and --crop"
        )
    return Recipe(
        name=name or checkpoint.stem,
        title=name or checkpoint.stem,
        load=lambda: weights,
        preprocessing=preprocessing,
        labels=names,
        licence=licence or "unknown",
        source=f"a checkpoint of torchvision's `{architecture}`",
        description=f"torchvision's `{architecture}` with {classes} classes",
        command=f"export --checkpoint {weights.file_name} --arch {architecture} "
        f"--labels {labels.name}{_options(given)}",
        **_network(architecture, classes, preprocessing.crop),
    )


def count_classes(architecture: str, weights: Weights) -> int:
    """Outputs of the classifier in a checkpoint, read from the shape of its weight."""
    key = _classifier(_build(architecture, IMAGENET_CLASSES))
    if key not in weights.state:
        raise ExportError(
            f"{weights.file_name} has no classifier {key} as {architecture} has it; "
            f"it has {some(sorted(weights.state))}"
        )
    return len(weights.state[key])


def load_state(network: torch.nn.Module, state: StateDict) -> torch.nn.Module:
    """Fill the network; raises `ExportError` naming parameters that are amiss."""
    expected = network.state_dict()
    faults = {
        "lack": [k for k in expected if k not in state and not k.endswith("num_batches_tracked")],
        "have unknown": [key for key in state if key not in expected],
        "have other shapes of": [
            f"{key} {list(state[key].shape)} instead of {list(expected[key].shape)}"
            for key in expected
            if key in state and state[key].shape != expected[key].shape
        ],
    }
    found = [f"they {what} {some(names)}" for what, names in faults.items() if names]
    if found:
        raise ExportError(f"the weights are of another architecture: {'; '.join(found)}")
    network.load_state_dict(state, strict=False)
    return network.eval()


def _network(architecture: str, classes: int, image_size: int) -> dict:
    """The fields of a recipe that are about the network."""

    def reference(state: StateDict) -> torch.nn.Module:
        network = _build(architecture, classes, image_size)
        return load_state(network, _evaluated(architecture, state))

    def build(state: StateDict) -> onnx.ModelProto:
        network = reference(state)
        return export_torch(network, architecture, image_size)

    version = torch.__version__.split("a0")[0].split("+")[0]
    return {
        # Not the bare family: Hugging Face's `resnet` has rules of its own for preprocessing.
        "model_type": f"torchvision-{architecture}",
        "build": build,
        "reference": reference,
        "making": f"The graph is what the exporter of PyTorch {version} writes,\nopset 17, with "
        "BatchNorm folded into the convolutions.",
    }


def _build(
    architecture: str, classes: int, image_size: int | None = None
) -> torch.nn.Module:
    options: dict[str, object] = {}
    if architecture in _PORTED:
        options = {"aux_logits": False, "transform_input": True, "init_weights": False}
    if architecture.startswith("vit_") and image_size:
        # Its position embeddings are for one size.
        options = {"image_size": image_size}
    return torchvision.models.get_model(
        architecture, weights=None, num_classes=classes, **options
    )


def _evaluated(architecture: str, state: StateDict) -> StateDict:
    """Without the side branches that only training uses."""
    if architecture not in _PORTED:
        return state
    return {name: t for name, t in state.items() if not name.lower().startswith("aux")}


def _classifier(network: torch.nn.Module) -> str:
    """Name of the weight of the last layer that has an output for each class."""
    names = [
        name
        for name, layer in network.named_modules()
        if IMAGENET_CLASSES in (getattr(layer, "out_features", 0), getattr(layer, "out_channels", 0))
    ]
    return f"{names[-1]}.weight"


def _first_preprocessing(architecture: str) -> Preprocessing:
    entries = published_weights(architecture)
    if not entries:
        return Preprocessing(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return next((e for e in entries if e.name == "IMAGENET1K_V1"), entries[0]).preprocessing


def _modern_names(state: StateDict) -> StateDict:
    return {_OLD_DENSENET.sub(r"\1", name): tensor for name, tensor in state.items()}


def _options(given: dict[str, object]) -> str:
    """The options of the command line that were given, as they are typed."""
    flags = {"shortest_edge": "--resize", "crop": "--crop", "mean": "--mean", "std": "--std"}
    text = ""
    for field, value in given.items():
        if value is not None:
            values = value if isinstance(value, tuple) else (value,)
            text += f" {flags[field]} {' '.join(map(str, values))}"
    return text
