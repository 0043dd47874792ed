import json

import numpy as np
import pytest
from PIL import Image

from ic_tools.errors import ExportError
from ic_tools.labels import imagenet_labels
from ic_tools.photos import measure, softmax
from ic_tools.preprocess import Preprocessing

# Leaves pixel values unchanged.
PLAIN = Preprocessing(shortest_edge=256, crop=224, mean=(0, 0, 0), std=(1 / 255,) * 3)


def columns(width, height):
    """Grey that increases by one per column, from 0."""
    row = np.arange(width, dtype=np.uint16) % 256
    return Image.fromarray(np.tile(row.astype(np.uint8), (height, 1)))


@pytest.mark.parametrize(
    ("width", "first"),
    [(256, 16), (259, 18), (261, 18), (263, 20)],  # 17.5, 18.5 and 19.5 go to the even number
)
def test_crop_offset_is_rounded_half_to_even(width, first):
    pixels = PLAIN.apply(columns(width, 256))
    assert pixels.shape == (3, 224, 224)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels[:, 100, 0], first, atol=1e-3)


def test_long_side_is_cut_off_to_whole_pixels():
    # 300 x 351 becomes 256 x 299.52.
    picture = columns(351, 300).transpose(Image.Transpose.TRANSPOSE)
    expected = picture.resize((256, 299), Image.Resampling.BICUBIC).crop((16, 38, 240, 262))
    np.testing.assert_allclose(PLAIN.apply(picture)[0], np.asarray(expected), atol=1e-3)


def test_photo_on_its_side_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    columns(256, 256).save(tmp_path / "side.png", exif=exif)
    with Image.open(tmp_path / "side.png") as picture:
        pixels = PLAIN.apply(picture)
    np.testing.assert_allclose(pixels[0, :, 0], np.arange(16, 240), atol=1e-3)


def test_accuracy_counts_labelled_and_referenced_photos(tmp_path):
    labels = imagenet_labels()
    names = [f"{labels[0].wnid}_a.png", f"{labels[3].wnid}_b.png", f"{labels[9].wnid}_c.png"]
    for name in [*names, "unlabelled.png"]:
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    logits = np.float32([5, 4, 3, 2, 1, 0, 0, 0, 0, 0])  # classes 0, 3 and 9 at ranks 1, 4, 10
    score = float(softmax(logits)[0])
    stored = {names[0]: {"top5": [[0, score - 0.25]]}, names[1]: {"top5": [[3, score]]}}
    (tmp_path / "reference.json").write_text(json.dumps(stored))

    accuracy = measure(tmp_path, labels, lambda _: logits)
    assert (accuracy.photos, accuracy.labelled) == (4, 3)
    assert (accuracy.top1, accuracy.top5) == (1, 2)
    assert (accuracy.referenced, accuracy.agreeing) == (2, 1)


def test_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(ExportError, match="no photos"):
        measure(tmp_path, imagenet_labels(), lambda _: np.zeros(1000))


def test_softmax_does_not_overflow():
    np.testing.assert_allclose(softmax(np.float32([900, 900])), [0.5, 0.5])
