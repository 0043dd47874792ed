"""The model card, README.md of a bundle."""

from __future__ import annotations

from .compare import TOLERANCE
from .photos import Accuracy
from .recipes import Recipe


def write_card(
    recipe: Recipe, model_sha256: str, parameters: int, accuracy: Accuracy | None
) -> str:
    """Markdown with YAML front matter; the Rust program reads `model_name`,
    `license`, `source` and `model_sha256` from the latter.

    The same arguments give the same text, so that a card can be checked by making it again.
    """
    size = recipe.preprocessing.crop
    return f"""\
---
model_name: {recipe.name}
license: {recipe.licence}
source: "{_short(recipe.source)}"
library_name: onnx
pipeline_tag: image-classification
datasets:
  - imagenet-1k
tags:
  - image-classification
  - onnx
  - {recipe.name}
model_sha256: {model_sha256}
---

# {recipe.title}

{recipe.description}.

| | |
|---|---|
| source | {recipe.source} |
| licence | {recipe.licence}, copyright {recipe.copyright} |
| weights | `{recipe.weights.name}`, sha256 `{recipe.weights_sha256}` |
| parameters | {parameters:,} |
| input | `pixel_values`, f32 `[batch, 3, {size}, {size}]`, RGB, batch free |
| output | `logits`, f32 `[batch, 1000]`; classes in `labels.tsv` and `config.json` |
| preprocessing | `preprocessor_config.json`; {_preprocessing(recipe)} |
| published accuracy | {recipe.published_top1} % top-1 on ImageNet-1k's validation set |
{_measured(accuracy)}
## How it was made

    {_command(recipe, accuracy)}

in `tools/`, after `tools/README.md`. BatchNorm is folded into the convolutions (in double
precision) and TensorFlow's "SAME" padding is written out, so the graph has only Conv, Clip, Add,
GlobalAveragePool, Flatten and Gemm. On seeded noise{_and_photos(accuracy)} no logit differs from
PyTorch's by more than {TOLERANCE:g}. The same weights give the same bytes.

## Limits

It knows the 1000 classes of ImageNet and always answers with some of them: a picture of anything
else gets a wrong label, at times with a high score. 398 of them are animals, 118 of these breeds
of dog; there is no class "person". Do not base decisions about people on it.
"""


def _short(source: str) -> str:
    """The first clause as plain text: front matter is no Markdown."""
    return source.split(",")[0].replace("`", "")


def _preprocessing(recipe: Recipe) -> str:
    steps = recipe.preprocessing
    return (
        f"short side to {steps.shortest_edge} with antialiased bicubic, the long side cut off to "
        f"whole pixels; centre crop {steps.crop}, its offset rounded half to even"
    )


def _measured(accuracy: Accuracy | None) -> str:
    """Table rows; nothing when there were no photos with a known class or prediction."""
    rows = ""
    if accuracy and accuracy.labelled:
        top1, top5 = (
            f"{count} of {accuracy.labelled} ({100 * count / accuracy.labelled:.1f} %)"
            for count in (accuracy.top1, accuracy.top5)
        )
        rows += f"| measured accuracy | top-1 {top1}, top-5 {top5} photos; they check the "
        rows += "conversion and are too few, and perhaps too easy, for a benchmark |\n"
    if accuracy and accuracy.referenced:
        rows += f"| same top-1 as stored PyTorch predictions | {accuracy.agreeing} of "
        rows += f"{accuracy.referenced} photos |\n"
    return rows


def _command(recipe: Recipe, accuracy: Accuracy | None) -> str:
    photos = " --photos PHOTOS" if accuracy else ""
    return f"python -m ic_tools export {recipe.name} --out DIR{photos}"


def _and_photos(accuracy: Accuracy | None) -> str:
    return f" and {accuracy.photos} photos" if accuracy else ""
