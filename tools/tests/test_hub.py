"""Tests `ic_tools hub` with a stand-in for the hub, up to the program's answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_stand_in import Hub
from huggingface_hub import constants

from ic_tools.cli import main

TOOLS = Path(__file__).resolve().parents[1]
BINARY = TOOLS.parent / "target" / "debug" / "image-classifier"
MODELS = TOOLS.parent / "tests" / "fixtures" / "models"

CARD = """---
license: apache-2.0
model-index:
- name: some-model
  results:
  - task: {type: image-classification}
    dataset: {type: imagenet-1k, name: ImageNet-1k}
    metrics: [{type: accuracy, value: 0.761, name: Accuracy}, {type: loss, value: 1.2}]
---
# Some model
"""


def files_of(model: str) -> dict[str, bytes]:
    folder = MODELS / model
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A typical repository, with PyTorch weights besides the files that are needed."""
    files = files_of("nchw-f32") | {
        "README.md": CARD.encode(),
        "pytorch_model.bin": b"weights of PyTorch",
        "model.safetensors": b"the same weights once more",
    }
    hub = Hub(files)
    yield hub
    hub.close()


class Result:
    def __init__(self, status: int, printed: str, said: str, out: Path) -> None:
        self.status, self.printed, self.said, self.out = status, printed, said, out

    def refused(self) -> str:
        """Returns the error line of a run, and checks that the run left nothing behind."""
        assert self.status == 1, self.printed
        # Warnings and progress bars of the hub's library come before it.
        line = self.said.strip().splitlines()[-1]
        assert line.startswith("ic_tools: "), self.said
        assert not self.out.exists()
        assert not [*self.out.parent.iterdir()], "nothing half-made stays"
        return line


@pytest.fixture
def fetch(hub: Hub, tmp_path: Path, monkeypatch, capfd):
    assert BINARY.exists(), "the program is not built; `make test-tools` builds it"
    for variable in [*os.environ]:
        if variable.startswith(("HF_", "MODEL_")):
            monkeypatch.delenv(variable)
    # The library reads its variables at import, except for the token.
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))

    def fetch(name: str = "some/model", *options: str) -> Result:
        out = tmp_path / "models" / "model"
        out.parent.mkdir(exist_ok=True)
        capfd.readouterr()
        status = main(["hub", name, "--out", str(out), "--program", str(BINARY), *options])
        return Result(status, *capfd.readouterr(), out)

    return fetch


