"""A teacher that says what a photograph shows, as sure as it was right of photographs that it had not learned from.

Logistic regression on the mean of CLIP's features; soft labels of this kind are those of Hinton et al. 2015 (arXiv
1503.02531).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from mpoxlens.evaluation.calibration import fit_calibration
from mpoxlens.rules import Calibration, Doubles
from mpoxlens.schema import Floats
from mpoxlens.vision.probe import Probe, fit_probe
from mpoxlens.vision.recipe import Recipe

INNER_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Teacher:
    """A probe of the whole training side, calibrated by probes of parts of it."""

    probe: Probe
    calibration: Calibration
    positive: int  # index of the label that is asked for

    def __call__(self, features: Floats) -> Doubles:
        """Return probabilities [N, C] for features [N, D]."""
        return self.calibration.probabilities(self.probe.logits(features), self.positive)


def teacher_of(features: Floats, targets: Sequence[int], clusters: Sequence[str], recipe: Recipe) -> Teacher:
    """Fit a teacher.

    Args:
        features: [N, D].
        targets: [N], index of each photograph's label.
        clusters: [N]; the inner cross-validation cuts none.
        recipe: labels, seed and what `fit_probe` depends on.

    Raises:
        DataError: a label has too few clusters.
    """
    target, cluster = np.asarray(targets), np.asarray(clusters)
    logits = np.zeros((len(target), len(recipe.data.labels)), np.float32)
    fewest = min(len(set(cluster[target == c].tolist())) for c in set(targets))
    parts = StratifiedGroupKFold(max(2, min(INNER_FOLDS, fewest)), shuffle=True, random_state=recipe.train.seed)
    for seen, unseen in parts.split(target, target, cluster):
        probe = fit_probe(features[seen], target[seen].tolist(), cluster[seen].tolist(), recipe)
        logits[unseen] = probe.logits(features[unseen])
    positive = recipe.data.labels.index(recipe.data.positive)
    calibration = fit_calibration(logits, target == positive, positive, clusters, recipe.train.seed, refits=0)
    whole = fit_probe(features, targets, clusters, recipe)
    return Teacher(whole, calibration, positive)
