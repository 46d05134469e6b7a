"""Two judges of the same photographs: is one better? Paired tests, and their correction when many are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.stats import norm, rankdata

from mpoxlens.errors import DataError
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.metrics import RESAMPLES, Doubles, Flags
from mpoxlens.evaluation.predictions import Predictions

T = TypeVar("T")


@dataclass(frozen=True)
class Difference:
    """What the first judge has over the second, with its 95 % interval and two-sided p-value."""

    value: float
    low: float
    high: float
    p: float

    def to_dict(self) -> dict[str, float | None]:
        """Return it as it is recorded; None where it is not defined."""
        return {name: round(x, 4) if np.isfinite(x) else None for name, x in vars(self).items()}


def delong(positive: Flags, score_a: Doubles, score_b: Doubles) -> Difference:
    """Return the difference of two AUROCs on the same independent photographs.

    DeLong et al. 1988 by the ranks of Sun and Xu 2014, in N log N. It takes photographs for independent: where people
    have several, `cluster_bootstrap_difference` is the honest one. NaN where a class has fewer than two photographs.
    """
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:
        return Difference(*[float("nan")] * 4)
    over_positives, over_negatives = zip(*(_placements(positive, s) for s in (score_a, score_b)), strict=True)
    contrast = np.array([1.0, -1.0])
    spread = np.cov(over_positives) / m + np.cov(over_negatives) / n
    value = float(np.mean(over_positives[0]) - np.mean(over_positives[1]))
    deviation = float(np.sqrt(max(contrast @ spread @ contrast, 0.0)))
    if deviation == 0.0:  # the two order the photographs alike, or always apart
        return Difference(value, value, value, 1.0 if value == 0.0 else 0.0)
    reach = float(norm.ppf(0.975)) * deviation
    return Difference(value, value - reach, value + reach, float(2 * norm.sf(abs(value) / deviation)))


def _placements(positive: Flags, score: Doubles) -> tuple[Doubles, Doubles]:
    """Return for each positive the share of negatives below it, and for each negative that of positives above."""
    among_all = rankdata(score)
    m, n = int(positive.sum()), int((~positive).sum())
    of_positives = (among_all[positive] - rankdata(score[positive])) / n
    of_negatives = 1 - (among_all[~positive] - rankdata(score[~positive])) / m
    return of_positives, of_negatives


def cluster_bootstrap_difference(
    statistic: Callable[[T, Doubles], Doubles],
    a: T,
    b: T,
    clusters: Sequence[str],
    count: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Return the difference of any statistic of two judges of the same photographs, clusters drawn whole.

    Args:
        statistic: of what one judge said and weights [1 + count, N], one value a row of weights; for instance
            `lambda score, weights: weighted.auroc(positive, score, weights)`.
        a: what the first judge said.
        b: what the second said, in the same order.
        clusters: [N].
        count: samples drawn.
        seed: of the drawing.
    """
    weights = Draws.of(clusters, count, seed).weights
    drawn = statistic(a, weights) - statistic(b, weights)
    found = figure(drawn)
    others = drawn[1:][~np.isnan(drawn[1:])]
    # One is added to both, since the sample that was seen is one of those that might have been (Davison and Hinkley).
    tail = min((others <= 0).sum(), (others >= 0).sum()) + 1
    p = min(1.0, 2 * float(tail) / (len(others) + 1)) if len(others) else float("nan")
    return Difference(found.value, found.low, found.high, p)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values corrected for having made all these tests (Holm 1979), in the order given; NaN stays NaN."""
    given = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(given), np.nan)
    made = np.flatnonzero(~np.isnan(given))
    order = made[np.argsort(given[made], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return tuple(corrected.tolist())


def aligned(a: Predictions, b: Predictions) -> Predictions:
    """Return `b` in the order of the rows of `a`.

    Raises:
        DataError: the two are not of the same photographs, repeats, labels and clusters.
    """
    place = {key: i for i, key in enumerate(zip(b.repeat.tolist(), b.sha256, strict=True))}
    rows = [place.get(key, -1) for key in zip(a.repeat.tolist(), a.sha256, strict=True)]
    if -1 in rows or len(rows) != len(b.target) or (a.labels, a.positive) != (b.labels, b.positive):
        raise DataError("predictions", "not of the same photographs and labels", "run both on the same data set")
    found = b.take(np.array(rows))
    if (found.target != a.target).any() or found.cluster != a.cluster:
        raise DataError("predictions", "a photograph has two labels or clusters", "run both on the same data set")
    return found
