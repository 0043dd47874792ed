"""The network is built once for all tests; its weights come from the pinned package."""

import onnx
import pytest

from ic_tools.recipes import EFFICIENTNET_LITE0
from ic_tools.weights import StateDict, load_verified


@pytest.fixture(scope="session")
def weights() -> StateDict:
    return load_verified(EFFICIENTNET_LITE0.weights, EFFICIENTNET_LITE0.weights_sha256)


@pytest.fixture(scope="session")
def model(weights: StateDict) -> onnx.ModelProto:
    return EFFICIENTNET_LITE0.build(weights)
