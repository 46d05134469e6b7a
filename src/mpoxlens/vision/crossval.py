"""Grouped cross-validation: out-of-fold predictions, the only thing that metrics and calibration read.

Folds hold whole clusters and every label in like shares (`datasets.split.folds`). Each repeat deals the clusters out
anew. A fold that is done is not done again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell
from mpoxlens.datasets.split import Rows
from mpoxlens.evaluation.battery import Goals, battery
from mpoxlens.evaluation.ood import fit_ood
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.schema import Floats, Pixels
from mpoxlens.screening.output import write_whole
from mpoxlens.vision.backbones import Classifier
from mpoxlens.vision.checks import check_network
from mpoxlens.vision.fit import identity
from mpoxlens.vision.learner import FineTuned, Frozen, Learner
from mpoxlens.vision.mae.leak import check_base_weights
from mpoxlens.vision.plan import Part, of_repeat, plan, targets
from mpoxlens.vision.processes import is_main
from mpoxlens.vision.recipe import Recipe, load
from mpoxlens.vision.run_folder import opened, write_json


@dataclass(frozen=True, eq=False)
class _Work:
    """What every fold needs."""

    recipe: Recipe
    manifest: Manifest
    target: Rows
    learner: Learner
    out: Path
    tell: Tell = field(repr=False)


def run(recipe_path: Path, data: Path, out: Path) -> dict[str, Any]:
    """Cross-validate a recipe, write `out`/predictions.parquet and figures.json, and return the figures.

    Raises:
        MpoxlensError: whatever of recipe, data, weights or disk cannot be used, in one line.
    """
    recipe = load(recipe_path)
    check_network(recipe)
    with opened(recipe, data, out) as work:
        predictions = cross_validate(recipe, work.manifest, work.pixels, out, work.tell)
        if is_main():
            predictions.write(out / "predictions.parquet")
        goals = Goals(recipe.bundle.sensitivity, recipe.bundle.alpha)
        found = battery(predictions, goals, recipe.train.seed, without=recipe.data.without)
        if is_main():
            write_json(found, out / "figures.json")
    return found


def cross_validate(
    recipe: Recipe,
    manifest: Manifest,
    pixels: Sequence[Pixels],
    out: Path,
    tell: Tell,
    features: Path | None = None,
) -> Predictions:
    """Judge every photograph by a network that saw nothing of its cluster, once a repeat.

    Args:
        recipe: folds, repeats and everything that a fit depends on.
        manifest: of N photographs, with clusters.
        pixels: [N] photographs.
        out: the run's folder; a run that was stopped there goes on.
        tell: told how far it is.
        features: folder that keeps frozen features, to be shared between runs; `out` by default.

    Raises:
        DataError: an empty label, or one with too few clusters for the folds, or base weights that were continued on
            photographs to be tested; before any work.
        MpoxlensError: whatever a fit raises.
    """
    return joined(list(each_fold(recipe, manifest, pixels, out, tell, features)), recipe, manifest)


def each_fold(
    recipe: Recipe,
    manifest: Manifest,
    pixels: Sequence[Pixels],
    out: Path,
    tell: Tell,
    features: Path | None = None,
) -> Iterator[Predictions]:
    """Give the predictions of one fold after the other; see `cross_validate`."""
    check_base_weights(recipe, manifest)
    parts = plan(recipe, manifest)
    work = _Work(
        recipe,
        manifest,
        targets(recipe, manifest),
        learner(recipe, manifest, pixels, features or out, tell),
        out,
        tell,
    )
    for part in parts:
        yield _judged(work, part)


def learner(recipe: Recipe, manifest: Manifest, pixels: Sequence[Pixels], features: Path, tell: Tell) -> Learner:
    """Return what learns by the recipe's `train.mode`."""
    target = targets(recipe, manifest)
    if recipe.train.mode == "frozen":
        return Frozen(recipe, manifest, target, features, tell)
    return FineTuned(manifest, pixels, target, features, tell)


def fit_part(
    recipe: Recipe, manifest: Manifest, pixels: Sequence[Pixels], rows: Rows, folder: Path, name: str, tell: Tell
) -> Classifier:
    """Return the network that learned from the given rows of the manifest, those left out that a reviewer doubts."""
    return learner(recipe, manifest, pixels, folder.parent, tell).model(recipe, rows, folder, name)


def _judged(work: _Work, part: Part) -> Predictions:
    """Return the predictions of the photographs that a fold does not learn from."""
    recipe = of_repeat(work.recipe, part.repeat)
    outputs = _outputs(work, recipe, part)
    logits, embedding, rows = outputs["logits"], outputs["embedding"], part.unseen
    strange = fit_ood(embedding[part.seen], recipe.bundle.strange).score(embedding[rows])
    return Predictions(
        recipe.data.labels,
        tuple(work.manifest.records[i].sha256 for i in rows),
        work.target[rows],
        tuple(work.manifest.records[i].group for i in rows),
        np.full(len(rows), part.fold),
        np.full(len(rows), part.repeat),
        logits[rows],
        strange,
        recipe.data.labels.index(recipe.data.positive),
    )


def _outputs(work: _Work, recipe: Recipe, part: Part) -> dict[str, Floats]:
    """Return logits and embedding of every photograph by the network of one fold, from the disk if it is done."""
    records = work.manifest.records
    stored = work.out / part.folder / "outputs.npz"
    known = identity(recipe, [*records, *(records[i] for i in part.seen)])
    found = _stored(stored, known)
    if found:
        return found
    found = work.learner.outputs(recipe, part.seen, stored.parent, part.name)
    stored.parent.mkdir(parents=True, exist_ok=True)

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, identity=known, logits=found["logits"], embedding=found["embedding"])

    if is_main():
        write_whole(stored, write)
    return found


def _stored(path: Path, known: str) -> dict[str, Floats] | None:
    """Return the outputs in a file, unless it is missing, damaged or of other photographs."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            same = str(found["identity"]) == known
            return {key: found[key] for key in ("logits", "embedding")} if same else None
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def joined(parts: Sequence[Predictions], recipe: Recipe, manifest: Manifest) -> Predictions:
    """Put folds together: repeat after repeat, each in the manifest's order."""
    place = {record.sha256: i for i, record in enumerate(manifest.records)}
    repeat = np.concatenate([p.repeat for p in parts])
    sha256 = [sha for p in parts for sha in p.sha256]
    cluster = [name for p in parts for name in p.cluster]
    order = np.lexsort((np.array([place[sha] for sha in sha256]), repeat))
    return Predictions(
        recipe.data.labels,
        tuple(sha256[i] for i in order),
        np.concatenate([p.target for p in parts])[order],
        tuple(cluster[i] for i in order),
        np.concatenate([p.fold for p in parts])[order],
        repeat[order],
        np.concatenate([p.logits for p in parts])[order],
        np.concatenate([p.strange for p in parts])[order],
        recipe.data.labels.index(recipe.data.positive),
    )
