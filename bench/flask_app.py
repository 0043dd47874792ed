"""The Flask peer: a server with torchvision's ResNet-18, as in tutorials. `POST /predict` takes the form field `image`.

WEIGHTS=resnet18.pth LABELS=labels.tsv gunicorn --workers 2 flask_app:app
"""

import csv
import os

import torch
from flask import Flask, jsonify, request
from PIL import Image
from torchvision import models, transforms

# With two workers on two processors, more threads per worker would only compete for the processors.
torch.set_num_threads(int(os.environ.get("TORCH_THREADS", "1")))

with open(os.environ["LABELS"], encoding="utf-8", newline="") as file:
    labels = [row["en"] for row in csv.DictReader(file, delimiter="\t")]

model = models.resnet18(weights=None)
model.load_state_dict(torch.load(os.environ["WEIGHTS"]))
model.eval()

preprocess = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)

app = Flask(__name__)


@app.post("/predict")
def predict():
    picture = Image.open(request.files["image"].stream).convert("RGB")
    with torch.inference_mode():
        scores = model(preprocess(picture).unsqueeze(0))[0].softmax(dim=0)
    best = scores.topk(3)
    return jsonify(
        [{"label": labels[index], "score": score} for score, index in zip(best.values.tolist(), best.indices.tolist())]
    )
