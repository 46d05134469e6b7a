"""The figures of a cross-validation, each with its interval, as the bundle and its card report them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from mpoxlens.evaluation.calibration import fit_calibration, fit_conformal, operating_point
from mpoxlens.evaluation.metrics import Doubles, Figure, Flags, auroc, binary_figures, with_interval
from mpoxlens.rules import Calibration, Conformal, side
from mpoxlens.schema import Floats

MEASURED_ON = "out-of-fold predictions, grouped by patient and near-duplicate; calibration and thresholds cross-fitted"
TONE_BANDS = {"light": (28.0, 90.0), "intermediate": (0.0, 28.0), "dark": (-90.0, 0.0)}  # ITA in degrees


@dataclass(frozen=True)
class Goals:
    """What the thresholds are chosen for."""

    sensitivity: float
    alpha: float


@dataclass(frozen=True, eq=False)
class Judged:
    """Out-of-fold predictions, and who is asked about."""

    logits: Floats  # [N, C]
    target: np.ndarray  # [N] int64
    cluster: tuple[str, ...]
    fold: np.ndarray  # [N] int64
    positive: int  # column
    asked: Flags  # [N], photographs of people with a rash: what calibration and thresholds are fitted on


@dataclass(frozen=True, eq=False)
class Rules:
    """What a decision rests on."""

    calibration: Calibration
    operating_point: float
    conformal: Conformal


def fit_rules(judged: Judged, rows: Flags, goals: Goals, seed: int) -> Rules:
    """Fit calibration, operating point and prediction set on the given rows, among those with a rash."""
    use = np.flatnonzero(rows & judged.asked)
    positive = judged.target[use] == judged.positive
    clusters = [judged.cluster[i] for i in use]
    calibration = fit_calibration(judged.logits[use], positive, judged.positive, clusters, seed)
    probability = calibration.probabilities(judged.logits[use], judged.positive)[:, judged.positive]
    threshold = operating_point(probability, positive, goals.sensitivity)
    return Rules(calibration, threshold, fit_conformal(probability, positive, goals.alpha))


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Each photograph judged by rules that saw nothing of its fold."""

    probability: Doubles  # [N]
    called: Flags  # [N], at or above the operating point
    likely: Flags  # [N], told "mpox likely" by the photograph alone
    unlikely: Flags  # [N], told "mpox unlikely"; where neither, "cannot tell"


def cross_fit(judged: Judged, goals: Goals, seed: int) -> CrossFitted:
    """Apply to every fold the rules fitted on the others."""
    n = len(judged.target)
    probability = np.zeros(n)
    called, likely, unlikely = (np.zeros(n, dtype=bool) for _ in range(3))
    for k in np.unique(judged.fold):
        rows = judged.fold == k
        rules = fit_rules(judged, ~rows, goals, seed)
        p = rules.calibration.probabilities(judged.logits[rows], judged.positive)[:, judged.positive]
        probability[rows], called[rows] = p, p >= rules.operating_point
        sides = np.array([side(float(v), rules.conformal, rules.operating_point) or "" for v in p])
        likely[rows], unlikely[rows] = sides == "mpox", sides == "other"
    return CrossFitted(probability, called, likely, unlikely)


def figures(judged: Judged, fitted: CrossFitted, tone: Doubles | None = None) -> dict[str, Any]:
    """Return all figures.

    Args:
        judged: out-of-fold predictions.
        fitted: the same, with rules applied.
        tone: [N] individual typology angle in degrees, for the figures within tone bands.
    """
    everyone = np.ones(len(judged.target), dtype=bool)
    found: dict[str, Any] = {
        "measured_on": MEASURED_ON,
        "rash_only": _question(judged, fitted, judged.asked),
        "with_healthy": _question(judged, fitted, everyone),
        "four_class": _classes(judged),
    }
    if tone is not None:
        found["auroc_by_tone"] = {name: _in_band(judged, fitted, tone, band) for name, band in TONE_BANDS.items()}
    return found


def _question(judged: Judged, fitted: CrossFitted, rows: Flags) -> dict[str, Any]:
    use = np.flatnonzero(rows)
    positive, called = judged.target[use] == judged.positive, fitted.called[use]
    clusters = [judged.cluster[i] for i in use]
    found = dict(binary_figures(positive, fitted.probability[use], called, clusters))
    likely, unlikely = fitted.likely[use], fitted.unlikely[use]
    decided, right = likely | unlikely, np.where(positive, likely, unlikely)
    found["decided"] = with_interval(lambda r: float(decided[r].mean()), clusters)
    found["right_when_decided"] = with_interval(lambda r: _share(right[r], decided[r]), clusters)
    found["mpox_told_unlikely"] = with_interval(lambda r: _share(unlikely[r], positive[r]), clusters)
    found["others_told_likely"] = with_interval(lambda r: _share(likely[r], ~positive[r]), clusters)
    counts = {"photos": len(use), "mpox": int(positive.sum()), "clusters": len(set(clusters))}
    return counts | {name: figure.to_dict() for name, figure in found.items()}


def _share(flags: Flags, among: Flags) -> float:
    return float(flags[among].mean()) if among.any() else float("nan")


def _classes(judged: Judged) -> Mapping[str, Any]:
    predicted = judged.logits.argmax(axis=1)
    right = predicted == judged.target
    accuracy = with_interval(lambda r: float(right[r].mean()), judged.cluster)
    macro = with_interval(lambda r: float(f1_score(judged.target[r], predicted[r], average="macro")), judged.cluster)
    recall = with_interval(lambda r: _share(right[r], judged.target[r] == judged.positive), judged.cluster)
    named: dict[str, Figure] = {"accuracy": accuracy, "macro_f1": macro, "mpox_recall": recall}
    return {name: figure.to_dict() for name, figure in named.items()}


def _in_band(judged: Judged, fitted: CrossFitted, tone: Doubles, band: tuple[float, float]) -> dict[str, Any]:
    use = np.flatnonzero(judged.asked & (tone >= band[0]) & (tone < band[1]))
    positive, p = judged.target[use] == judged.positive, fitted.probability[use]
    clusters: Sequence[str] = [judged.cluster[i] for i in use]
    counts = {"photos": len(use), "mpox": int(positive.sum())}
    if not 0 < positive.sum() < len(use):
        return counts
    return counts | with_interval(lambda r: auroc(positive[r], p[r]), clusters).to_dict()
