"""The model card, README.md of a bundle."""

from __future__ import annotations

import json
import re

from .compare import TOLERANCE
from .photos import Accuracy
from .recipe import Recipe
from .weights import Weights, count_parameters

_IMAGENET_LIMITS = """\
It knows the 1000 classes of ImageNet and always answers with some of them: a picture of anything
else gets a wrong label, at times with a high score. 398 of them are animals, 118 of these breeds
of dog; there is no class "person". Do not base decisions about people on it.
"""

_LIMITS = """\
It always answers with some of its classes: a picture of anything else gets a wrong label, at
times with a high score.
"""

# Names that YAML accepts as an unquoted string, among those used here.
_PLAIN = re.compile(r"[A-Za-z][\w.-]*")


def write_card(
    recipe: Recipe,
    weights: Weights,
    model_sha256: str,
    accuracy: Accuracy | None,
    features: str | None = None,
) -> str:
    """Returns Markdown with YAML front matter. The Rust program reads `model_name`, `license`, `source` and
    `model_sha256` from the front matter.

    `features` describes the second output, if there is one. The same arguments give the same text, so a card can be
    verified by making it again.
    """
    size = recipe.preprocessing.crop
    classes = len(recipe.labels)
    datasets = "datasets:\n  - imagenet-1k\n" if recipe.knows_imagenet else ""
    return f"""\
---
model_name: {_scalar(recipe.name)}
license: {_scalar(recipe.licence)}
source: "{_short(recipe.source)}"
library_name: onnx
pipeline_tag: image-classification
{datasets}tags:
  - image-classification
  - onnx
  - {_scalar(recipe.name)}
precision: float32
model_sha256: {model_sha256}
---

# {recipe.title}

{recipe.description}.

| | |
|---|---|
| source | {recipe.source} |
| licence | {_licence(recipe)} |
| weights | `{weights.file_name}`, sha256 `{weights.sha256}` |
| parameters | {count_parameters(weights.state):,} |
| input | `pixel_values`, f32 `[batch, 3, {size}, {size}]`, RGB, batch free |
| output | `logits`, f32 `[batch, {classes}]`; classes in `labels.tsv` and `config.json` |
{_features(features)}| preprocessing | `preprocessor_config.json`; {_preprocessing(recipe)} |
{_published(recipe)}{_measured(accuracy)}
## How it was made

    python -m ic_tools {recipe.command} --out DIR{" --photos PHOTOS" if accuracy else ""}

in `tools/`; `tools/README.md` says how to install what it needs. {recipe.making} {_compared(accuracy)}
PyTorch's by more than {TOLERANCE:g}. The same weights give the same bytes.

## Limits

{_IMAGENET_LIMITS if recipe.knows_imagenet else _LIMITS}"""


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _short(source: str) -> str:
    """Returns the first clause as plain text, because front matter is not Markdown."""
    return source.split(",")[0].replace("`", "").replace('"', "'")


def _licence(recipe: Recipe) -> str:
    return recipe.licence + (f", {recipe.licence_note}" if recipe.licence_note else "")


def _preprocessing(recipe: Recipe) -> str:
    steps = recipe.preprocessing
    return (
        f"short side to {steps.shortest_edge} with antialiased {steps.resample.name.lower()}, the "
        f"long side cut off to whole pixels; centre crop {steps.crop}, its offset rounded half to "
        "even"
    )


def _features(features: str | None) -> str:
    return f"| features | `features`, {features} |\n" if features else ""


def _published(recipe: Recipe) -> str:
    if recipe.published_top1 is None:
        return ""
    accuracy = f"{recipe.published_top1:.1f} % top-1 on ImageNet-1k's validation set"
    return f"| published accuracy | {accuracy} |\n"


def _measured(accuracy: Accuracy | None) -> str:
    """Returns table rows; nothing if no photo has a known class or prediction."""
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


def _compared(accuracy: Accuracy | None) -> str:
    photos = f" and {accuracy.photos} photos" if accuracy else ""
    return f"On seeded noise{photos} no logit differs from"
