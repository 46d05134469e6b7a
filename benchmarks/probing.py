"""What the benchmarks of frozen probes have in common: features, out-of-fold logits, drawn photographs for a quick run.

A probe is multinomial logistic regression on the features of a network that has seen no rash, with one penalty for all.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.manifest import Manifest, clustered
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.steps import apply, duplicates, ingest
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Doubles, Figure, Flags
from mpoxlens.schema import Floats, ImageRecord
from mpoxlens.vision.backbones import FAMILIES
from mpoxlens.vision.features import frozen_features
from mpoxlens.vision.probe import fit_probe
from mpoxlens.vision.recipe import ModelRecipe, Recipe, TrainRecipe

RECIPE = Recipe(Path("probe"), train=TrainRecipe(mode="frozen", folds=10, inverse_penalty=0.01))
LOOKS = {"mpox": ("pustule", 9), "chickenpox": ("vesicle", 9), "measles": ("macule", 30), "healthy": ("macule", 0)}
QUICK = ModelRecipe(weights="none", frozen_blocks=0, size=64)  # its features mean nothing: the script alone is tried


def model_of(family: str) -> ModelRecipe:
    """Return a family of `backbones` with its base weights, at its own size."""
    f = FAMILIES[family]
    return ModelRecipe(f.backbone, f.weights, f.frozen_blocks, 0, f.pool)


def features_of(manifest: Manifest, model: ModelRecipe, path: Path, views: int = 1) -> Floats:
    """Return features [N, D], or [V, N, D] of several views; kept at `path`, so that a stopped run goes on.

    Raises:
        DataError: a photograph cannot be read any more.
        WeightsError: the base weights are not to be had.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    records, found = frozen_features(manifest, path, model, _Log(path.stem), views=views)
    if len(records) != len(manifest.records):
        raise DataError(str(manifest.root), "a photograph cannot be read any more", "ingest the folder again")
    return found


def plain_of(work: Workspace, family: str, folder: Path) -> dict[str, Floats]:
    """Return the features [D] of each photograph as it is, those that reviewers dropped too, by sha256; see above."""
    found = work.manifest()
    features = features_of(found, model_of(family), folder / f"plain-{family}.parquet")
    return {r.sha256: row for r, row in zip(found.records, features, strict=True)}


class _Log:
    """A line now and then on stderr."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, stage: str, done: int, of: int) -> None:
        print(f"{self.name}: {stage}, {done} of {of}", file=sys.stderr, flush=True)


def sure(manifest: Manifest) -> Flags:
    """Which photographs [N] no reviewer doubts: the others are tested on and not learned from."""
    unsure = {sha for sha, flags in manifest.flags.items() if flags & set(RECIPE.data.unsure)}
    return np.array([record.sha256 not in unsure for record in manifest.records])


def targets(records: Sequence[ImageRecord]) -> np.ndarray:
    """Return the index [N] of each label."""
    return np.array([RECIPE.data.labels.index(record.label) for record in records])


def learned(features: Floats, records: Sequence[ImageRecord], rows: Flags, judged: Floats) -> Floats:
    """Learn from some rows of features [N, D], and return the logits [..., C] of other features [..., D]."""
    chosen = np.flatnonzero(rows).tolist()
    known = [records[i] for i in chosen]
    probe = fit_probe(features[chosen], targets(known).tolist(), [record.group for record in known], RECIPE)
    return probe.logits(judged)


def score_of(logits: Floats) -> Doubles:
    """Return the logit of mpox less the log of the summed exponentials of the other rashes' [...]."""
    data = RECIPE.data
    column = data.labels.index(data.positive)
    others = [i for i, label in enumerate(data.labels) if i != column and label not in data.without]
    exact = logits.astype(np.float64)
    return np.asarray(exact[..., column] - np.logaddexp.reduce(exact[..., others], axis=-1))


def told(measure: str, found: Figure, *, signed: bool = False) -> str:
    """Return a measure with its interval."""
    low, high = (f"{x:+.3f}" if signed else f"{x:.3f}" for x in (found.low, found.high))
    return f"{measure} [{low}–{high}]"


def drawn(root: Path, count: int = 10) -> Manifest:
    """Draw a small data set of every label, in all tones, each photograph its own group."""
    for row, (label, (stage, spots)) in enumerate(LOOKS.items()):
        (root / label).mkdir(parents=True)
        for i in range(count):
            phantom = draw(100 * row + i, stage=stage, count=spots, tone=50 - 10 * i, size=96)  # type: ignore[arg-type]
            Image.fromarray(phantom.pixels).save(root / label / f"{i}.png")
    found = collect([root])
    return replace(found, records=clustered(found, []))


def workspace(scratch: Path, count: int = 6) -> Path:
    """Draw a small data set and return its workspace, ready to be learned from."""
    drawn(scratch / "drawn", count)
    data = Workspace(scratch / "data")
    ingest(data, [scratch / "drawn"])
    duplicates(data)
    apply(data, [])
    return data.path
