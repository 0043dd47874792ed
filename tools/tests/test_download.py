"""Tests `--download` with a local server."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ic_tools.cli import main
from ic_tools.errors import ExportError
from ic_tools.preprocess import Preprocessing
from ic_tools.published import Published, download

CONTENT = bytes(range(256)) * 1000
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]


class Handler(BaseHTTPRequestHandler):
    """Answers according to the folder in the address: complete, missing, or cut off."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path.startswith("/missing/"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:100_000] if self.path.startswith("/cut/") else CONTENT)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def entry(server, folder, prefix=PREFIX):
    url = f"http://127.0.0.1:{server.server_port}/{folder}/net-{prefix}.pth"
    preprocessing = Preprocessing(256, 224, (0, 0, 0), (1, 1, 1))
    return Published("V1", url, preprocessing, top1=None, licence_url=None)


def test_file_is_fetched_once(server, tmp_path):
    path = download(entry(server, "whole"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert download(entry(server, "whole"), tmp_path) == path
    assert [*tmp_path.iterdir()] == [path]
    assert len(server.requests) == 1


def test_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    path = tmp_path / f"net-{PREFIX}.pth"
    path.write_bytes(CONTENT[:-1])
    assert download(entry(server, "whole"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("folder", "prefix", "fault"),
    [
        ("whole", "00000000", f"its sha256 is {PREFIX}.*starts with 00000000"),
        ("missing", PREFIX, "404"),
        ("cut", PREFIX, "broke off after 100000 of 256000 bytes"),
    ],
)
def test_failed_download_says_why_and_leaves_no_file(server, tmp_path, folder, prefix, fault):
    with pytest.raises(ExportError, match=fault):
        download(entry(server, folder, prefix), tmp_path)
    assert not [*tmp_path.iterdir()]


def test_server_that_does_not_answer_is_an_error(server, tmp_path):
    unreachable = entry(server, "whole")
    server.server_close()
    with pytest.raises(ExportError, match="cannot download http://127.0.0.1"):
        download(unreachable, tmp_path)


@pytest.mark.parametrize("damaged", [False, True])
def test_export_takes_the_weights_from_the_address(
    damaged, monkeypatch, resnet18_file, tmp_path, capsys
):
    """Tests the whole command: address from the enum, cache, hash, bundle."""
    content = resnet18_file.read_bytes()
    monkeypatch.setattr(f"{__name__}.CONTENT", content[:-1] + b"!" if damaged else content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    prefix = resnet18_file.stem.split("-")[1]
    published = entry(server, "whole", prefix)
    monkeypatch.setattr(
        "ic_tools.torchvision_recipes.published_weights", lambda _: [published]
    )
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "hub"))
    out = tmp_path / "bundle"
    status = main(["export", "resnet18", "--download", "--out", str(out)])
    server.shutdown()
    server.server_close()
    if damaged:
        assert status == 1 and "is not the published file" in capsys.readouterr().err
        assert not out.exists() and not [*(tmp_path / "hub" / "checkpoints").iterdir()]
    else:
        assert status == 0
        assert "export resnet18 --download" in (out / "README.md").read_text()
