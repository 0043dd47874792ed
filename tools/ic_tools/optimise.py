"""A graph that ONNX Runtime has optimised already, so that a start does not do it again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import onnxruntime


def optimise(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with its operators fused, such as `QLinearConv` for a quantised convolution.

    The level is "extended": the next one lays weights out for the instructions of this machine, and such a
    file gives wrong answers on others.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    # It warns that the file may hold optimisations for this machine; at this level it holds none.
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "optimised.onnx")
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            model.SerializeToString(deterministic=True),
            options,
            providers=["CPUExecutionProvider"],
        )
        return onnx.load(path)
