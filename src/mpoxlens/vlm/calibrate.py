"""From out-of-fold predictions to the numbers by which an adapter decides, fitted as a bundle's are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mpoxlens.datasets.manifest import Manifest
from mpoxlens.evaluation.crossfit import Goals, Judged, cross_fit, fit_rules, judged_of
from mpoxlens.evaluation.metrics import auroc
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.vlm.recipe import VlmRecipe
from mpoxlens.vlm.rules_file import Rules


def calibrated_rules(recipe: VlmRecipe, manifest: Manifest, alone: Predictions) -> Rules:
    """Fit calibration, operating point and prediction set on photographs of a rash without a history.

    Args:
        recipe: [rules] says what the thresholds are chosen for, [data] which labels are no rash.
        manifest: of the photographs, with their labels.
        alone: out-of-fold predictions of the photograph alone, mpox against all others.

    Raises:
        DataError: mpox or what is not mpox has no photograph.
    """
    judged = _judged(recipe, manifest, alone)
    goals = Goals(recipe.rules.sensitivity, recipe.rules.alpha)
    fitted = fit_rules(judged, np.ones(len(judged.target), dtype=np.bool_), goals, recipe.train.seed)
    rash = int(judged.asked.sum())
    told = f"{rash} photographs of a rash out of fold, without a history, {recipe.train.folds} grouped folds"
    return Rules(
        fitted.calibration, fitted.operating_point, fitted.conformal, told, _figures(judged, goals, recipe.train.seed)
    )


def _judged(recipe: VlmRecipe, manifest: Manifest, alone: Predictions) -> Judged:
    label = {record.sha256: record.label for record in manifest.records}
    asked = np.array([label[sha] not in recipe.data.without for sha in alone.sha256])
    return replace(judged_of(alone, ()), asked=asked)


def _figures(judged: Judged, goals: Goals, seed: int) -> dict[str, float]:
    """Return how good the rules are on the folds that they were not fitted on, among photographs of a rash."""
    told = cross_fit(judged, goals, seed)
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
