"""All figures of a model, each with its interval, from a table of predictions: the one place that composes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure, figures_of
from mpoxlens.evaluation.crossfit import (
    CrossFitted,
    Goals,
    Judged,
    Rules,
    apply_rules,
    cross_fit,
    fit_rules,
    given_rash,
    judged_of,
)
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.subgroups import Answers, subgroups, tone_bands
from mpoxlens.evaluation.yes_no import PREVALENCES, calibration_figures, curves, yes_no
from mpoxlens.rules import Calibration

__all__ = [
    "MEASURED_ON",
    "CrossFitted",
    "Goals",
    "Judged",
    "Rules",
    "all_curves",
    "apply_rules",
    "battery",
    "cross_fit",
    "figures",
    "fit_rules",
    "given_rash",
    "judged_of",
]

MEASURED_ON = "out-of-fold predictions, grouped by patient and near-duplicate; calibration and thresholds cross-fitted"


def battery(
    p: Predictions,
    goals: Goals,
    seed: int,
    groups: Mapping[str, Sequence[str]] | None = None,
    without: Sequence[str] = ("healthy",),
    prevalences: Sequence[float] = PREVALENCES,
) -> dict[str, Any]:
    """Return all figures and curves of a cross-validation.

    Args:
        p: out-of-fold predictions.
        goals: what the thresholds are chosen for.
        seed: of the resampling within rules.
        groups: subgroup [N] of each row by the name of the grouping, see `subgroups.groupings`.
        without: labels of people who have no rash.
        prevalences: for which predictive values are told, beside the share among the photographs of a rash at hand.
    """
    judged = judged_of(p, without)
    fitted = cross_fit(judged, goals, seed)
    found = figures(judged, fitted, groups=groups, prevalences=prevalences) | {"curves": all_curves(judged, fitted)}
    if judged.asked.all():
        return found
    rash = given_rash(judged)
    told = with_share(judged, prevalences)
    everyone = np.ones(len(rash.target), dtype=np.bool_)
    return found | {"given_rash": _question(rash, cross_fit(rash, goals, seed), everyone, told)}


def figures(
    judged: Judged,
    fitted: CrossFitted,
    tone: Doubles | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    measured_on: str = MEASURED_ON,
    prevalences: Sequence[float] = PREVALENCES,
) -> dict[str, Any]:
    """Return all figures but the curves.

    Args:
        judged: out-of-fold or external predictions.
        fitted: the same, with rules applied.
        tone: [N] individual typology angle of each row in degrees; makes the grouping "tone".
        groups: subgroup [N] of each row by the name of the grouping.
        measured_on: in words.
        prevalences: for which predictive values are told, beside the share among the photographs of a rash at hand.
    """
    everyone, told = np.ones(len(judged.target), dtype=np.bool_), with_share(judged, prevalences)
    found: dict[str, Any] = {
        "measured_on": measured_on,
        "rash_only": _question(judged, fitted, judged.asked, told),
        "with_healthy": _question(judged, fitted, everyone, told),
        "four_class": _classes(judged, fitted),
    }
    named = ({} if tone is None else {"tone": tone_bands(tone)}) | dict(groups or {})
    if named:
        found["subgroups"] = _subgroups(judged, fitted, named)
    if "tone" in named:
        bands = found["subgroups"]["tone"]["groups"]
        found["auroc_by_tone"] = {name: _band(band) for name, band in bands.items()}
    return found


def with_share(judged: Judged, prevalences: Sequence[float]) -> list[float]:
    """Return prevalences with the share of mpox among the photographs of a rash, where both sides are there."""
    positive = judged.target[judged.asked] == judged.positive
    share = round(float(positive.mean()), 2) if len(positive) else 0.0
    return sorted({*prevalences, *([share] if 0 < share < 1 else [])})


def all_curves(judged: Judged, fitted: CrossFitted) -> dict[str, Any]:
    """Return the decision curve and the risk-coverage curve among photographs of a rash, and among all."""
    questions = {"rash_only": judged.asked, "with_healthy": np.ones(len(judged.target), dtype=np.bool_)}
    return {name: curves(*_part(judged, fitted, rows)) for name, rows in questions.items()}


def _part(judged: Judged, fitted: CrossFitted, rows: Flags) -> tuple[Flags, CrossFitted, Draws]:
    use = np.flatnonzero(rows)
    return judged.target[use] == judged.positive, fitted.take(use), Draws.of([judged.cluster[i] for i in use])


def _question(judged: Judged, fitted: CrossFitted, rows: Flags, prevalences: Sequence[float]) -> dict[str, Any]:
    positive, part, draws = _part(judged, fitted, rows)
    raw = Calibration(1.0, 0.0, ()).probabilities(judged.logits[rows], judged.positive)[:, judged.positive]
    counts = {"photos": len(positive), "mpox": int(positive.sum())}
    return {
        **{name: count // judged.repeats for name, count in counts.items()},
        "clusters": draws.counts.shape[1],
        "clusters_mpox": len(np.unique(draws.member[positive])),
        **yes_no(positive, part, draws, prevalences),
        "uncalibrated": figures_of(calibration_figures(positive, raw, draws)),
    }


def _classes(judged: Judged, fitted: CrossFitted) -> Mapping[str, Any]:
    """Figures of the question which of all labels it is: the answer is the likeliest as people are told it."""
    predicted, classes = fitted.label, judged.logits.shape[1]
    draws = Draws.of(judged.cluster)
    right = predicted == judged.target
    recall = {name: draws.mean(right, judged.target == i) for i, name in enumerate(judged.names)}
    table = np.bincount(judged.target * classes + predicted, minlength=classes**2).reshape(classes, classes)
    return {
        "accuracy": figure(draws.mean(right)).to_dict(),
        "macro_f1": figure(weighted.macro_f1(judged.target, predicted, classes, draws.weights)).to_dict(),
        "mpox_recall": figure(recall[judged.names[judged.positive]]).to_dict(),
        "recall": figures_of(recall),
        "confusion": {"labels": list(judged.names), "rows_true": table.tolist()},
    }


def _subgroups(judged: Judged, fitted: CrossFitted, groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Figures within subgroups, among photographs of a rash."""
    positive, part, draws = _part(judged, fitted, judged.asked)
    use = np.flatnonzero(judged.asked).tolist()
    clusters = tuple(judged.cluster[i] for i in use)
    answers = Answers(positive, part.probability, part.called, clusters, judged.repeats)
    return {name: subgroups(answers, [group[i] for i in use], draws) for name, group in groups.items()}


def _band(band: Mapping[str, Any]) -> dict[str, Any]:
    undefined = {"value": None, "low": None, "high": None}
    return {"photos": band["photos"], "mpox": band["mpox"], **band.get("auroc", undefined)}
