#!/usr/bin/env python3
"""Writes tests/fixtures/models: tiny bundles of every kind of model that the program accepts, and of some it refuses.

Needs onnx, ONNX Runtime and NumPy, which the environment of `ic_tools` has. Each model averages the picture and
multiplies the three means by a matrix, so a picture of one colour determines the output. `expected.json` has the scores
that ONNX Runtime and NumPy compute for it.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import tiny_quantized

OUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
COLOR = (200, 30, 90)
SIDE = 8
F32, F16, F64, U8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.UINT8


def model(
    classes=3, element=F32, layout="NCHW", batch="batch", size=(SIDE, SIDE), end=(), inputs=1, gain=6.0,
    features=None,
):
    """`end` are nodes between `logits` and `output`; without any, the output is the logits. `features` is the shape of
    a second output, without the batch: the doubled picture [3, SIDE, SIDE], or its means [3]."""
    height, width = size
    shape = [batch, 3, height, width] if layout == "NCHW" else [batch, height, width, 3]
    real = F32 if element == U8 else element
    numpy_type = {F16: np.float16, F64: np.float64}.get(element, np.float32)
    random = np.random.default_rng(classes)
    weights = random.uniform(-gain, gain, (3, classes)).astype(numpy_type)
    bias = random.uniform(-1, 1, classes).astype(numpy_type)
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    nodes, pixels = [], "image"
    if element == U8:
        nodes += [
            helper.make_node("Cast", ["image"], ["float"], to=F32),
            helper.make_node("Div", ["float", "white"], ["scaled"]),
        ]
        pixels = "scaled"
    last = "logits" if end else "output"
    means = "means"
    if features == [3]:
        means = "features"
    elif features:
        nodes.append(helper.make_node("Add", [pixels, pixels], ["features"]))
        pixels = "features"
    nodes += [
        helper.make_node("ReduceMean", [pixels], [means], axes=axes, keepdims=0),
        helper.make_node("Gemm", [means, "weights", "bias"], [last]),
        *end,
    ]
    constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(bias, "bias")]
    if element == U8:
        constants.append(numpy_helper.from_array(np.float32(255), "white"))
    for name, value in (("less", 0.9), ("near", 0.995), ("more", 1.001), ("zero", 0.0)):
        if any(name in node.input for node in nodes):
            constants.append(numpy_helper.from_array(np.array(value, numpy_type), name))
    images = [helper.make_tensor_value_info("image", element, shape)]
    if inputs == 2:
        images.append(helper.make_tensor_value_info("mask", real, [1]))
    kind = TensorProto.INT64 if end and end[-1].op_type == "ArgMax" else real
    answer = [batch] if kind == TensorProto.INT64 else [batch, classes]
    outputs = [helper.make_tensor_value_info("output", kind, answer)]
    if features:
        # This output comes first, to show that the logits are found by name, or as the other output.
        outputs.insert(0, helper.make_tensor_value_info("features", real, [batch, *features]))
    graph = helper.make_graph(nodes, "tiny", images, outputs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def node(kind, *inputs, output="output", **attributes):
    return helper.make_node(kind, list(inputs), [output], **attributes)


SOFTMAX = (node("Softmax", "logits", axis=-1),)
SIGMOID = (node("Sigmoid", "logits"),)
LESS = (node("Softmax", "logits", output="p", axis=-1), node("Mul", "p", "less"))
NEAR = (node("Softmax", "logits", output="p", axis=-1), node("Mul", "p", "near"))
MORE = (node("Softmax", "logits", output="p", axis=-1), node("Mul", "p", "more"))
NAN = (node("Sub", "logits", "logits", output="z"), node("Div", "z", "zero"))
BEST = (node("ArgMax", "logits", axis=-1, keepdims=0),)
MULTI = {"problem_type": "multi_label_classification"}
BYTES = {"do_rescale": False}
PROBABILITIES = {"graph_output": "probabilities"}

# Name: the model, keys of config.json besides the labels, keys of preprocessor_config.json besides the size.
TAKEN = {
    "nchw-f32": (model(), {}, {}),
    "fixed-batch": (model(batch=1), {}, {}),
    "nhwc": (model(layout="NHWC"), {}, {}),
    "f16": (model(element=F16), {}, {}),
    "u8": (model(element=U8), {}, BYTES),
    "u8-nhwc": (model(element=U8, layout="NHWC"), {}, BYTES),
    "free-size": (model(size=("height", "width")), {}, {}),
    "oblong": (model(size=(6, 10)), {}, {"size": {"height": 6, "width": 10}}),
    "probabilities": (model(end=SOFTMAX), {}, {}),
    "probabilities-f16": (model(element=F16, end=SOFTMAX), {}, {}),
    "declared-probabilities": (model(end=SOFTMAX), PROBABILITIES, {}),
    "declared-logits": (model(end=SOFTMAX), {"graph_output": "logits"}, {}),
    "multi-label": (model(), MULTI, {}),
    "multi-label-sigmoid": (model(end=SIGMOID), MULTI | PROBABILITIES, {}),
    "two-classes": (model(classes=2), {}, {}),
    "declared-sum-near": (model(end=NEAR), PROBABILITIES, {}),
    "one-class": (model(classes=1), {}, {}),
    "1000-classes": (model(classes=1000), {}, {}),
    "1001-classes": (model(classes=1001), {}, {}),
    "external-data": (model(classes=5), {}, {}),
    "onnx-folder": (model(), {}, {}),
    "int8": (tiny_quantized.int8(), {}, {}),
    "uint8": (tiny_quantized.uint8(), {}, {}),
    "q4": (tiny_quantized.q4(), {}, {}),
    "q4f16": (tiny_quantized.q4(F16), {}, {}),
    "bnb4": (tiny_quantized.bnb4(), {}, {}),
    "features-map": (model(features=[3, SIDE, SIDE]), {}, {}),
    "features-map-f16": (model(features=[3, SIDE, SIDE], element=F16), {}, {}),
    "features-vector": (model(features=[3], batch=1), {}, {}),
}
REFUSED = {
    "nan": (model(end=NAN), {}, {}),
    "sum-off": (model(end=MORE), {}, {}),
    "sigmoid": (model(end=SIGMOID), {}, {}),
    "multi-label-undeclared": (model(end=SIGMOID), MULTI, {}),
    "declared-sum-off": (model(end=LESS), PROBABILITIES, {}),
    "declared-not-within": (model(), PROBABILITIES, {}),
    "f64": (model(element=F64), {}, {}),
    "two-inputs": (model(inputs=2), {}, {}),
    "batch-of-two": (model(batch=2), {}, {}),
    "other-size": (model(), {}, {"size": {"height": 9, "width": 9}}),
    "u8-rescaled": (model(element=U8), {}, {}),
    "argmax": (model(end=BEST), {}, {}),
    "regression": (model(), {"problem_type": "regression"}, {}),
    "unlabelled": (model(classes=4), {"id2label": {"0": "class 0", "1": "class 1", "2": "class 2"}}, {}),
    "external-data-missing": (model(classes=5), {}, {}),
    "unknown-operator": (tiny_quantized.unknown_operator(), {}, {}),
    "future-opset": (tiny_quantized.future_opset(), {}, {}),
}


def write(name, made, config, preprocessing):
    folder = OUT / name
    folder.mkdir(parents=True)
    path = folder / ("onnx/model.onnx" if name == "onnx-folder" else "model.onnx")
    path.parent.mkdir(exist_ok=True)
    if name.startswith("external-data"):
        onnx.save(made, path, save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    else:
        onnx.save(made, path)
    classes = made.graph.output[-1].type.tensor_type.shape.dim[-1].dim_value or 3
    labels = {"id2label": {str(number): f"class {number}" for number in range(classes)}}
    text(folder / "config.json", labels | config)
    plain = {"size": {"height": SIDE, "width": SIDE}, "do_normalize": False}
    text(folder / "preprocessor_config.json", plain | preprocessing)
    return path, plain | preprocessing


def text(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def expected(name, path, made, config, preprocessing):
    session = onnxruntime.InferenceSession(path)
    element = made.graph.input[0].type.tensor_type.elem_type
    size = preprocessing["size"]
    pixels = np.empty((1, 3, size["height"], size["width"]), np.float32)
    pixels[:] = np.array(COLOR, np.float32)[None, :, None, None]
    if preprocessing.get("do_rescale", True):
        pixels /= 255
    if "nhwc" in name:
        pixels = pixels.transpose(0, 2, 3, 1)
    pixels = pixels.astype({F32: np.float32, F16: np.float16, U8: np.uint8}[element])
    # Models with a feature map name the other output `logits`, and so do quantised models.
    outputs = {output.name for output in made.graph.output}
    (output,) = session.run(["logits" if "logits" in outputs else "output"], {made.graph.input[0].name: pixels})
    output = output[0].astype(np.float64)
    ends = made.graph.node[-1].op_type in {"Softmax", "Sigmoid"} or config == PROBABILITIES
    if not ends or config.get("graph_output") == "logits":
        if config.get("problem_type") or len(output) == 1:
            output = 1 / (1 + np.exp(-output))
        else:
            output = np.exp(output - output.max())
            output /= output.sum()
    return [round(float(score), 6) for score in output]


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    scores = {}
    for name, (made, config, preprocessing) in TAKEN.items():
        path, whole = write(name, made, config, preprocessing)
        scores[name] = expected(name, path, made, config, whole)
    for name, parts in REFUSED.items():
        write(name, *parts)
    (OUT / "external-data-missing" / "model.onnx_data").unlink()
    (OUT / "expected.json").write_text(json.dumps({"color": COLOR, "scores": scores}) + "\n")
    (OUT / "README.md").write_text(
        "# Model bundles\n\nTiny ones of every shape, written by `tools/make_models.py`. Own work, CC0.\n"
    )
    size = sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file())
    print(f"{len(TAKEN)} bundles that are taken, {len(REFUSED)} that are refused, {size} bytes")
