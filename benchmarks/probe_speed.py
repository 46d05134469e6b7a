"""How long does cross-validation of one frozen backbone take, once its features are there?

Features of EfficientNet-Lite0 (1280 numbers), of the photographs of a workspace or, without one, drawn ones of the same
number. Everything is done anew in each of ten folds: standardisation, the choice of C by five inner folds, the fit.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mpoxlens.datasets.split import folds
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.schema import Floats, ImageRecord
from mpoxlens.vision.features import frozen_features
from mpoxlens.vision.probe import fit_probe
from mpoxlens.vision.recipe import ModelRecipe, Recipe, TrainRecipe
from record import Row, arguments, finish

PHOTOGRAPHS, WIDTH, FOLDS = 572, 1280, 10
GOAL = 60  # s


def made_up(count: int, labels: Sequence[str], width: int = WIDTH) -> tuple[list[ImageRecord], Floats]:
    """Return records of random clusters, and features that overlap between labels."""
    rng = np.random.default_rng(0)
    names = [labels[i] for i in rng.choice(len(labels), count, p=(0.17, 0.14, 0.1, 0.59))]
    group = rng.integers(0, int(count * 0.7), count)
    records = [ImageRecord(f"{i:04}", "", names[i], "", None, 1, 1, f"{names[i]}{group[i]}") for i in range(count)]
    centre = rng.normal(size=(len(labels), width))
    noise = rng.normal(size=(count, width)) @ rng.normal(size=(width, width)) / 8
    return records, np.float32(centre[[labels.index(name) for name in names]] + noise)


def seconds(records: Sequence[ImageRecord], features: Floats, recipe: Recipe) -> tuple[float, float]:
    """Return the seconds of a cross-validation, and the share of photographs that it gets right."""
    target = np.array([recipe.data.labels.index(r.label) for r in records])
    part = folds(records, recipe.train.folds, recipe.train.seed).part
    right = np.zeros(len(records), np.bool_)
    start = time.perf_counter()
    for k in range(recipe.train.folds):
        seen, unseen = np.flatnonzero(part != k), np.flatnonzero(part == k)
        probe = fit_probe(features[seen], target[seen].tolist(), [records[i].group for i in seen], recipe)
        right[unseen] = probe.logits(features[unseen]).argmax(axis=1) == target[unseen]
    return time.perf_counter() - start, float(right.mean())


def main() -> None:
    """Measure."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, help="a workspace of `mpoxlens data`, after apply")
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe(Path("probe.toml"), train=TrainRecipe(mode="frozen", folds=3 if options.quick else FOLDS))
    if options.data:
        with tempfile.TemporaryDirectory() as folder:
            manifest = Workspace(options.data).clean()
            records, features = frozen_features(manifest, Path(folder) / "features.parquet", ModelRecipe())
    else:
        count, width = (60, 64) if options.quick else (PHOTOGRAPHS, WIDTH)
        records, features = made_up(count, recipe.data.labels, width)
    took, right = seconds(records, features, recipe)
    rows = [
        Row("cross-validation of a frozen backbone, C chosen in each fold", took, "s", GOAL),
        Row("photographs called by their label, out of fold", right, ""),
    ]
    kind = "photographs" if options.data else "made-up feature vectors"
    notes = f"{len(records)} {kind} of {features.shape[-1]} features, {recipe.train.folds} folds, one thread."
    finish("probe_speed", rows, quick=options.quick, notes=notes, packages=("numpy", "scikit-learn"))


if __name__ == "__main__":
    main()