def test_hf_endpoint_and_hf_token_are_honoured(hub, tmp_path):
    hub.token = "secret"
    out = tmp_path / "model"
    run = subprocess.run(
        [sys.executable, "-m", "ic_tools", "hub", "some/model", "--out", out, "--program", BINARY],
        cwd=TOOLS,
        env=os.environ
        | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_TOKEN": "secret"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert (out / "model.onnx").read_bytes() == hub.files["model.onnx"]


def test_a_repository_becomes_a_bundle_that_the_program_serves(hub, fetch):
    result = fetch()
    assert result.status == 0, result.said
    assert sorted(path.name for path in result.out.iterdir()) == [
        "README.md", "config.json", "model.onnx", "preprocessor_config.json",
    ]
    for path in result.out.iterdir():
        assert path.read_bytes() == hub.files[path.name]
    assert f"some/model at {hub.commit[:12]}: model.onnx, 0.0 MB" in result.printed
    assert "licence: apache-2.0" in result.printed
    assert "accuracy: 0.761 (Accuracy on ImageNet-1k, as its card says)" in result.printed
    assert "1.2" not in result.printed
    # The program's answer for the photo.
    assert "coffee.png  (PNG, 600 x 400" in result.printed and "class " in result.printed
    assert not {"pytorch_model.bin", "model.safetensors"} & {*hub.fetched()}
    assert [*result.out.parent.iterdir()] == [result.out]


def test_the_graph_in_the_folder_onnx_is_called_model_onnx_and_keeps_its_weights(hub, fetch):
    files = files_of("external-data")
    (weights,) = [name for name in files if name not in ("model.onnx", "config.json", "preprocessor_config.json")]
    hub.files = {f"onnx/{name}" if ".json" not in name else name: content for name, content in files.items()}
    result = fetch()
    assert result.status == 0, result.said
    assert (result.out / "model.onnx").read_bytes() == files["model.onnx"]
    assert (result.out / weights).read_bytes() == files[weights]
    assert f"its weights: onnx/{weights}" in result.printed
    del hub.files[f"onnx/{weights}"]
    again = fetch("some/model", "--out", str(result.out.with_name("other")))
    assert again.status == 1 and f"onnx/{weights}, which some/model does not have" in again.said
    assert not result.out.with_name("other").exists()


@pytest.mark.parametrize(
    ("graphs", "option", "chosen"),
    [
        (["onnx/model_quantized.onnx"], None, "onnx/model_quantized.onnx"),
        (["deep/down/net.onnx"], None, "deep/down/net.onnx"),
        (["model.onnx", "onnx/model.onnx", "other.onnx"], None, "model.onnx"),
        (["onnx/model.onnx", "onnx/model_fp16.onnx"], None, "onnx/model.onnx"),
        (["model.onnx", "onnx/model_fp16.onnx"], "onnx/model_fp16.onnx", "onnx/model_fp16.onnx"),
    ],
)
def test_one_graph_is_chosen(hub, fetch, graphs, option, chosen):
    content = hub.files.pop("model.onnx")
    hub.files |= dict.fromkeys(graphs, b"not a graph") | {chosen: content}
    result = fetch("some/model", *(["--file", option] if option else []))
    assert result.status == 0, result.said
    assert (result.out / "model.onnx").read_bytes() == content
    assert [name for name in hub.fetched() if name.endswith(".onnx")] == [chosen]


@pytest.mark.parametrize(
    ("graphs", "options", "fault"),
    [
        ([], [], "some/model has no .onnx file; export one: optimum-cli export onnx"),
        (["a.onnx", "b.onnx"], [], "has several graphs, and none is model.onnx; give --file with "
         "one of these: a.onnx (1.5 MB), b.onnx (1.5 MB)"),
        (["model.onnx"], ["--file", "x.onnx"], "has no graph x.onnx; give --file with one of these: "
         "model.onnx (1.5 MB)"),
    ],
)
def test_where_no_graph_can_be_chosen_all_are_listed(hub, fetch, graphs, options, fault):
    del hub.files["model.onnx"]
    hub.files |= dict.fromkeys(graphs, bytes(1_500_000))
    assert fault in fetch("some/model", *options).refused()
    assert hub.fetched() == []


@pytest.mark.parametrize("name", ["model", "a/b/c", "../model", "some/..", "https://hub/some/model", ""])
def test_a_name_that_is_not_owner_and_name_is_refused_before_the_hub_is_asked(hub, fetch, name):
    assert f"{name!r} is not of the form OWNER/NAME" in fetch(name).refused()
    assert hub.requests == []


@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (401, "GatedRepo", "some/model is gated: accept its terms at http://127.0.0.1"),
        (403, "GatedRepo", "and set HF_TOKEN to a token of that account"),
        (404, "RepoNotFound", "there is no model some/model at http://127.0.0.1"),
        (404, "RepoNotFound", "or it is private: check the name, or set HF_TOKEN"),
        (401, "", "the hub answered 401 for some/model: set HF_TOKEN to a valid token"),
        (403, "", "the hub answered 403 for some/model: set HF_TOKEN to a valid token"),
        (500, "", "the hub answered 500 for some/model"),
    ],
)
def test_a_refusal_of_the_hub_says_what_to_do(hub, fetch, status, code, fault):
    hub.status, hub.error_code = status, code
    assert fault in fetch().refused()


def test_the_token_is_sent_to_the_hub_and_not_to_its_cdn(hub, fetch, monkeypatch):
    hub.token, hub.error_code = "secret", "GatedRepo"
    assert "is gated" in fetch().refused()
    hub.requests.clear()
    monkeypatch.setenv("HF_TOKEN", "secret")
    result = fetch()
    assert result.status == 0, result.said
    sent = {(target.startswith("localhost"), token) for _, target, token in hub.requests}
    assert (False, None) not in sent, hub.requests
    assert sent == {(False, "Bearer secret"), (True, None)}


