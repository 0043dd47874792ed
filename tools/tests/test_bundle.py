import hashlib
import json
import re

import pytest
from PIL import Image

from ic_tools.cli import main
from ic_tools.labels import imagenet_labels


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The bundle that the command makes, with one photo without a known class."""
    photos = tmp_path_factory.mktemp("photos")
    Image.new("L", (300, 260), 119).save(photos / "grey.png")
    out = tmp_path_factory.mktemp("bundle")
    assert main(["export", "efficientnet-lite0", "--out", str(out), "--photos", str(photos)]) == 0
    return out


def read_json(path):
    return json.loads(path.read_text())


def test_bundle_is_complete(bundle):
    assert {path.name for path in bundle.iterdir()} == {
        "model.onnx", "model.onnx_data", "config.json", "preprocessor_config.json", "labels.tsv", "README.md"
    }


def test_config_labels_are_those_of_the_table_and_unique(bundle):
    config = read_json(bundle / "config.json")
    header, *rows = (line.split("\t") for line in (bundle / "labels.tsv").read_text().splitlines())
    assert header == ["class_id", "wnid", "en", "zh", "parents", "parents_zh"]
    assert [int(row[0]) for row in rows] == list(range(1000))
    assert config["id2label"] == {class_id: en for class_id, _, en, *_ in rows}
    assert config["label2id"] == {en: int(class_id) for class_id, _, en, *_ in rows}
    assert config["num_labels"] == len(config["label2id"]) == 1000


def test_preprocessing_is_written_in_the_words_of_hugging_face(bundle):
    assert read_json(bundle / "preprocessor_config.json") == {
        "do_resize": True,
        "size": {"shortest_edge": 256},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [127 / 255] * 3,
        "image_std": [128 / 255] * 3,
    }


def test_card_names_the_hash_of_the_model_once_in_its_front_matter(bundle):
    front_matter = (bundle / "README.md").read_text().split("---\n")[1]
    model = [(bundle / name).read_bytes() for name in ("model.onnx", "model.onnx_data")]
    actual = hashlib.sha256(b"".join(model)).hexdigest()
    assert re.findall(r"^model_sha256: ([0-9a-f]{64})$", front_matter, re.MULTILINE) == [actual]


def test_card_claims_no_accuracy_that_was_not_measured(bundle):
    assert "measured accuracy" not in (bundle / "README.md").read_text()


def test_labels_follow_the_order_of_imagenet():
    labels = imagenet_labels()
    assert labels[0] == ("n01440764", "tench", "丁桂鱼", "fish|animal", "鱼|动物")
    assert labels[967][:3] == ("n07920052", "espresso", "浓缩咖啡")
    assert [label.wnid for label in labels] == sorted(label.wnid for label in labels)


def test_failed_export_says_why_and_leaves_no_bundle(tmp_path, capsys):
    out = tmp_path / "bundle"
    missing = tmp_path / "missing"
    status = main(["export", "efficientnet-lite0", "--out", str(out), "--photos", str(missing)])
    assert status == 1
    assert str(missing) in capsys.readouterr().err
    assert not out.exists()
