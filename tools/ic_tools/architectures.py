"""torchvision's classification networks: created by name, with any number of classes, and loaded with weights."""

from __future__ import annotations

import difflib
import re
from collections import OrderedDict

import torch
import torchvision

from .errors import ExportError
from .weights import StateDict, Weights, some

IMAGENET_CLASSES = 1000

# These two networks normalise their input a second time if their weights were ported from TensorFlow
# (`transform_input`). They have side branches for training, whose logits are not used in evaluation.
PORTED = ("googlenet", "inception_v3")

# Layer names in old published files, and the names in the current code.
_OLD_NAMES = (
    # DenseNet
    (re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)"), r"\1"),
    # Vision Transformer
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)


def check_architecture(name: str) -> None:
    """Raises `ExportError`, with similar names, unless torchvision has a classifier of this name."""
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3) or ["resnet18", "mobilenet_v3_small"]
        raise ExportError(
            f"torchvision {torchvision.__version__} has no architecture {name!r}; "
            f"it has {', '.join(close)} and {len(known) - len(close)} more"
        )


def build_network(
    architecture: str,
    classes: int,
    image_size: int | None = None,
    transform_input: bool = True,
) -> torch.nn.Module:
    """Returns the network with new weights. `image_size` matters only to networks with a fixed size, `transform_input`
    only to those in `PORTED`."""
    options: dict[str, object] = {}
    if architecture in PORTED:
        options = {"aux_logits": False, "transform_input": transform_input, "init_weights": False}
    if architecture.startswith("vit_") and image_size:
        # Its position embeddings are for one size.
        options = {"image_size": image_size}
    return torchvision.models.get_model(architecture, weights=None, num_classes=classes, **options)


def count_classes(architecture: str, weights: Weights) -> int:
    """Returns the number of classifier outputs in a checkpoint, from the shape of its weight."""
    key = _classifier(build_network(architecture, IMAGENET_CLASSES))
    if key not in weights.state:
        raise ExportError(
            f"{weights.file_name} has no classifier {key} as {architecture} has it; "
            f"it has {some(sorted(weights.state))}"
        )
    classifier = weights.state[key]
    if classifier.ndim == 0:
        raise ExportError(f"{weights.file_name}: {key} is one number, not a row for each class")
    return len(classifier)


def load_state(network: torch.nn.Module, state: StateDict) -> torch.nn.Module:
    """Loads the weights, for evaluation. Raises `ExportError` with the names of wrong parameters."""
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
    # MNASNet loads only a state dict that states its version. A plain dict of tensors does not; if its names and shapes
    # match, it has the current version.
    versioned = OrderedDict(state)
    versioned._metadata = expected._metadata  # type: ignore[attr-defined]
    network.load_state_dict(versioned, strict=False)
    return network.eval()


def without_side_branches(architecture: str, state: StateDict) -> StateDict:
    """Removes the side branches that only training uses."""
    if architecture not in PORTED:
        return state
    return {name: t for name, t in state.items() if not name.lower().startswith("aux")}


def modern_names(state: StateDict) -> StateDict:
    """Renames the layers of published DenseNets and Vision Transformers to those of the current code."""
    for old, new in _OLD_NAMES:
        state = {old.sub(new, name): tensor for name, tensor in state.items()}
    return state


def _classifier(network: torch.nn.Module) -> str:
    """Returns the name of the weight of the last layer that has an output per class."""

    def outputs(layer: torch.nn.Module) -> int:
        return getattr(layer, "out_features", None) or getattr(layer, "out_channels", 0)

    layers = network.named_modules()
    names = [name for name, layer in layers if outputs(layer) == IMAGENET_CLASSES]
    return f"{names[-1]}.weight"
