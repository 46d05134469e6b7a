"""Which photographs each fold learns from and judges; whatever cannot be learned is refused here, before any work."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.split import Rows, check_enough, folds
from mpoxlens.errors import DataError
from mpoxlens.vision.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Part:
    """One fold of a repeat."""

    repeat: int
    fold: int
    seen: Rows  # of the manifest; learned from, but for those that a reviewer doubts
    unseen: Rows  # judged
    name: str  # as progress shows it
    folder: str  # in the run's folder


def plan(recipe: Recipe, manifest: Manifest, setting: str = "train.folds") -> list[Part]:
    """Return all folds of all repeats; repeat r deals the clusters out by `train.seed` + r.

    Raises:
        DataError: a label is empty, has too few clusters, or would not be learned in one of the folds; `setting` is
            where a recipe says how many they are.
    """
    t, found = recipe.train, []
    target = check_labels(recipe, manifest, setting)
    for repeat in range(t.repeats):
        fold = folds(manifest.records, t.folds, t.seed + repeat).part
        for k in range(t.folds):
            seen, unseen = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            again = f"repeat {repeat + 1} of {t.repeats} " if t.repeats > 1 else ""
            folder = f"repeat{repeat}/fold{k}" if repeat else f"fold{k}"
            part = Part(repeat, k, seen, unseen, f"{again}fold {k + 1} of {t.folds}", folder)
            _check_learnable(recipe, manifest, target, part)
            found.append(part)
    return found


def check_labels(recipe: Recipe, manifest: Manifest, setting: str = "train.folds") -> Rows:
    """Return `targets`; refuse too few clusters as well, which the search for copies can but make fewer."""
    target = targets(recipe, manifest)
    check_enough(manifest.records, recipe.train.folds, f"{recipe.train.folds} folds", setting)
    return target


def _check_learnable(recipe: Recipe, manifest: Manifest, target: Rows, part: Part) -> None:
    """Refuse a fold whose training side lost all photographs of a label to the reviewers' doubts."""
    left = set(target[sure(recipe, manifest, part.seen)].tolist())
    for i, label in enumerate(recipe.data.labels):
        if i not in left:
            why = f"reviewers doubt every photograph that {part.name} would learn it from"
            raise DataError(f"label {label}", why, "add photographs, or shorten data.unsure of the recipe")


def of_repeat(recipe: Recipe, repeat: int) -> Recipe:
    """Return the recipe with the seed of a repeat."""
    return replace(recipe, train=replace(recipe.train, seed=recipe.train.seed + repeat))


def sure(recipe: Recipe, manifest: Manifest, rows: Rows) -> Rows:
    """Return the rows without those that a reviewer doubts: they are tested on and not learned from."""
    unsure = {sha for sha, flags in manifest.flags.items() if flags & set(recipe.data.unsure)}
    return np.array([i for i in rows.tolist() if manifest.records[i].sha256 not in unsure], dtype=np.int64)


def targets(recipe: Recipe, manifest: Manifest) -> Rows:
    """Return each record's label as an index [N].

    Raises:
        DataError: a record has a label that the recipe does not know, or a label of the recipe has no photograph.
    """
    known = {label: i for i, label in enumerate(recipe.data.labels)}
    for record in manifest.records:
        if record.label not in known:
            why = f"label {record.label!r} is not in the recipe's data.labels"
            raise DataError(record.path, why, "add it there, or drop the photograph")
    found = np.array([known[r.label] for r in manifest.records], dtype=np.int64)
    for label, i in known.items():
        if i not in found:
            raise DataError(f"label {label}", "no photograph has it", "add some, or remove it from data.labels")
    return found
