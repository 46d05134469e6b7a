"""Fit what the bundle decides by, on out-of-fold predictions alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from mpoxlens.evaluation.metrics import Doubles, Flags, resample
from mpoxlens.rules import Calibration, Conformal
from mpoxlens.schema import Floats

REFITS = 200
PRIOR = 4.0  # the weight, in photographs, of the belief that temperature is near 1 and bias near 0


def fit_calibration(
    logits: Floats,
    positive: Flags,
    column: int,
    clusters: Sequence[str],
    seed: int,
    refits: int = REFITS,
    repeats: int = 1,
) -> Calibration:
    """Fit temperature and bias by maximum likelihood, and again on resampled clusters for the interval.

    Args:
        logits: [N, C] out-of-fold.
        positive: [N] which are of the positive label.
        column: of the positive label.
        clusters: [N].
        seed: of the resampling.
        refits: on resampled clusters; 0 where no interval is asked for.
        repeats: rows that each photograph has, of which each counts for its part.
    """
    prior = PRIOR * repeats
    temperature, bias = _fit(logits, positive, column, prior)
    pairs = [_fit(logits[rows], positive[rows], column, prior) for rows in resample(clusters, refits, seed)]
    return Calibration(round(temperature, 4), round(bias, 4), tuple(pairs))


def _fit(logits: Floats, positive: Flags, column: int, prior: float = PRIOR) -> tuple[float, float]:
    def loss(theta: Doubles) -> float:
        odds = Calibration(float(np.exp(theta[0])), float(theta[1]), ()).log_odds(logits, column)
        likelihood = np.logaddexp(0, np.where(positive, -odds, odds)).sum()
        return float(likelihood + 0.5 * prior * (theta**2).sum())

    found = minimize(loss, np.zeros(2), method="Nelder-Mead")
    return float(np.exp(found.x[0])), float(found.x[1])


def operating_point(probability: Doubles, positive: Flags, wanted: float) -> float:
    """Return the highest threshold whose sensitivity is at least `wanted`, half-way to the next photograph below."""
    scores = np.sort(probability[positive])
    allowed = int(np.floor((1 - wanted) * len(scores) + 1e-9))  # positives that may fall below
    below = probability[probability < scores[allowed]]
    return float((scores[allowed] + (below.max() if len(below) else 0.0)) / 2)


def careful_operating_point(
    probability: Doubles, positive: Flags, wanted: float, clusters: Sequence[str], certainty: float, seed: int
) -> float:
    """Return the threshold that `certainty` of the resampled sets of people would have kept as low, or lower.

    The threshold of a finite sample misses the wanted sensitivity on new people about every second time. This is the
    one-sided bootstrap bound of `operating_point`; at certainty .5 it is its median.
    """
    drawn = (
        operating_point(probability[r], positive[r], wanted)
        for r in resample(clusters, REFITS, seed)
        if positive[r].any()
    )
    return float(np.quantile(list(drawn), 1 - certainty))


def fit_conformal(probability: Doubles, positive: Flags, alpha: float, repeats: int = 1) -> Conformal:
    """Return class-conditional cut-offs with the finite-sample correction of split conformal prediction.

    Args:
        probability: [N] of the positive class.
        positive: [N].
        alpha: share of each class that may be left out of its own set.
        repeats: rows that each photograph has; the correction counts photographs.
    """
    mpox, other = np.sort(probability[positive]), np.sort(probability[~positive])
    low, high = (int(np.floor(alpha * (len(scores) / repeats + 1))) for scores in (mpox, other))
    # The rank-th score from the end that a class is rare at; rank 0 is too few photographs to leave anybody out.
    first = float(mpox[(low - 1) * repeats]) if low else 0.0
    return Conformal(alpha, first, float(other[-1 - (high - 1) * repeats]) if high else 1.0)
