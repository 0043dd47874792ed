import pytest

from ic_tools.errors import ExportError
from ic_tools.labels import IMAGENET, Label, imagenet_labels, read_labels, write_table


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
