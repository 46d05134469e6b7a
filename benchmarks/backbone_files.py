"""Claim: every network of the comparison can be written for a phone, and a file answers as its network does.

Each network has random weights, batch normalisation fitted to drawings so that they reach its head, and its own size.
It is written in float and in static int8 for each runtime, loaded by that runtime and asked about drawings. What is
told is the largest difference of a logit, as a share of the largest logit; random weights say nothing of what int8
costs a trained network.

    python benchmarks/backbone_files.py --work DIR --with litert=VENV/bin/python --with executorch=VENV/bin/python

Each file is written in a process of its own. What is done stands in DIR and is not done again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import record

PRECISIONS = ("fp32", "static-int8")
NEAR = 1e-3  # in float, of the largest logit
CALIBRATION, ASKED = 32, 8  # drawings
SECONDS = 1200  # after which a file is given up
LABELS = ("mpox", "chickenpox", "measles", "healthy")


def main() -> None:
    """Write what is not written yet, and record."""
    parser = record.arguments(__doc__)
    parser.add_argument("--work", type=Path, help="keeps what is done")
    parser.add_argument("--with", action="append", default=[], metavar="RUNTIME=PYTHON", dest="interpreters")
    parser.add_argument("--kept", action="store_true", help="record what --work holds, and write no file more")
    parser.add_argument("--one", nargs=3, metavar=("BACKBONE", "RUNTIME", "PRECISION"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(written(*given.one)))
        return
    interpreters = {"onnx": sys.executable} | dict(one.split("=", 1) for one in given.interpreters)
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        names = ["efficientnet-lite0"] if given.quick else _names()
        asked = [(name, *where) for name in names for where in _places(interpreters)]
        if given.kept:
            asked = [one for one in asked if _path(work, *one).exists()]
        found = [_done(work, *one) for one in asked]
    notes = "; ".join(f"{one['name']}: {one['refused']}" for one in found if one["refused"])
    told = f"{CALIBRATION} drawings for the ranges, {ASKED} asked about. {f'Refused: {notes}.' if notes else ''}"
    rows = [
        row for runtime in interpreters for row in _rows(runtime, [one for one in found if one["runtime"] == runtime])
    ]
    record.finish("backbone_files", rows, quick=given.quick, notes=told.strip(), packages=("mpoxlens", "torch", "timm"))


def _names() -> list[str]:
    from mpoxlens.vision.backbones import FAMILIES

    return list(FAMILIES)


def _places(interpreters: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for runtime, python in interpreters.items():
        for precision in PRECISIONS:
            yield python, runtime, precision


def _path(work: Path, backbone: str, _python: str, runtime: str, precision: str) -> Path:
    return work / f"{backbone}-{runtime}-{precision}.json"


def _done(work: Path, backbone: str, python: str, runtime: str, precision: str) -> dict[str, Any]:
    """Return what became of a file, from the disk if it was written before."""
    path = _path(work, backbone, python, runtime, precision)
    if not path.exists():
        print(path.stem, file=sys.stderr, flush=True)
        command = [python, __file__, "--one", backbone, runtime, precision]
        path.write_text(json.dumps(_asked(command)), encoding="utf-8")
    about = {"name": f"{backbone}, {runtime}, {precision}", "backbone": backbone, "runtime": runtime}
    return about | {"precision": precision} | json.loads(path.read_bytes())


def _asked(command: Sequence[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {"refused": f"not written in {SECONDS} s"}
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    said = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    return {"refused": said[:200]}


def written(backbone: str, runtime: str, precision: str) -> dict[str, Any]:
    """Write a network of random weights as a file, run it, and return how far it is from the network."""
    import torch

    from mpoxlens.errors import MpoxlensError
    from mpoxlens.optimise.parity import float_outputs
    from mpoxlens.optimise.runtimes import RUNTIMES, load
    from mpoxlens.optimise.write import writer_of
    from mpoxlens.vision.backbones import FAMILIES, create
    from mpoxlens.vision.recipe import ModelRecipe

    torch.manual_seed(7)
    family = FAMILIES[backbone]
    model = create(ModelRecipe(backbone, "none", 0, family.size, pool=family.pool), len(LABELS))
    drawn = drawings(family.size)
    norms = [one for one in model.modules() if isinstance(one, torch.nn.modules.batchnorm._BatchNorm)]
    for one in norms:
        one.momentum = None  # its statistics are then those of all inputs so far
    with torch.no_grad():
        if norms:
            model(torch.from_numpy(drawn[:CALIBRATION]))
    model.eval()
    asked = drawn[CALIBRATION:]
    try:
        content = writer_of(runtime)(model, family.size, precision, drawn[:CALIBRATION], {"labels": list(LABELS)})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{RUNTIMES[runtime]}"
            path.write_bytes(content)
            small = load(path).run(asked)
    except MpoxlensError as error:
        return {"refused": str(error)}
    full = float_outputs(model, asked)
    away = float(np.abs(small.logits - full.logits).max() / np.abs(full.logits).max())
    return {"refused": "", "bytes": len(content), "away": away, "cam": list(small.cam.shape[2:])}


def drawings(size: int) -> np.ndarray:
    """Return inputs [CALIBRATION + ASKED, 3, size, size] of drawn phantoms."""
    from mpoxlens.datasets.phantom import draw
    from mpoxlens.preprocess import Preprocess

    prepare = Preprocess(size, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return np.stack([prepare(draw(seed, size=size).pixels) for seed in range(CALIBRATION + ASKED)])


def _rows(runtime: str, found: Sequence[Mapping[str, Any]]) -> Iterator[record.Row]:
    """Yield what became of a runtime's files: how many, how far from their networks, and what int8 saves."""
    done = {(one["backbone"], one["precision"]): one for one in found if not one["refused"]}
    tried = {precision: sum(one["precision"] == precision for one in found) for precision in PRECISIONS}
    for precision, goal in zip(PRECISIONS, (100 * NEAR, None), strict=True):
        these = {name: one for (name, known), one in done.items() if known == precision}
        if these:
            yield record.Row(f"{runtime}, {precision}: written, of {tried[precision]} networks", len(these), "")
            worst = max(these, key=lambda name: these[name]["away"])
            told = f"{runtime}, {precision}: largest difference of a logit, {worst}"
            yield record.Row(told, 100 * these[worst]["away"], "%", goal)
    shares = {
        name: 100 * one["bytes"] / done[name, "fp32"]["bytes"]
        for (name, precision), one in done.items()
        if precision == "static-int8" and (name, "fp32") in done
    }
    if shares:
        worst = max(shares, key=lambda name: shares[name])
        yield record.Row(f"{runtime}: bytes of int8 to float, median network", statistics.median(shares.values()), "%")
        yield record.Row(f"{runtime}: the same, {worst}, which saves least", shares[worst], "%")


if __name__ == "__main__":
    main()
