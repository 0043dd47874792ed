import re
from pathlib import Path

import pytest

from ic_tools.errors import ExportError
from ic_tools.labels import IMAGENET, Label, imagenet_labels, read_labels, write_table

MODEL = Path(__file__).resolve().parents[2] / "model"
# Chinese writes these with Latin letters; all other terms have none.
LATIN = {"CD player": "CD播放器", "iPod": "iPod播放器", "jersey": "T恤", "Model T": "福特T型车"}


@pytest.fixture(scope="module")
def chinese():
    """The Chinese term of each of the thousand classes, by its English name."""
    return {label.en: label.zh for label in imagenet_labels()}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "ant\nbee\n"),
        ("labels.txt", "\ufeffant\r\n bee \r\n\r\n"),
        ("labels.json", '["ant", "bee"]'),
        ("labels.json", '{"1": "bee", "0": "ant"}'),
        ("config.json", '{"model_type": "x", "id2label": {"0": "ant", "1": "bee"}}'),
        ("labels.tsv", "en\tclass_id\nbee\t1\nant\t0\n"),
    ],
)
def test_every_form_of_labels_is_read(tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode())
    assert read_labels(tmp_path / name) == [Label("", "ant"), Label("", "bee")]


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("labels.txt", "ant\n\nbee\n", "class 1 has no label"),
        ("labels.txt", "", "class 0 has no label"),
        ("labels.txt", "ant\nbee\nant\n", "'ant' is the label of classes 0 and 2"),
        ("labels.json", '{"0": "ant", "2": "bee"}', "2 labels, but none for class 1"),
        ("labels.json", '["ant", 3]', "every name must be a string"),
        ("labels.json", "[", "line 1"),
        ("labels.tsv", "ant\nbee\n", "columns class_id and en"),
        ("labels.tsv", "class_id\ten\n0\tant\n0\tbee\n", "class 0 stands twice"),
    ],
)
def test_faulty_labels_are_refused_and_the_file_is_named(tmp_path, name, text, fault):
    (tmp_path / name).write_text(text)
    with pytest.raises(ExportError, match=fault) as error:
        read_labels(tmp_path / name)
    assert name in str(error.value)


def test_table_is_written_as_it_was_read():
    assert write_table(imagenet_labels()) == IMAGENET.read_text(encoding="utf-8")


def test_table_has_the_columns_that_a_label_fills(tmp_path):
    text = "class_id\twnid\ten\tzh\n0\tn01\tant\t蚂蚁\n1\t\tbee\t\n"
    (tmp_path / "labels.tsv").write_text(text, encoding="utf-8")
    assert write_table(read_labels(tmp_path / "labels.tsv")) == text
    assert write_table([Label("", "ant")]) == "class_id\ten\n0\tant\n"


def test_table_of_the_committed_model_is_the_one_that_is_written():
    expected = write_table(imagenet_labels())
    assert expected.startswith("class_id\twnid\ten\tzh\tparents\tparents_zh\n")
    assert (MODEL / "labels.tsv").read_bytes() == expected.encode()


def test_every_class_has_a_chinese_term_of_its_own(chinese):
    assert len(chinese) == len(set(chinese.values())) == 1000


def test_chinese_terms_are_chinese_characters_and_full_width_parentheses(chinese):
    term = re.compile(r"[\u3400-\u9fff]+(（[\u3400-\u9fff]+）)?")
    others = {en: zh for en, zh in chinese.items() if not term.fullmatch(zh)}
    assert others == LATIN
    assert all(re.fullmatch(r"[\u3400-\u9fffA-Za-z]+", zh) for zh in LATIN.values())
    assert all(re.search(r"[\u3400-\u9fff]", zh) for zh in LATIN.values())


@pytest.mark.parametrize(
    ("wnid", "zh"),
    [
        ("n09193705", "高山（阿尔卑斯山）"),
        ("n04228054", "滑雪板"),
        ("n09468604", "山谷"),
        ("n07920052", "浓缩咖啡"),
        ("n02012849", "鹤"),
        ("n03126707", "起重机"),
        ("n02963159", "开襟毛衣"),
        ("n02113186", "卡迪根威尔士柯基犬"),
        ("n13133613", "玉米穗"),
        ("n02108089", "拳师犬"),
    ],
)
def test_chinese_terms_mean_what_the_wordnet_id_does(wnid, zh):
    assert {label.wnid: label.zh for label in imagenet_labels()}[wnid] == zh
