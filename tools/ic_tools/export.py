"""One export, from published weights to a checked bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from .bundle import write_bundle
from .card import write_card
from .compare import Comparison
from .photos import Accuracy, measure
from .recipe import Recipe
from .weights import StateDict


def export(recipe: Recipe, out: Path, photos: Path | None) -> None:
    """Build, compare, measure, and only then write: a model that fails leaves no bundle.

    Prints what was found. Raises `ExportError`.
    """
    weights = recipe.load()
    model = recipe.build(weights.state).SerializeToString(deterministic=True)
    model_sha256 = hashlib.sha256(model).hexdigest()
    print(f"{recipe.name}: {len(model)} bytes, sha256 {model_sha256}")
    accuracy = _check(recipe, weights.state, model, photos)
    card = write_card(recipe, weights, model_sha256, accuracy)
    write_bundle(out, recipe, model, card)
    print(f"wrote {out}")


def _check(
    recipe: Recipe, state: StateDict, model: bytes, photos: Path | None
) -> Accuracy | None:
    """Hold the model against PyTorch, and count how often it is right about `photos`."""
    comparison = Comparison(model, recipe.reference(state), recipe.preprocessing.crop)
    comparison.run_random()
    print(f"max |Δlogit| on random input: {comparison.worst:.3g}")
    if photos is None:
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
