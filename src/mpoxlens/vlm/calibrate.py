"""From out-of-fold predictions to the numbers by which an adapter decides, fitted as a bundle's are.

One calibration holds for a photograph alone and for one with a history: with one for each, an answer that says nothing
would move the probability. The thresholds are those of the photograph alone, which is the harder to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.evaluation import crossfit
from mpoxlens.evaluation.calibration import REFITS
from mpoxlens.evaluation.crossfit import Goals, Judged, cross_fit, fit_rules, judged_of
from mpoxlens.evaluation.metrics import Doubles, Flags, auroc
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.vlm.recipe import VlmRecipe
from mpoxlens.vlm.rules_file import Rules


def calibrated_rules(recipe: VlmRecipe, manifest: Manifest, alone: Predictions, told: Mapping[str, float]) -> Rules:
    """Fit calibration, operating point and prediction set on photographs of a rash.

    Args:
        recipe: [rules] says what the thresholds are chosen for, [data] which labels are no rash.
        manifest: of the photographs, with their labels.
        alone: out-of-fold predictions of the photograph alone, mpox against all others.
        told: log-odds of mpox, out of fold, of each photograph with a simulated history, by sha256.

    Raises:
        DataError: mpox or what is not mpox has no photograph.
    """
    judged, goals, seed = _judged(recipe, manifest, alone), _goals(recipe), recipe.train.seed
    odds = np.array([told[sha] for sha in alone.sha256])
    fitted = fit_twice(judged, np.ones(len(odds), dtype=np.bool_), goals, seed, told=odds)
    rash = int(judged.asked.sum())
    measured = f"{rash} photographs of a rash out of fold, each alone and with a simulated history; thresholds: alone; "
    measured += f"{recipe.train.folds} grouped folds"
    figures = _figures(judged, odds, goals, seed)
    return Rules(fitted.calibration, fitted.operating_point, fitted.conformal, measured, figures)


def fit_twice(
    alone: Judged, rows: Flags, goals: Goals, seed: int, refits: int = REFITS, *, told: Doubles
) -> crossfit.Rules:
    """Fit one calibration to photographs alone and with a history, and thresholds to them alone.

    Args:
        alone: two columns, of which the positive is the first; one row a photograph.
        rows: [N] which are fitted on.
        goals: of the thresholds.
        seed: of the bootstrap.
        refits: on resampled clusters.
        told: [N] log-odds of the same photographs with a history.

    Raises:
        DataError: mpox or what is not mpox has no photograph among the rows.
    """
    logits = np.stack([told, np.zeros(len(told))], axis=1).astype(np.float32)
    both = replace(
        alone,
        logits=np.concatenate([alone.logits, logits]),
        target=np.tile(alone.target, 2),
        cluster=alone.cluster * 2,
        fold=np.tile(alone.fold, 2),
        asked=np.tile(alone.asked, 2),
        repeat=np.repeat([0, 1], len(told)),
    )
    calibration = fit_rules(both, np.tile(rows, 2), goals, seed, refits).calibration
    return fit_rules(alone, rows, goals, seed, refits, calibration=calibration)


def _goals(recipe: VlmRecipe) -> Goals:
    return Goals(recipe.rules.sensitivity, recipe.rules.alpha)


def _judged(recipe: VlmRecipe, manifest: Manifest, alone: Predictions) -> Judged:
    label = {record.sha256: record.label for record in manifest.records}
    asked = np.array([label[sha] not in recipe.data.without for sha in alone.sha256])
    return replace(judged_of(alone, ()), asked=asked)


def _figures(judged: Judged, odds: Doubles, goals: Goals, seed: int) -> dict[str, float]:
    """Return how good the rules are on the folds that they were not fitted on, among photographs of a rash alone."""
    told = cross_fit(judged, goals, seed, partial(fit_twice, told=odds))
    positive = judged.target == judged.positive
    decided = judged.asked & (told.likely | told.unlikely)
    right = positive == told.likely
    return {
        "auroc": round(auroc(positive[judged.asked], told.probability[judged.asked]), 4),
        "sensitivity": round(float(told.called[judged.asked & positive].mean()), 4),
        "specificity": round(float(1 - told.called[judged.asked & ~positive].mean()), 4),
        "decided": round(float(decided.sum() / judged.asked.sum()), 4),
        "right_when_decided": round(float(right[decided].mean()), 4) if decided.any() else 0.0,
    }
