"""An export, from published weights to a checked bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from .bundle import sha256, split, write_bundle
from .card import write_card
from .compare import Comparison
from .errors import ExportError
from .features import add_features
from .photos import Accuracy, measure
from .recipe import Recipe


_FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures"
_EXAMPLES = ("coffee.png", "camera.png", "chelsea.png", "rocket.jpg", "flower.jpg", "china.jpg")

# If the logits of one image are closer together than this, they could agree by chance.
_MEANINGFUL = 1e-2


def export(recipe: Recipe, out: Path, photos: Path | None) -> Comparison:
    """Builds, compares and measures the model, and only then writes it: a failing model leaves no bundle.

    Prints the results, and returns the comparison. Raises `ExportError`.
    """
    weights = recipe.load()
    built = recipe.build(weights.state)
    features = _add_features(built)
    model = built.SerializeToString(deterministic=True)
    files = split(model)
    model_sha256 = sha256(files)
    print(f"{recipe.name}: {sum(map(len, files.values()))} bytes, sha256 {model_sha256}")
    comparison = Comparison(model, recipe.reference(weights.state), recipe.preprocessing.crop)
    accuracy = _check(recipe, comparison, photos)
    card = write_card(recipe, weights, model_sha256, accuracy, features)
    write_bundle(out, recipe, files, card)
    print(f"wrote {out}")
    return comparison


def _add_features(model: onnx.ModelProto) -> str | None:
    """Adds the output `features` and describes it; `None` if the layer before the classifier is not found."""
    try:
        features = add_features(model)
    except ExportError as error:
        print(f"no features: {error}")
        return None
    print(f"features: {features}")
    return features


def _check(recipe: Recipe, comparison: Comparison, photos: Path | None) -> Accuracy | None:
    """Compares the model with PyTorch, and measures its accuracy on the photos."""
    comparison.run_random()
    print(f"max |Δlogit| on random input: {comparison.worst:.3g}")
    if comparison.spread < _MEANINGFUL:
        print(f"the logits differ by {comparison.spread:.2g} at most: that they agree says little")
    if photos is None:
        _check_examples(recipe, comparison)
        return None

    def classify(image: Image.Image) -> np.ndarray:
        return comparison.run(recipe.preprocessing.apply(image)[None])[0]

    accuracy = measure(photos, recipe.labels, classify)
    print(f"max |Δlogit| with {accuracy.photos} photos: {comparison.worst:.3g}")
    if accuracy.labelled:
        counts = f"top-1 {accuracy.top1}, top-5 {accuracy.top5}"
        print(f"{counts} of {accuracy.labelled} labelled photos")
    if accuracy.referenced:
        print(
            f"same top-1 as the stored predictions: {accuracy.agreeing} of {accuracy.referenced}, "
            f"max |Δprobability| {accuracy.worst_probability:.3g}"
        )
    return accuracy


def _check_examples(recipe: Recipe, comparison: Comparison) -> None:
    """Compares the fixture photos, if the tools are in the repository."""
    photos = [path for path in map(_FIXTURES.joinpath, _EXAMPLES) if path.exists()]
    for photo in photos:
        with Image.open(photo) as image:
            comparison.run(recipe.preprocessing.apply(image)[None])
    print(f"max |Δlogit| with {len(photos)} example photos: {comparison.worst:.3g}")
