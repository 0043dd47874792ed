"""The Python peer under Lambda: a typical function for the same model, with Pillow and ONNX Runtime.

It takes events of API Gateway's HTTP API, payload format 2.0: `python -m awslambdaric python_handler.handler`.
"""

import base64
import io
import json
import os
import pathlib
import time

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

MODEL_DIR = pathlib.Path(os.environ.get("MODEL_DIR", pathlib.Path(__file__).resolve().parents[1] / "model"))
# Pillow can decode a JPEG at a half, a quarter or an eighth of its size. That is faster but gives other pixels, and few
# people know it. `make bench` shows both.
DRAFT = os.environ.get("DRAFT") == "1"

# ONNX Runtime's default threads: one per processor, bound to it, spinning while it waits for work. Setting the same
# number explicitly would unbind them, and is no faster.
session = onnxruntime.InferenceSession(MODEL_DIR / "model.onnx", providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name
labels = list(json.loads((MODEL_DIR / "config.json").read_text())["id2label"].values())


def preprocess(image: bytes) -> np.ndarray:
    """The bytes of a picture → `[1, 3, 224, 224]`: short side to 256, bicubic, then the central 224 x 224."""
    picture = Image.open(io.BytesIO(image))
    if DRAFT:
        picture.draft("RGB", (512, 512))
    # Converts in place, and only if needed. This saves two copies of 12 megapixels.
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    width, height = picture.size
    scale = 256 / min(width, height)
    picture = picture.resize((int(width * scale), int(height * scale)), Image.Resampling.BICUBIC)
    left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
    pixels = np.asarray(picture.crop((left, top, left + 224, top + 224)), dtype=np.float32)
    return ((pixels - 127) / 128).transpose(2, 0, 1)[np.newaxis]


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def handler(event: dict, _context: object) -> dict:
    body = base64.b64decode(event["body"]) if event.get("isBase64Encoded") else event["body"].encode()
    tensor = preprocess(body)
    start = time.perf_counter()
    logits = session.run(None, {input_name: tensor})[0][0]
    inference = time.perf_counter() - start
    scores = softmax(logits)
    best = np.argsort(scores)[::-1][:3]
    predictions = [{"label": labels[index], "score": float(scores[index]), "class_id": int(index)} for index in best]
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"predictions": predictions, "timing_ms": {"inference": inference * 1e3}}),
    }
