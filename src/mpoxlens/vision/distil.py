"""Distillation (Hinton et al. 2015): what a phone-sized student is told besides the labels.

The teacher judges the very views that the student sees (Beyer et al. 2022, "a good teacher is patient and consistent").
`fit` mixes its word with the labels'; here the teacher is made, fold by fold, and the images are found that have no
label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError
from mpoxlens.schema import Pixels
from mpoxlens.vision.backbones import FAMILIES, create, preprocess_of
from mpoxlens.vision.features import frozen_features
from mpoxlens.vision.probe import fit_probe
from mpoxlens.vision.recipe import ModelRecipe, Recipe
from mpoxlens.vision.teachers import FROZEN, Eye, Frozen, Judge, Judgement, of_bundle, of_run


@dataclass(frozen=True, eq=False)
class Teacher:
    """One or several judges as one."""

    judges: tuple[Judge, ...]

    def __call__(self, views: Tensor, keys: object = None) -> Judgement:
        """Judge the views that the student sees.

        Args:
            views: [B, 3, H, W] in 0..1, before the student's standardisation.
            keys: which photographs and draws they are; not asked for, since no draw comes twice in a fit.

        Returns:
            Logits [B, C], the log of the judges' mean probabilities, and the first judge's embedding [B, D].
        """
        found = [judge(views) for judge in self.judges]
        each = torch.stack([logits.log_softmax(dim=1) for logits, _ in found])  # [M, B, C]
        return each.logsumexp(dim=0) - math.log(len(found)), found[0][1]


def teacher_for(
    recipe: Recipe,
    manifest: Manifest,
    pixels: Sequence[Pixels],
    rows: np.ndarray,
    folder: Path,
    tell: Tell = silent,
) -> Teacher:
    """Return the teacher of a student that learns from some rows of a manifest and is judged on the others.

    Args:
        recipe: [distil]; folders in it are relative to the recipe's file.
        manifest: N photographs with clusters.
        pixels: [N], as the student has them; the teachers that there are need none before they see views.
        rows: the whole training side, those that a reviewer doubts too: every other row counts as held out.
        folder: keeps the frozen features. They are of no fold, so give one folder to all.
        tell: shows how many features are computed.

    Raises:
        DataError: a teacher has, or may have, learned from a held-out cluster, or knows other labels.
        WeightsError: a frozen backbone is not to be had.
    """
    seen = set(rows.tolist())
    held_out = {record.group for i, record in enumerate(manifest.records) if i not in seen}
    both = held_out & {manifest.records[i].group for i in seen}
    if both:
        why = "it is learned from and judged on"
        raise DataError(f"cluster {min(both)}", why, "split by clusters, as datasets.split.folds does")
    labels, judges = recipe.data.labels, list[Judge]()
    for name in recipe.distil.teachers:
        place = recipe.path.parent / name
        if name.startswith(FROZEN):
            judges.append(of_frozen(name.removeprefix(FROZEN), recipe, manifest, rows, folder, tell))
        elif (place / "bundle.json").is_file():
            judges.append(of_bundle(place, labels, held_out))
        else:
            judges.append(of_run(place, labels, manifest, held_out))
    return Teacher(tuple(judges))


def of_frozen(
    family: str, recipe: Recipe, manifest: Manifest, rows: np.ndarray, folder: Path, tell: Tell = silent
) -> Frozen:
    """Return a frozen backbone as a teacher; of the photographs it knows those in `rows` alone, by a probe.

    Raises:
        DataError: no such backbone, a photograph cannot be read any more, or a label is missing among the rows.
        WeightsError: its weights are not to be had.
    """
    settings = _family(family, recipe.path)
    records, features = frozen_features(manifest, folder / f"teacher-{family}.parquet", settings, tell)
    if len(records) != len(manifest.records):
        raise DataError(str(manifest.root), "a photograph cannot be read any more", "ingest the folder again")
    doubted = {sha for sha, flags in manifest.flags.items() if flags & set(recipe.data.unsure)}
    learned = [i for i in rows.tolist() if records[i].sha256 not in doubted]
    targets = [recipe.data.labels.index(records[i].label) for i in learned]
    probe = fit_probe(features[..., learned, :], targets, [records[i].group for i in learned], recipe)
    return Frozen(_eye(settings, recipe.train.variants > 0), probe)


@cache
def _eye(settings: ModelRecipe, remembers: bool) -> Eye:
    """Return the one backbone that all folds of a run ask: with few variants, each has to be looked at but once."""
    model = create(settings, classes=2).eval()
    return Eye(model, preprocess_of(model, settings.size), remembers=remembers)


def _family(name: str, where: Path) -> ModelRecipe:
    if name not in FAMILIES:
        mend = f"choose one of {', '.join(sorted(FAMILIES))}"
        raise DataError(f"{where}: distil.teachers: {FROZEN}{name}", "no such family of backbones", mend)
    family = FAMILIES[name]
    return ModelRecipe(family.backbone, family.weights, 0, family.size, family.pool)
