"""Adds a second output, `features`: the last feature map, or the embedding before the classifier.

The graph is followed back from the logits to the layer that makes them, and from its input over pooling and reshaping
to the map. Weights are unchanged.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .errors import ExportError
from .observe import attributes
from .verify import find_model, sha256_of

FEATURES = "features"

# Layers that multiply a vector by a matrix. The vector is the first input. In 8-bit layers with a fixed scale, scale
# and zero point are the second and third inputs.
_CLASSIFIERS = frozenset(
    "Gemm MatMul MatMulInteger QLinearMatMul QGemm FusedGemm FusedMatMul MatMulNBits DynamicQuantizeMatMul "
    "MatMulIntegerToFloat Conv FusedConv QLinearConv".split()
)
# Operators allowed between the classifier and the logits.
_AFTER = frozenset(
    "Softmax LogSoftmax Sigmoid Relu Identity Cast Add Mul Div Reshape Flatten Squeeze QuantizeLinear "
    "DequantizeLinear QLinearAdd QLinearSoftmax QLinearSigmoid".split()
)
_POOLS = frozenset(("GlobalAveragePool", "QLinearGlobalAveragePool", "ReduceMean"))
# Operators allowed between the pool and the classifier: they change the shape, or round.
_BETWEEN = frozenset(
    "Flatten Squeeze Reshape Identity Dropout Cast QuantizeLinear DequantizeLinear DynamicQuantizeLinear".split()
)
_MAP_RANK, _VECTOR_RANK = 4, 2
# Pixels, if the model has dynamic height and width.
_USUAL_SIZE = 224
_NUMPY = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_STATED_SHA256 = re.compile(r"^(model_sha256: *[\"']?)[0-9a-fA-F]{64}", re.MULTILINE)


def features(bundle: Path, out: Path | None = None) -> None:
    """Adds the output to the model of `bundle`, in place or in a copy at `out`, and sets the hash in its card.

    Nothing is written unless the new graph loads, gives the same logits for a picture, and has the features. Prints the
    results. Raises `ExportError`.
    """
    path = find_model(bundle)
    if out is not None and (out.exists() and any(out.iterdir())):
        raise ExportError(f"{out} exists: give another --out, or remove it")
    model = onnx.load(path, load_external_data=False)
    print(f"{FEATURES}: {add_features(model, path.parent)}")
    if out is not None:
        shutil.copytree(bundle, out, dirs_exist_ok=True)
        path = out / path.relative_to(bundle)
    target = out or bundle
    part = path.with_name(path.name + ".part")
    part.write_bytes(model.SerializeToString(deterministic=True))
    part.replace(path)
    _set_hash(target / "README.md", sha256_of(path))
    print(f"wrote {target}")


def add_features(model: onnx.ModelProto, folder: Path | None = None) -> str:
    """Adds the output to `model`, whose weights may be in `folder`. Returns its type, its shape and what it is.

    Raises `ExportError` with the reason if the layer before the classifier is not found; then `model` is unchanged.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    if any(item.name == FEATURES for item in graph.output):
        raise ExportError(f"the model has an output {FEATURES} already")
    _put_out(graph, _Walk(graph).features())
    shape, element = _try(model, changed, folder)
    batch = graph.output[0].type.tensor_type.shape.dim
    dims = [batch[0].dim_param or batch[0].dim_value or "batch" if batch else "batch", *shape[1:]]
    graph.output[-1].CopyFrom(helper.make_tensor_value_info(FEATURES, element, dims))
    model.CopyFrom(changed)
    is_map = len(shape) == _MAP_RANK
    what = "the last feature map; its mean over height and width is the embedding" if is_map else "the embedding"
    name = "f16" if element == TensorProto.FLOAT16 else "f32"
    return f"{name} `[{', '.join(map(str, dims))}]`: {what}"


def drop_features(model: onnx.ModelProto) -> None:
    """Reverts `add_features` in a float graph of `ic_tools`, whose tensors have the names of their nodes."""
    graph = model.graph
    kept = [item for item in graph.output if item.name != FEATURES]
    if len(kept) == len(graph.output):
        return
    del graph.output[:]
    graph.output.extend(kept)
    for node in graph.node:
        if FEATURES in node.output:
            _rename(graph, FEATURES, node.name)
            return


