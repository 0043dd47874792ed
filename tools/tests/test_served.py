"""From a checkpoint to the server's scores, compared with PyTorch and Pillow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import InferenceClient
from PIL import Image
from torchvision import models, transforms

TOOLS = Path(__file__).resolve().parents[1]
REPOSITORY = TOOLS.parent
BINARY = REPOSITORY / "target" / "debug" / "image-classifier"
IMAGENET = REPOSITORY / "model" / "labels.tsv"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five photos from `PHOTOS`, or five generated pictures if it names no folder."""
    if folder := os.environ.get("PHOTOS"):
        return sorted(
            path
            for path in Path(folder).rglob("*")
            if path.suffix.lower() in {".jpg", ".jpeg", ".png"}
        )[:5]
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(3)
    paths = []
    for number, (width, height) in enumerate(
        [(500, 375), (375, 500), (300, 300), (640, 427), (250, 180)]
    ):
        coarse = random.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        paths.append(folder / f"{number}.png")
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


def random_resnet18(classes: int) -> torch.nn.Module:
    """Seeded weights, with a last layer steep enough that the scores of the classes differ."""
    torch.manual_seed(classes)
    model = models.resnet18(weights=None, num_classes=classes)
    with torch.no_grad():
        model.fc.weight *= 2
    return model.eval()


def pytorch_scores(model: torch.nn.Module, photo: Path) -> np.ndarray:
    apply = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    with torch.no_grad():
        logits = model(apply(Image.open(photo).convert("RGB"))[None])[0]
    return torch.softmax(logits, 0).numpy()


@contextmanager
def served(bundle: Path) -> Iterator[str]:
    assert BINARY.exists(), "the program is not built; `make test-tools` builds it"
    variables = os.environ | {"MODEL_DIR": str(bundle), "PORT": "0"}
    with subprocess.Popen(
        [BINARY, "serve"], cwd=REPOSITORY, env=variables, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield server.stdout.readline().split()[1].rstrip(".")
        finally:
            server.terminate()


def post(url: str, body: bytes) -> dict:
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
        return json.load(answer)


@pytest.mark.parametrize("classes", [1000, 5])
def test_the_servers_top_5_are_those_of_pytorch_and_pillow(classes, photos, tmp_path):
    model = random_resnet18(classes)
    checkpoint, bundle = tmp_path / "my.pth", tmp_path / "bundle"
    state = model.state_dict()
    # As a training script with DataParallel saves it.
    torch.save(
        state
        if classes == 1000
        else {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        checkpoint,
    )
    labels = IMAGENET
    if classes == 5:
        labels = tmp_path / "labels.txt"
        labels.write_text("tulip\nrose\ndaisy\nsunflower\ndandelion\n")
    command = [
        "export",
        "--checkpoint",
        checkpoint,
        "--arch",
        "resnet18",
        "--labels",
        labels,
        "--out",
        bundle,
    ]
    subprocess.run([sys.executable, "-m", "ic_tools", *command], cwd=TOOLS, check=True)
    subprocess.run(
        [sys.executable, "-m", "ic_tools", "verify", bundle, photos[0]], cwd=TOOLS, check=True
    )

    worst = 0.0
    with served(bundle) as server:
        info = json.load(urllib.request.urlopen(f"{server}/info", timeout=30))
        for photo in photos:
            answer = post(f"{server}/classify?top_k=5", photo.read_bytes())
            scores = pytorch_scores(model, photo)
            best = np.argsort(-scores, kind="stable")[:5]
            found = {one["class_id"]: one["score"] for one in answer["predictions"]}
            assert len(found) == 5
            for class_id, score in found.items():
                worst = max(worst, abs(score - float(scores[class_id])))
            assert answer["predictions"][0]["class_id"] == best[0], photo
            if classes == 5:
                assert {one["label"] for one in answer["predictions"]} == set(
                    labels.read_text().split()
                )
            assert answer["model"]["sha256"] == info["model"]["sha256"]
            print(f"{photo.name}: best score {scores.max():.3f}")
    print(f"{classes} classes: max |Δscore| {worst:.2g}")
    assert worst <= 1e-3


def test_the_client_of_the_hugging_face_hub_gets_its_labels():
    """The example of docs/api.md, and parameters of the same interface."""
    text = (REPOSITORY / "docs" / "api.md").read_text()
    recipe = text.split("```py\n")[1].split("```")[0]
    with served(REPOSITORY / "model") as server:
        script = recipe.replace("http://127.0.0.1:5000", server)
        run = subprocess.run(
            [sys.executable, "-"], input=script, cwd=REPOSITORY, capture_output=True, text=True
        )
        assert [line.split()[0] for line in run.stdout.splitlines()] == ["espresso", "cup"], run
        client = InferenceClient(model=f"{server}/predict")
        photo = str(REPOSITORY / "tests" / "fixtures" / "coffee.png")
        (logit,) = client.image_classification(photo, top_k=1, function_to_apply="none")
        assert logit.label == "espresso" and logit.score > 1
