"""A fine-tuned model: ResNet-18 with five classes, in the forms that training scripts write."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
import torchvision

from ic_tools.architectures import build_network
from ic_tools.cli import _parser, _recipe, main
from ic_tools.errors import ExportError
from ic_tools.torchvision_recipes import checkpoint_recipe
from ic_tools.weights import load_checkpoint

NAMES = ["ant", "bee", "cat, tabby", "dog", "猫头鹰"]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return torchvision.models.resnet18(weights=None, num_classes=len(NAMES)).eval()


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    return path


def parallel(state):
    return {f"module.{name}": tensor for name, tensor in state.items()}


FORMS = {
    "bare": lambda state: state,
    "DataParallel": parallel,
    "state_dict": lambda state: {"epoch": 3, "state_dict": parallel(state)},
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": 0.5},
    "model": lambda state: {"model": state, "optimizer": {"lr": 0.1}},
    "half": lambda state: {k: t.half() if t.is_floating_point() else t for k, t in state.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_checkpoint_gives_the_same_parameters(form, network, tmp_path):
    torch.save(FORMS[form](network.state_dict()), tmp_path / "my.pth")
    state = load_checkpoint(tmp_path / "my.pth").state
    assert list(state) == list(network.state_dict())
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(state[name], tensor, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("form", ["bare", "DataParallel", "state_dict"])
def test_checkpoint_becomes_a_bundle_with_its_own_classes(form, network, labels, tmp_path, capsys):
    torch.save(FORMS[form](network.state_dict()), tmp_path / "my model.pth")
    out = tmp_path / "bundle"
    arguments = ["export", "--checkpoint", str(tmp_path / "my model.pth"), "--arch", "resnet18"]
    arguments += ["--labels", str(labels), "--out", str(out), "--resize", "72", "--crop", "64"]
    assert main([*arguments, "--mean", "0.5", "0.5", "0.5"]) == 0
    assert main(["verify", str(out)]) == 0
    assert "5 classes, input 64 x 64" in capsys.readouterr().out

    config = json.loads((out / "config.json").read_text())
    assert config["id2label"] == {str(class_id): name for class_id, name in enumerate(NAMES)}
    assert config["label2id"] == {name: class_id for class_id, name in enumerate(NAMES)}
    assert (config["num_labels"], config["image_size"]) == (5, 64)
    preprocessing = json.loads((out / "preprocessor_config.json").read_text())
    assert preprocessing["size"] == {"shortest_edge": 72}
    assert preprocessing["image_mean"] == [0.5, 0.5, 0.5]
    assert preprocessing["image_std"] == [0.229, 0.224, 0.225]
    rows = (out / "labels.tsv").read_text().splitlines()
    assert rows[0] == "class_id\ten" and rows[5] == "4\t猫头鹰"
    card = (out / "README.md").read_text()
    assert 'model_name: "my model"' in card and "imagenet-1k" not in card

    pixels = np.random.default_rng(2).uniform(-1, 1, (2, 3, 64, 64)).astype(np.float32)
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"pixel_values": pixels})
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def test_labels_of_another_number_are_refused_with_both_numbers(network, tmp_path, capsys):
    torch.save(network.state_dict(), tmp_path / "my.pth")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    out = tmp_path / "bundle"
    arguments = ["export", "--checkpoint", str(tmp_path / "my.pth"), "--arch", "resnet18"]
    assert main([*arguments, "--labels", str(tmp_path / "labels.txt"), "--out", str(out)]) == 1
    message = capsys.readouterr().err
    assert "my.pth has 5 classes" in message and "labels.txt has 3 labels" in message
    assert not out.exists()


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (["--std", "0", "1", "1"], "--std must be three finite numbers"),
        (["--mean", "nan", "1", "1"], "--mean must be three finite numbers"),
        (["--resize", "5000", "--crop", "5000"], "4096 at most"),
    ],
)
def test_what_the_program_would_refuse_is_not_written(
    option, expected, network, labels, tmp_path, capsys
):
    torch.save(network.state_dict(), tmp_path / "my.pth")
    out = tmp_path / "bundle"
    arguments = ["export", "--checkpoint", str(tmp_path / "my.pth"), "--arch", "resnet18"]
    assert main([*arguments, "--labels", str(labels), "--out", str(out), *option]) == 1
    assert expected in capsys.readouterr().err
    assert not out.exists()


def test_a_single_class_is_refused(tmp_path, capsys):
    network = torchvision.models.resnet18(weights=None, num_classes=1)
    torch.save(network.state_dict(), tmp_path / "my.pth")
    (tmp_path / "labels.txt").write_text("ant\n")
    arguments = ["export", "--checkpoint", str(tmp_path / "my.pth"), "--arch", "resnet18"]
    arguments += ["--labels", str(tmp_path / "labels.txt"), "--out", str(tmp_path / "bundle")]
    assert main(arguments) == 1
    assert "has one class" in capsys.readouterr().err


def refused(state, architecture, labels, tmp_path):
    torch.save(state, tmp_path / "my.pth")
    with pytest.raises(ExportError) as error:
        recipe = checkpoint_recipe(tmp_path / "my.pth", architecture, labels)
        recipe.reference(recipe.load().state)
    return str(error.value)


def test_parameters_that_are_missing_or_unknown_are_named(network, labels, tmp_path):
    state = network.state_dict()
    state["extra.weight"] = state.pop("layer1.0.conv1.weight")
    message = refused(state, "resnet18", labels, tmp_path)
    assert "lack layer1.0.conv1.weight" in message and "unknown extra.weight" in message


def test_only_a_few_of_many_names_are_told(network, labels, tmp_path):
    message = refused(network.state_dict(), "resnet34", labels, tmp_path)
    assert "lack layer1.2.conv1.weight" in message and " more" in message
    assert len(message) < 400


def test_parameter_of_another_shape_is_named_with_both_shapes(network, labels, tmp_path):
    state = network.state_dict()
    state["conv1.weight"] = torch.zeros(64, 1, 7, 7)
    message = refused(state, "resnet18", labels, tmp_path)
    assert "conv1.weight [64, 1, 7, 7] instead of [64, 3, 7, 7]" in message


def test_checkpoint_without_the_classifier_is_refused(network, labels, tmp_path):
    state = {k: t for k, t in network.state_dict().items() if not k.startswith("fc.")}
    assert "no classifier fc.weight" in refused(state, "resnet18", labels, tmp_path)


def test_pickled_network_is_refused_and_the_way_out_is_told(network, tmp_path):
    torch.save(network, tmp_path / "my.pth")
    with pytest.raises(ExportError, match=r"save model\.state_dict\(\)"):
        load_checkpoint(tmp_path / "my.pth")


def test_what_holds_no_state_dict_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "my.pth")
    with pytest.raises(ExportError, match="holds no state dict.*epoch"):
        load_checkpoint(tmp_path / "my.pth")
    (tmp_path / "my.pth").write_text("not a checkpoint")
    with pytest.raises(ExportError, match="my.pth is no checkpoint"):
        load_checkpoint(tmp_path / "my.pth")


@pytest.mark.parametrize(
    ("architecture", "options", "expected"),
    [
        ("inception_v3", [], True),
        ("googlenet", [], True),
        ("inception_v3", ["--no-transform-input"], False),
    ],
)
def test_inputs_are_normalised_once_more_unless_the_user_says_otherwise(
    architecture, options, expected, labels, tmp_path, capsys
):
    network = build_network(architecture, len(NAMES))
    torch.save(network.state_dict(), tmp_path / "my.pth")
    arguments = ["export", "--checkpoint", str(tmp_path / "my.pth"), "--arch", architecture]
    arguments += ["--labels", str(labels), "--out", str(tmp_path / "bundle"), *options]
    recipe = _recipe(_parser().parse_args(arguments))
    assert recipe.reference(network.state_dict()).transform_input is expected
    assert f"transform_input is {'on' if expected else 'off'}" in capsys.readouterr().out
    assert f"transform_input` is {'on' if expected else 'off'}" in recipe.description
    assert recipe.command.endswith(" --no-transform-input") is not expected


def test_other_networks_have_no_second_normalisation(network, labels, tmp_path, capsys):
    torch.save(network.state_dict(), tmp_path / "my.pth")
    arguments = ["export", "--checkpoint", str(tmp_path / "my.pth"), "--arch", "resnet18"]
    arguments += ["--labels", str(labels), "--out", str(tmp_path / "bundle"), "--no-transform-input"]
    assert main(arguments) == 1
    assert "resnet18 has no transform_input" in capsys.readouterr().err


@pytest.mark.parametrize("wrap", [lambda state: {0: torch.ones(1)} | state, lambda state: {3: state}])
def test_keys_that_are_not_names_are_refused_in_one_line(wrap, network, tmp_path):
    torch.save(wrap(dict(network.state_dict())), tmp_path / "my.pth")
    with pytest.raises(ExportError, match="my.pth holds no state dict"):
        load_checkpoint(tmp_path / "my.pth")