class _Walk:
    """Follows a graph from the logits back to the features."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._made_by = {name: node for node in graph.node for name in node.output}
        self._constants = {item.name: item for item in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self._constants |= {node.output[0]: attributes(node).get("value")}

    def features(self) -> str | onnx.NodeProto:
        """Returns the tensor of the features, or, if it is quantised, a node that converts it to float."""
        classifier, pool = self._classifier()
        # If the pool is after the classifier, the classifier's input is the map itself.
        user = (None if pool else self._pool(classifier.input[0])) or classifier
        name = user.input[0]
        if name in {item.name for item in self._graph.input}:
            raise ExportError("no layer stands before the classifier: it works on the picture itself")
        maker = self._made_by[name]
        if maker.op_type == "DynamicQuantizeLinear":
            return maker.input[0]
        if maker.op_type == "DequantizeLinear":
            # Add a second node, because ONNX Runtime fuses the first one with the layers around it.
            copy = onnx.NodeProto()
            copy.CopyFrom(maker)
            copy.name, copy.output[:] = FEATURES, [FEATURES]
            return copy
        if user.op_type.startswith("QLinear") or user.op_type == "QGemm":
            return helper.make_node("DequantizeLinear", user.input[:3], [FEATURES], name=FEATURES)
        return name

    def _classifier(self) -> tuple[onnx.NodeProto, onnx.NodeProto | None]:
        """Returns the layer that computes the logits, and the pool between it and the logits, if there is one."""
        outputs = [item.name for item in self._graph.output]
        logits = "logits" if "logits" in outputs else outputs[0]
        found: dict[str, tuple[onnx.NodeProto, onnx.NodeProto | None]] = {}
        unknown: list[str] = []
        ways: list[tuple[str, onnx.NodeProto | None]] = [(logits, None)]
        seen = set()
        while ways:
            name, pool = ways.pop()
            node = self._made_by.get(name)
            if node is None or name in seen:
                continue
            seen.add(name)
            if node.op_type in _CLASSIFIERS:
                found[node.input[0]] = (node, pool)
            elif node.op_type in _POOLS:
                ways.append((node.input[0], node))
            elif node.op_type in _AFTER:
                ways += [(source, pool) for source in node.input]
            elif node.op_type != "Constant":
                unknown.append(node.op_type)
        if len(found) != 1:
            sources = f"{len(found)} layers" if found else ", ".join(sorted(set(unknown))) or "no layer"
            raise ExportError(f"the layer before the classifier is not found: {logits} comes from {sources}")
        ((node, pool),) = found.values()
        found_attributes = attributes(node)
        if "Conv" in node.op_type and set(found_attributes.get("kernel_shape", ())) != {1}:
            raise ExportError(
                f"the layer before the classifier is not found: {logits} comes from a convolution"
            )
        if found_attributes.get("transA"):
            raise ExportError("the classifier takes its input transposed, which is not supported")
        return node, pool

    def _pool(self, vector: str) -> onnx.NodeProto | None:
        """Returns the mean over height and width that makes a vector, if only reshaping and rounding follow it."""
        while (node := self._made_by.get(vector)) is not None and node.op_type in _BETWEEN:
            vector = node.input[0]
        if node is None or node.op_type not in _POOLS or attributes(node).get("channels_last"):
            return None
        if node.op_type == "ReduceMean" and self._axes(node) != [2, 3]:
            return None
        return node

    def _axes(self, node: onnx.NodeProto) -> list[int]:
        """Returns the axes of a ReduceMean over four axes: an attribute, or from opset 18 on an input."""
        axes = attributes(node).get("axes", ())
        if len(node.input) > 1 and (constant := self._constants.get(node.input[1])) is not None:
            axes = numpy_helper.to_array(constant).tolist()
        return sorted(axis % _MAP_RANK for axis in axes)


def _put_out(graph: onnx.GraphProto, found: str | onnx.NodeProto) -> None:
    """Makes `found` an output. A tensor is renamed, because a copy would cost time in every run."""
    if isinstance(found, str):
        kept = {item.name for item in graph.output} | {item.name for item in graph.value_info}
        used = {name for node in graph.node for name in (*node.input, *node.output)}
        has_subgraph = any(item.HasField("g") for node in graph.node for item in node.attribute)
        if found in {item.name for item in graph.output} or FEATURES in used | kept or has_subgraph:
            found = helper.make_node("Identity", [found], [FEATURES], name=FEATURES)
        else:
            _rename(graph, found, FEATURES)
    if isinstance(found, onnx.NodeProto):
        if any(FEATURES in node.output for node in graph.node):
            raise ExportError(f"a tensor inside the model is called {FEATURES} already")
        graph.node.append(found)
    graph.output.append(onnx.ValueInfoProto(name=FEATURES))


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for index in reversed(range(len(graph.value_info))):
        if graph.value_info[index].name == old:
            del graph.value_info[index]


def _try(
    model: onnx.ModelProto, changed: onnx.ModelProto, folder: Path | None
) -> tuple[list[int | str], int]:
    """Runs both models on noise. Returns shape (a dynamic height or width as a name) and element type of the
    features."""
    old, new = (_session(each, folder) for each in (model, changed))
    (source, *more) = new.get_inputs()
    if more or len(source.shape) != _MAP_RANK or source.type not in _NUMPY:
        raise ExportError("the model does not take one image")
    channels_last = source.shape[3] == 3
    usual = [1, _USUAL_SIZE, _USUAL_SIZE, 3] if channels_last else [1, 3, _USUAL_SIZE, _USUAL_SIZE]
    size = [side if isinstance(side, int) else default for side, default in zip(source.shape, usual)]
    pixels = np.random.default_rng(0).uniform(0, 1, size).astype(_NUMPY[source.type])
    expected = old.run(None, {source.name: pixels})
    *outputs, values = new.run(None, {source.name: pixels})
    for before, after in zip(expected, outputs, strict=True):
        if not np.allclose(before, after, rtol=1e-3, atol=1e-4):
            raise ExportError("with the new output ONNX Runtime answers other logits")
    if values.ndim not in (_VECTOR_RANK, _MAP_RANK) or values.size == 0 or not np.isfinite(values).all():
        raise ExportError(f"the layer before the classifier has shape {list(values.shape)}, or is not finite")
    described = new.get_outputs()[-1].shape
    free = ("batch", "channels", "height", "width")
    shape = [
        side if index < 2 or isinstance(known, int) else f"features_{name}"
        for index, (side, known, name) in enumerate(zip(values.shape, described, free))
    ]
    return shape, helper.np_dtype_to_tensor_dtype(values.dtype)


def _session(model: onnx.ModelProto, folder: Path | None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if folder is not None:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(folder)
        )
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime has an exception for each of its codes.
        raise ExportError(f"ONNX Runtime does not load the model: {error}") from None


def _set_hash(card: Path, sha256: str) -> None:
    """Sets the hash in a card that has one."""
    if card.exists():
        text = card.read_text(encoding="utf-8", errors="surrogateescape")
        changed = _STATED_SHA256.sub(rf"\g<1>{sha256}", text)
        if changed != text:
            card.write_text(changed, encoding="utf-8", errors="surrogateescape")

