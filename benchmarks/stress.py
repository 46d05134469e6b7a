"""Claim: what the shipped student looks at, when it gives up, and what eight bits cost it, all out of fold.

Each photograph of a rash is judged by the fold's network that has not seen it or its cluster, with rules fitted on the
other folds: as it is, altered where the rash is not or where it is, and spoilt at the greatest of five strengths.
Pictures that are no rash are judged by any of the networks. Then each fold's network is quantised with photographs of
its own training side, as the bundle is, and judges the same photographs again. 95 % intervals by bootstrap of clusters,
differences paired.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import probing
import record
from ablations import QUICK
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.judge import Photographs
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.evaluation.out_of_fold import OutOfFoldJudge
from mpoxlens.evaluation.paired import cluster_bootstrap_difference
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.robustness import Curve, robustness
from mpoxlens.evaluation.shortcuts import shortcuts
from mpoxlens.evaluation.strange_sets import strange_sets
from mpoxlens.optimise import onnx
from mpoxlens.schema import Pixels
from mpoxlens.vision.augment import augment
from mpoxlens.vision.crossval import cross_validate
from mpoxlens.vision.data import load_pixels
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.run_folder import KEPT_RECIPE, opened
from mpoxlens.vision.scores import log_odds
from mpoxlens.vision.train import CALIBRATION_PHOTOS

WITHIN = 0.01  # AUROC that int8 may lose


@dataclass(frozen=True, eq=False)
class _Run:
    recipe: Recipe
    judge: OutOfFoldJudge
    manifest: Manifest
    pixels: list[Pixels]
    sample: Photographs  # of a rash


def main() -> None:
    """Judge, alter, quantise."""
    parser = record.arguments(__doc__)
    parser.add_argument("--data", type=Path, help="the workspace that the run was made of")
    parser.add_argument("--run", type=Path, help="folder of a fine-tuned run, its folds done")
    given = parser.parse_args()
    if not given.quick and None in (given.data, given.run):
        parser.error("--data and --run are needed")
    with tempfile.TemporaryDirectory() as scratch:
        run = _quick(Path(scratch)) if given.quick else _opened(load(given.run / KEPT_RECIPE), given.data, given.run)
        rows = [*_shortcuts(run), *_robustness(run), *_strange(run), *_int8(run)]
    goals = run.recipe.bundle
    notes = (
        f"{goals.name} {goals.version}, {len(run.judge.folds)} folds; {len(run.sample.key)} photographs of a rash,"
        f" {int(run.sample.positive.sum())} of mpox, in {len(set(run.sample.cluster))} clusters."
    )
    packages = ("mpoxlens", "torch", "timm", "onnxruntime", "opencv-python-headless")
    record.finish("stress", rows, quick=given.quick, notes=notes, packages=packages)


def _opened(recipe: Recipe, data: Path, folder: Path) -> _Run:
    manifest = Workspace(data).clean()
    pixels = load_pixels(manifest.root, manifest.records)
    sample = Photographs.of(manifest.records, pixels, recipe.data.positive, recipe.data.without)
    judge = OutOfFoldJudge(folder, recipe)
    judge.check(sample.pixels[:8], sample.key[:8])
    return _Run(recipe, judge, manifest, pixels, sample)


def _shortcuts(run: _Run) -> Iterator[record.Row]:
    found = shortcuts(run.judge, run.sample, _tell)
    yield record.Row(probing.told("AUROC, as they are", found.auroc), found.auroc.value, "")
    for one in found.effects:
        yield record.Row(probing.told(f"{one.alteration}: AUROC", one.auroc), one.auroc.value, "")
        yield record.Row(_told(f"{one.alteration}: flips of 100 decisions", one.flips), one.flips.value, "")


def _robustness(run: _Run) -> Iterator[record.Row]:
    for curve in robustness(run.judge, run.sample, _tell).curves:
        yield from _hardest(curve)


def _hardest(curve: Curve) -> Iterator[record.Row]:
    """Give the figures at the greatest strength."""
    last = curve.points[-1]
    name = f"{curve.name}, {last.strength:g} {curve.unit}".rstrip()
    yield record.Row(probing.told(f"{name}: AUROC", last.auroc), last.auroc.value, "")
    yield record.Row(probing.told(f"{name}: cannot tell", last.cannot_tell), last.cannot_tell.value, "")
    if np.isfinite(last.right_when_decided.value):
        right = last.right_when_decided
        yield record.Row(probing.told(f"{name}: right when decided", right), right.value, "")


def _strange(run: _Run) -> Iterator[record.Row]:
    for one in strange_sets(run.judge, run.sample, tell=_tell).sets:
        name = f"{one.name} ({one.pictures})"
        yield record.Row(probing.told(f"{name}: cannot tell", one.cannot_tell), one.cannot_tell.value, "")
        yield record.Row(probing.told(f"{name}: told likely", one.told_likely), one.told_likely.value, "")
        yield record.Row(probing.told(f"{name}: told unlikely", one.told_unlikely), one.told_unlikely.value, "")


def _int8(run: _Run) -> Iterator[record.Row]:
    """Compare each fold's network with its int8 file on what the fold has not seen."""
    full, small = np.zeros(len(run.sample.key)), np.zeros(len(run.sample.key))
    fold = np.array([run.judge.fold_of(key) for key in run.sample.key])
    for k in run.judge.folds:
        rows = np.flatnonzero(fold == k)
        files = _files(run, k)
        batch = np.stack([run.judge.preprocess(run.sample.pixels[i]) for i in rows])
        for scores, file in zip((full, small), files, strict=True):
            scores[rows] = log_odds(onnx.run(file, batch)["logits"], run.judge.positive)
        _tell("int8", k + 1, len(run.judge.folds))
    lost = cluster_bootstrap_difference(
        lambda score, weights: weighted.auroc(run.sample.positive, score, weights), small, full, run.sample.cluster
    )
    found = Figure(lost.value, lost.low, lost.high)
    yield record.Row(
        probing.told("int8 less float: AUROC", found, signed=True), found.value, "", -WITHIN, at_least=True
    )


def _files(run: _Run, fold: int) -> tuple[bytes, bytes]:
    """Return a fold's network as a float and as an int8 file."""
    rng, spec = np.random.default_rng(run.recipe.train.seed), run.judge.preprocess
    seen = [i for i, r in enumerate(run.manifest.records) if run.judge.fold_of(r.sha256) != fold]
    chosen = rng.choice(seen, min(CALIBRATION_PHOTOS, len(seen)), replace=False).tolist()
    varied = [spec.normalise(augment(run.pixels[i], spec.size, rng)) for i in chosen[::2]]
    full = onnx.export(run.judge.networks[fold], spec.size)
    return full, onnx.quantise(full, np.stack([*varied, *(spec(run.pixels[i]) for i in chosen[1::2])]))


def _told(measure: str, found: Figure) -> str:
    return f"{measure} [{found.low:.1f}–{found.high:.1f}]"


def _tell(stage: str, done: int, of: int) -> None:
    if done == of:
        print(stage, file=sys.stderr, flush=True)


def _quick(scratch: Path) -> _Run:
    data = probing.workspace(scratch)
    with opened(QUICK, data, scratch / "run") as work:
        found: Predictions = cross_validate(QUICK, work.manifest, work.pixels, work.out, lambda *_: None)
    found.write(scratch / "run" / "predictions.parquet")
    return _opened(QUICK, data, scratch / "run")


if __name__ == "__main__":
    main()
