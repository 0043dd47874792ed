#!/usr/bin/env python3
"""Exports every classification network of torchvision and prints a table of the results.

    python try_architectures.py [NAME …]

Each network gets random weights, is saved as a checkpoint, and goes through the whole export; then the program
classifies a photo with the bundle. Each runs in its own process, so that its memory is freed. The status is 1 if one
neither works nor reports in one line why not.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torchvision
from torch import nn

from ic_tools.architectures import IMAGENET_CLASSES, build_network
from ic_tools.compare import RELATIVE_TOLERANCE
from ic_tools.errors import ExportError
from ic_tools.export import export
from ic_tools.labels import IMAGENET
from ic_tools.program import classify, find_program
from ic_tools.torchvision_recipes import checkpoint_recipe

_BATCH = 4
# From checkpoint to bundle, at most this many copies of the weights are in memory.
_COPIES = 7


def main(names: list[str]) -> int:
    if names[:1] == ["--one"]:
        return _one(names[1])
    names = names or torchvision.models.list_models(module=torchvision.models)
    print(f"torchvision {torchvision.__version__}, PyTorch {torch.__version__}")
    print("| network | works | largest difference of a logit, as a part of their range | seconds |")
    print("|---|---|---|---|")
    failed = 0
    for name in names:
        start = time.monotonic()
        run = subprocess.run(
            [sys.executable, __file__, "--one", name], capture_output=True, text=True
        )
        lines = run.stdout.splitlines()
        if run.returncode != 0 or len(lines) != 1:
            failed += 1
            fault = (run.stderr.strip().splitlines() or [f"status {run.returncode}"])[-1]
            lines = [f"FAILED: {fault} | |"]
        print(f"| {name} | {lines[0]} {time.monotonic() - start:.0f} |", flush=True)
    print(f"{len(names) - failed} of {len(names)} work or say why not")
    return min(failed, 1)


def _one(name: str) -> int:
    """Prints the two middle cells of the table row."""
    try:
        _check_memory(name)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint, bundle = Path(folder, f"{name}.pth"), Path(folder, "bundle")
            _save_random(name, checkpoint)
            with contextlib.redirect_stdout(io.StringIO()):
                comparison = export(checkpoint_recipe(checkpoint, name, IMAGENET), bundle, None)
            classify(find_program(), bundle, name)
    except ExportError as error:
        print(f"no: {' '.join(str(error).split())} | |")
        return 0
    if comparison.relative > RELATIVE_TOLERANCE:
        print(f"the difference is {comparison.relative:.1e} of the range", file=sys.stderr)
        return 1
    print(f"yes | {comparison.relative:.1e} |")
    return 0


def _save_random(name: str, path: Path) -> None:
    """Saves seeded weights for which activations neither vanish nor explode."""
    torch.manual_seed(0)
    network = build_network(name, IMAGENET_CLASSES)
    with torch.no_grad():
        for parameter in network.parameters():
            # Some layers start at zero or nearly so. In such a network, all logits are equal.
            if parameter.ndim > 1 and parameter.abs().max() < 1e-3:
                parameter.normal_(std=0.02)
        norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.momentum = 1.0
            # Deep networks with random weights amplify rounding errors to the whole value. This damps them.
            norm.weight.mul_(0.2)
        if norms:
            # One training step computes the mean and variance of the activations.
            side = 299 if name == "inception_v3" else 224
            # Half of the input is noise, and half is as smooth as photos. With noise alone, a smoothing layer would
            # learn a variance of almost zero, by which it would then multiply a photo.
            noise = torch.randn(_BATCH // 2, 3, side, side)
            smooth = nn.functional.interpolate(torch.randn(_BATCH // 2, 3, 7, 7), side, mode="bilinear")
            network.train()(torch.cat([noise, smooth]))
    torch.save(network.state_dict(), path)


def _check_memory(name: str) -> None:
    weights = torchvision.models.get_model_weights(name)
    size = 4 * max(entry.meta["num_params"] for entry in weights)
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * 1024
            if available < _COPIES * size:
                raise ExportError(
                    f"not tried: needs {_COPIES * size / 1e9:.0f} GB of memory, "
                    f"{available / 1e9:.0f} GB are free"
                )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
