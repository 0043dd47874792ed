"""Builds networks once for all tests: Lite0 from the pinned package, ResNet-18 from a seed."""

import hashlib
from pathlib import Path

import onnx
import pytest
import torch
import torchvision

from ic_tools.lite_recipes import EFFICIENTNET_LITE0
from ic_tools.weights import StateDict


@pytest.fixture(scope="session")
def weights() -> StateDict:
    return EFFICIENTNET_LITE0.load().state


@pytest.fixture(scope="session")
def model(weights: StateDict) -> onnx.ModelProto:
    return EFFICIENTNET_LITE0.build(weights)


@pytest.fixture(scope="session")
def resnet18() -> torch.nn.Module:
    """ResNet-18 with random weights, because tests do not have the published file."""
    torch.manual_seed(0)
    return torchvision.models.resnet18(weights=None).eval()


@pytest.fixture(scope="session")
def resnet18_file(resnet18, tmp_path_factory) -> Path:
    """A file of its weights, named like torchvision's files, with the hash."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save(resnet18.state_dict(), folder / "weights.pth")
    sha256 = hashlib.sha256((folder / "weights.pth").read_bytes()).hexdigest()
    return (folder / "weights.pth").rename(folder / f"resnet18-{sha256[:8]}.pth")
