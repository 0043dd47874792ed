"""The network is built once for all tests; its weights come from the pinned package."""

import onnx
import pytest

from ic_tools.lite_recipes import EFFICIENTNET_LITE0
from ic_tools.weights import StateDict


@pytest.fixture(scope="session")
def weights() -> StateDict:
    return EFFICIENTNET_LITE0.load().state


@pytest.fixture(scope="session")
def model(weights: StateDict) -> onnx.ModelProto:
    return EFFICIENTNET_LITE0.build(weights)
