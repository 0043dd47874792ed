"""Exports a PyTorch network to an ONNX model, with PyTorch's own exporter."""

from __future__ import annotations

import inspect
import io
import warnings

import onnx
import torch

from .errors import ExportError
from .graph import INPUT, OPSET, OUTPUT

# The maximum size of a protocol buffer, in bytes.
_MOST_BYTES = 2**31 - 1

# The exporter has no rule for `zero_`, which the attention of Swin Transformer V2 calls.
torch.onnx.register_custom_op_symbolic("aten::zero", lambda graph, x: graph.op("Sub", x, x), OPSET)

# Two images, because a tracer is more likely to treat a batch of one as a constant.
_TRACED_BATCH = 2


def export_torch(network: torch.nn.Module, name: str, image_size: int) -> onnx.ModelProto:
    """Returns the network in evaluation mode, from pixels `[batch, 3, S, S]`, S = `image_size`, to logits.

    Names, types and the dynamic batch are those of `Graph.to_model`. Information about the machine (paths of source
    files, stack traces) is removed, so the same version of PyTorch gives the same bytes everywhere. Raises
    `ExportError` if the exporter does not support the network.
    """
    size = sum(p.numel() * p.element_size() for p in network.parameters())
    if size > _MOST_BYTES:
        raise ExportError(
            f"{name} has {size / 1e9:.1f} GB of weights; PyTorch writes ONNX files of 2 GB at most"
        )
    pixels = torch.zeros(_TRACED_BATCH, 3, image_size, image_size)
    axes = {INPUT: {0: "batch"}, OUTPUT: {0: "batch"}}
    options: dict[str, object] = {}
    # From 2.9 on, the default exporter needs another package.
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network.eval(),
                pixels,
                buffer,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes=axes,
                opset_version=OPSET,
                do_constant_folding=True,
                **options,
            )
    except Exception as error:  # The exporter may raise any exception.
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise ExportError(f"PyTorch cannot write {name} as ONNX: {reason[0]}") from None
    model = onnx.load_from_string(buffer.getvalue())
    _remove_notes(model, name)
    onnx.checker.check_model(model, full_check=True)
    return model


def _remove_notes(model: onnx.ModelProto, name: str) -> None:
    model.graph.name = name
    for message in (model, model.graph, *model.graph.node, *model.graph.initializer):
        message.ClearField("doc_string")
    for message in (model, model.graph, *model.graph.node, *model.graph.value_info):
        if "metadata_props" in message.DESCRIPTOR.fields_by_name:
            message.ClearField("metadata_props")
