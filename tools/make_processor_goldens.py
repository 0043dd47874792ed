#!/usr/bin/env python3
"""Writes tests/fixtures/processors: outputs of Hugging Face's image processors for two small pictures.

Needs transformers, Pillow before 13 and NumPy in a separate environment; tools/README.md says how. (Pillow 13 scales
tall pictures vertically first, which rounds differently from the Pillow that these models were trained with.) Each
variant is a folder with the `preprocessor_config.json` that the processor itself writes, or the text of an old one, and
the tensors that the processor, loaded from that file, makes of `wide.png` and `tall.png`. Sizes are small to keep the
files small. No rule depends on them, except ConvNeXT's at 384 pixels.
"""

import json
from pathlib import Path

import numpy as np
import PIL
import transformers
from PIL import Image
from transformers import AutoImageProcessor

OUT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "processors"

# Short side 32 of the wide picture gives 50 x 32. Cropped to 27, the offset is 11.5, which distinguishes rounding down
# from rounding to even.
SHORT, CROP = {"shortest_edge": 32}, {"height": 27, "width": 27}
SQUARE, OBLONG = {"height": 20, "width": 20}, {"height": 20, "width": 28}
NEAREST, LANCZOS, BILINEAR, BICUBIC, BOX, HAMMING = range(6)

# The arguments of the processor; all others keep the processor's defaults.
WRITTEN = {
    "beit": ("BeitImageProcessor", {"size": {"height": 32, "width": 32}, "crop_size": CROP}),
    "beit-no-crop": ("BeitImageProcessor", {"size": SQUARE, "crop_size": SQUARE, "do_center_crop": False}),
    "bit": ("BitImageProcessor", {"size": SHORT, "crop_size": CROP}),
    # A crop larger than the picture: 31 x 20 and 20 x 75 are padded by 7 pixels on one axis.
    "bit-padded": ("BitImageProcessor", {"size": {"shortest_edge": 20}, "crop_size": CROP}),
    "bit-unresized": ("BitImageProcessor", {"do_resize": False, "size": SHORT, "crop_size": SQUARE}),
    "clip": ("CLIPImageProcessor", {"size": {"shortest_edge": 20}, "crop_size": SQUARE}),
    "convnext": ("ConvNextImageProcessor", {"size": {"shortest_edge": 27}, "crop_pct": 0.875}),
    "convnext-384": ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}, "crop_pct": 1.0}),
    "deit": ("DeiTImageProcessor", {"size": {"height": 32, "width": 32}, "crop_size": CROP}),
    "efficientnet": ("EfficientNetImageProcessor", {"size": SQUARE}),
    "efficientnet-bicubic-crop": (
        "EfficientNetImageProcessor",
        {"size": {"height": 32, "width": 32}, "crop_size": CROP, "do_center_crop": True, "resample": BICUBIC,
         "include_top": False},
    ),
    "efficientnet-offset": (
        "EfficientNetImageProcessor",
        {"size": SQUARE, "resample": BILINEAR, "rescale_offset": True, "rescale_factor": 1 / 127.5,
         "do_normalize": False, "include_top": True},
    ),
    "levit": ("LevitImageProcessor", {"size": {"shortest_edge": 28}, "crop_size": {"height": 27, "width": 27}}),
    "mobilenet-v1": ("MobileNetV1ImageProcessor", {"size": SHORT, "crop_size": CROP}),
    "mobilenet-v2": ("MobileNetV2ImageProcessor", {"size": SHORT, "crop_size": CROP}),
    "mobilevit": ("MobileViTImageProcessor", {"size": SHORT, "crop_size": CROP}),
    "poolformer": ("PoolFormerImageProcessor", {"size": {"shortest_edge": 27}, "crop_size": CROP, "crop_pct": 0.9}),
    "poolformer-oblong": (
        "PoolFormerImageProcessor", {"size": OBLONG, "crop_size": OBLONG, "crop_pct": 0.95},
    ),
    "poolformer-square": (
        "PoolFormerImageProcessor", {"size": SQUARE, "crop_size": SQUARE, "crop_pct": 0.95},
    ),
    "resnet": (
        "ConvNextImageProcessor",
        {"size": {"shortest_edge": 28}, "crop_pct": 0.875, "resample": BICUBIC,
         "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
    ),
    "siglip": ("SiglipImageProcessor", {"size": SQUARE}),
    "swin": (
        "ViTImageProcessor",
        {"size": SQUARE, "resample": BICUBIC,
         "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
    ),
    "vit": ("ViTImageProcessor", {"size": SQUARE}),
    "vit-box": ("ViTImageProcessor", {"size": SQUARE, "resample": BOX}),
    "vit-hamming": ("ViTImageProcessor", {"size": SQUARE, "resample": HAMMING}),
    "vit-lanczos": ("ViTImageProcessor", {"size": SQUARE, "resample": LANCZOS}),
    "vit-oblong-raw": ("ViTImageProcessor", {"size": OBLONG, "do_rescale": False, "do_normalize": False}),
    "vit-scalar-mean": ("ViTImageProcessor", {"size": SQUARE, "image_mean": 0.25, "image_std": 0.75}),
}

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}

