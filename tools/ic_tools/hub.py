"""Makes a bundle from a Hugging Face repository, after the program has served it."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath

from huggingface_hub import ModelCard

from .bundle import GRAPH
from .errors import ExportError
from .hub_files import Repository
from .program import REPOSITORY, classify, find_program
from .verify import weights_beside

# Files that the program reads besides the graph.
_BESIDE = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "labels.tsv",
    "README.md",
)


def hub(
    name: str,
    out: Path | None = None,
    *,
    file: str | None = None,
    revision: str | None = None,
    program: Path | None = None,
) -> None:
    """Downloads the repository `name`, classifies a photo with the program, and only then writes `out`.

    `out` defaults to `models/NAME` of this project. `file` is the path of the graph in the repository; in the bundle
    the graph is named model.onnx. Prints the results. Raises `ExportError`.
    """
    program = program or find_program()
    repository = Repository(name, revision)
    out = out or REPOSITORY / "models" / name.split("/")[1]
    if out.exists() and not (out / GRAPH).is_file():
        raise ExportError(f"{out} exists and is not a bundle: give another --out, or remove it")
    graph = pick(repository, file)
    print(f"{name} at {repository.commit[:12]}: {graph}, {_megabytes(repository.size(graph))}")
    out.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, so that the complete bundle is renamed, not copied.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as work:
        bundle = Path(work) / "bundle"
        bundle.mkdir()
        _fetch(repository, graph, bundle)
        print(classify(program, bundle, name))
        for line in card_lines(bundle / "README.md"):
            print(line)
        if out.exists():
            out.rename(Path(work) / "replaced")
        bundle.rename(out)
    print(f"wrote {out}")


def pick(repository: Repository, file: str | None) -> str:
    """Selects the graph: `file`; the only one; or model.onnx in the root or in onnx/. Raises `ExportError`."""
    graphs = sorted(path for path in repository.files if path.endswith(".onnx"))
    if not graphs:
        raise ExportError(
            f"{repository.name} has no .onnx file; "
            f"export one: optimum-cli export onnx --model {repository.name} DIR"
        )
    choices = [file] if file else graphs if len(graphs) == 1 else [GRAPH, f"onnx/{GRAPH}"]
    found = next((path for path in choices if path in graphs), None)
    if found is None:
        listed = ", ".join(f"{path} ({_megabytes(repository.size(path))})" for path in graphs)
        fault = f"has no graph {file}" if file else "has several graphs, and none is model.onnx"
        raise ExportError(f"{repository.name} {fault}; give --file with one of these: {listed}")
    return found


def card_lines(card: Path) -> list[str]:
    """Returns licence and accuracy from the header of the model card."""
    if not card.exists():
        return ["licence: not stated, there is no README.md", "accuracy: not stated"]
    try:
        data = ModelCard.load(card, ignore_metadata_errors=True).data
    except Exception as error:  # Anyone may write the YAML of a header, and the parser raises many kinds of errors.
        return [f"licence and accuracy: the header of README.md cannot be read: {_line(error)}"]
    licence = data.get("license") or "not stated by its card"
    if licence == "other" and data.get("license_name"):
        licence = f"{data.get('license_name')} {data.get('license_link') or ''}".rstrip()
    accuracies = [
        f"accuracy: {result.metric_value} ({result.metric_name or result.metric_type} on "
        f"{result.dataset_name}, as its card says)"
        for result in data.eval_results or []
        if "acc" in result.metric_type.lower() or "top" in result.metric_type.lower()
    ]
    return [f"licence: {licence}", *(accuracies or ["accuracy: not stated by its card"])]


def _fetch(repository: Repository, graph: str, bundle: Path) -> None:
    """Downloads the graph, its weight files, and the files that the program reads."""
    repository.fetch(graph, bundle / GRAPH)
    for path in _BESIDE:
        if path in repository.files:
            repository.fetch(path, bundle / path)
    folder = PurePosixPath(graph).parent
    for location in sorted(weights_beside(bundle / GRAPH)):
        path = str(folder / location)
        if len(PurePosixPath(location).parts) != 1 or location in (GRAPH, "..", *_BESIDE):
            raise ExportError(f"{graph} keeps weights in {location!r}, which is not a file beside it")
        if path not in repository.files:
            raise ExportError(f"{graph} keeps weights in {path}, which {repository.name} does not have")
        print(f"its weights: {path}, {_megabytes(repository.size(path))}")
        repository.fetch(path, bundle / location)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
