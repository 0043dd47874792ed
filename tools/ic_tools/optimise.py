"""Optimises a graph with ONNX Runtime ahead of time, so that a start does not do it again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import onnxruntime


def optimise(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the same model with fused operators, such as `QLinearConv` for a quantised convolution.

    The level is "extended". The next level arranges weights for the instructions of this machine, and such a file gives
    wrong results on others.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    # ONNX Runtime warns that the file may contain optimisations for this machine. At this level it does not.
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