# Files as transformers wrote them before 4.26 (2023), and as later versions write them for a "fast" processor. The
# meaning of a bare number depends on the processor.
OLD = {
    "old-beit": {
        "crop_size": 20, "do_center_crop": False, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "BeitFeatureExtractor", **HALF, "resample": BILINEAR, "size": 20,
    },
    "old-convnext": {
        "crop_pct": 0.875, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "ConvNextFeatureExtractor", **IMAGENET, "resample": BICUBIC, "size": 27,
    },
    "old-deit": {
        "crop_size": 27, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "DeiTFeatureExtractor", **IMAGENET, "resample": BICUBIC, "size": 32,
    },
    "old-levit": {
        "crop_size": 28, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "LevitFeatureExtractor", **IMAGENET, "resample": BICUBIC, "size": 28,
    },
    "old-mobilevit": {
        "crop_size": 27, "do_center_crop": True, "do_flip_channel_order": True, "do_resize": True,
        "feature_extractor_type": "MobileViTFeatureExtractor", "resample": BILINEAR, "size": 32,
    },
    "old-poolformer": {
        "crop_pct": 0.9, "crop_size": 20, "do_normalize": True, "do_resize_and_center_crop": True,
        "feature_extractor_type": "PoolFormerFeatureExtractor", **IMAGENET, "resample": BICUBIC, "size": 20,
    },
    "old-vit": {
        "do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor", **HALF,
        "resample": BILINEAR, "size": 20,
    },
    # No type and no filter: `model_type` in config.json selects the processor.
    "old-vit-untyped": {"do_normalize": True, "do_resize": True, **HALF, "size": 20},
    "fast-vit": {
        "crop_size": None, "data_format": "channels_first", "default_to_square": True, "device": None,
        "do_center_crop": None, "do_convert_rgb": None, "do_normalize": True, "do_rescale": True, "do_resize": True,
        **HALF, "image_processor_type": "ViTImageProcessorFast", "input_data_format": None, "resample": BILINEAR,
        "rescale_factor": 1 / 255, "return_tensors": None, "size": SQUARE,
    },
}
MODEL_TYPES = {"old-vit-untyped": "vit"}

# Of larger tensors, only every n-th row and column is kept, from the first on.
LARGE, STRIDE = 100, 16

README = """# Processors

Tensors that Hugging Face's image processors make of `wide.png` and `tall.png`, and the files they are configured
with; `tools/make_processor_goldens.py` made all of it with transformers {transformers} and Pillow {pillow}
(the processors that resize with Pillow, `use_fast=False`). Own work, CC0; the files whose names start with `old-` and
`fast-` are in the words of earlier and later versions.

`golden.json` names the processor, the tensor's `shape` (channels, height, width) and `stride`: with a stride above 1
only every so many rows and columns are stored, from the first on. `wide.f32` and `tall.f32` are the values, f32,
little-endian, in that order.
"""


def picture(width: int, height: int) -> Image.Image:
    """Draws a gradient per channel, a disc, one-pixel stripes and a black frame, on which all filters differ."""
    y, x = np.mgrid[:height, :width]
    red, green = 255 * x // (width - 1), 255 * y // (height - 1)
    blue = (x * y) % 256
    pixels = np.dstack([red, green, blue])
    disc = (x - width // 3) ** 2 + (y - height // 2) ** 2 < (min(width, height) // 4) ** 2
    pixels[disc] = (250, 240, 20)
    stripes = (x > 2 * width // 3) & (x % 2 == 0)
    pixels[stripes] = 255 - pixels[stripes]
    pixels[[0, -1]] = pixels[:, [0, -1]] = 0
    return Image.fromarray(pixels.astype(np.uint8))


def write_variant(folder: Path, pictures: dict[str, Image.Image]) -> None:
    """Loads the processor from `folder` as a user of transformers would, and writes its goldens there."""
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    stride = 1
    for name, image in pictures.items():
        tensor = np.asarray(processor(image)["pixel_values"][0], dtype="<f4")
        stride = STRIDE if tensor.shape[1] > LARGE else 1
        (folder / f"{name}.f32").write_bytes(tensor[:, ::stride, ::stride].tobytes())
    golden = {"processor": type(processor).__name__, "shape": list(tensor.shape), "stride": stride}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for stale in OUT.rglob("*.*"):
        stale.unlink()
    pictures = {"wide": picture(97, 61), "tall": picture(40, 150)}
    for name, image in pictures.items():
        image.save(OUT / f"{name}.png", optimize=True)
    for name, (processor, options) in WRITTEN.items():
        (OUT / name).mkdir(exist_ok=True)
        getattr(transformers, processor)(**options).to_json_file(OUT / name / "preprocessor_config.json")
    for name, config in OLD.items():
        (OUT / name).mkdir(exist_ok=True)
        (OUT / name / "preprocessor_config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name, model_type in MODEL_TYPES.items():
        (OUT / name / "config.json").write_text(json.dumps({"model_type": model_type}, indent=2) + "\n")
    for name in sorted([*WRITTEN, *OLD]):
        write_variant(OUT / name, pictures)
    versions = {"transformers": transformers.__version__, "pillow": PIL.__version__}
    (OUT / "README.md").write_text(README.format(**versions))
    size = sum(path.stat().st_size for path in OUT.rglob("*.*"))
    print(f"{len(WRITTEN) + len(OLD)} variants, {size} bytes")


if __name__ == "__main__":
    main()