def test_a_revision_is_taken(hub, fetch):
    hub.revisions.append("v2")
    assert fetch("some/model", "--revision", "v2").status == 0
    assert any("/revision/v2" in target for _, target, _ in hub.requests)


def test_an_unknown_revision_is_refused(fetch):
    assert "some/model has no revision 'v3'" in fetch("some/model", "--revision", "v3").refused()


def test_a_download_that_is_cut_once_goes_on_where_it_ended(hub, fetch):
    hub.cut, hub.cuts = 50, 1
    result = fetch()
    assert result.status == 0, result.said
    assert (result.out / "model.onnx").read_bytes() == hub.files["model.onnx"]


def test_a_download_that_is_cut_for_good_leaves_nothing_and_the_next_run_takes_what_is_whole(hub, fetch):
    hub.cut, hub.cuts = 0, 1000
    line = fetch().refused()
    assert "cannot fetch some/model from http://127.0.0.1" in line and "run it again" in line
    hub.cuts = 0
    del hub.files["preprocessor_config.json"]
    refused = fetch()
    assert refused.status == 1, "without its preprocessing the program refuses it"
    hub.files["preprocessor_config.json"] = files_of("nchw-f32")["preprocessor_config.json"]
    hub.requests.clear()
    assert fetch().status == 0
    assert hub.fetched() == ["preprocessor_config.json"]


def test_a_damaged_file_is_told_and_fetched_anew_by_the_next_run(hub, fetch):
    hub.damaged = "model.onnx"
    line = fetch().refused()
    assert "model.onnx arrived damaged: its sha256 is" in line and "run it again" in line
    hub.damaged = "config.json"
    assert "config.json arrived damaged: its git hash is" in fetch().refused()
    hub.damaged = ""
    result = fetch()
    assert result.status == 0, result.said
    assert (result.out / "model.onnx").read_bytes() == hub.files["model.onnx"]


def test_a_file_of_another_size_than_listed_is_refused(hub, fetch):
    listing = hub.listing()
    (entry,) = [one for one in listing["siblings"] if one["rfilename"] == "config.json"]
    entry["size"] += 1
    hub.listing = lambda: listing
    assert f"config.json arrived damaged: it has {entry['size'] - 1} bytes" in fetch().refused()


def test_a_bundle_that_the_program_refuses_is_not_written(hub, fetch):
    hub.files = files_of("nan")
    line = fetch().refused()
    assert "the program does not serve some/model: model bundle: model.onnx: its output for class 0 is NaN" in line


def test_a_bundle_is_replaced_as_a_whole_and_another_folder_is_left_alone(hub, fetch):
    result = fetch()
    (result.out / "stale").touch()
    hub.files = files_of("nan")
    assert fetch().status == 1 and (result.out / "stale").exists(), "a bad one replaces nothing"
    hub.files = files_of("two-classes")
    assert fetch().status == 0 and not (result.out / "stale").exists()
    assert json.loads((result.out / "config.json").read_text()) == json.loads(hub.files["config.json"])
    (result.out / "model.onnx").unlink()
    refused = fetch()
    assert refused.status == 1 and "exists and is not a bundle" in refused.said
    assert (result.out / "config.json").exists()


@pytest.mark.parametrize(
    ("card", "lines"),
    [
        (None, "licence: not stated, there is no README.md"),
        ("# No header\n", "licence: not stated by its card\naccuracy: not stated by its card"),
        ("---\nlicense: other\nlicense_name: apple-amlr\nlicense_link: LICENSE\n---\n", "licence: apple-amlr LICENSE"),
        ("---\nlicense: [\n---\n", "the header of README.md cannot be read: "),
        ("---\nlicense: mit\nmodel-index: 7\n---\n", "licence: mit"),
    ],
)
def test_what_the_card_says_of_the_licence_is_printed(hub, fetch, card, lines):
    hub.files.pop("README.md")
    if card is not None:
        hub.files["README.md"] = card.encode()
    result = fetch()
    assert result.status == 0, result.said
    assert lines in result.printed


def test_a_hub_that_cannot_be_reached_is_told(fetch, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    line = fetch().refused()
    assert "cannot fetch some/model from http://127.0.0.1:9" in line
