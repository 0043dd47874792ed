"""What an exportable model is made of: where its weights come from, and its properties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx
import torch

from .labels import Label
from .preprocess import Preprocessing
from .weights import StateDict, Weights


@dataclass(frozen=True)
class Recipe:
    """Everything that `export` needs to make a bundle, and what its model card says.

    `load` verifies and reads the weights. `build` makes the ONNX model from them, and `reference` the network in
    PyTorch. In the card, `making` describes how the graph was made and `command` is the command that made it; neither
    contains a path.
    """

    name: str
    title: str
    model_type: str
    load: Callable[[], Weights]
    build: Callable[[StateDict], onnx.ModelProto]
    reference: Callable[[StateDict], torch.nn.Module]
    preprocessing: Preprocessing
    labels: list[Label]
    licence: str
    source: str
    description: str
    making: str
    command: str
    licence_note: str | None = None
    published_top1: float | None = None

    @property
    def knows_imagenet(self) -> bool:
        """Whether its classes are the thousand of ImageNet-1k."""
        return len(self.labels) == 1000 and all(label.wnid for label in self.labels)
