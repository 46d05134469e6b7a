"""Figures with cluster-bootstrap intervals. Everything is computed from out-of-fold (or external) predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]
RESAMPLES = 1000
CHANCE = 0.5  # AUROC of a coin


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return it as the bundle records it, to four decimals; None where it is not defined or has no bound."""
        values = {"value": self.value, "low": self.low, "high": self.high}
        return {name: round(value, 4) if np.isfinite(value) else None for name, value in values.items()}


def resample(clusters: Sequence[str], count: int, seed: int) -> Iterator[Rows]:
    """Yield the rows of `count` bootstrap samples in which whole clusters are drawn with replacement."""
    _, inverse, sizes = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.cumsum(sizes) - sizes
    rng = np.random.default_rng(seed)
    for _ in range(count):
        drawn = rng.integers(0, len(sizes), len(sizes))
        length = sizes[drawn]
        before = np.cumsum(length) - length
        yield order[np.repeat(starts[drawn] - before, length) + np.arange(length.sum())]


def with_interval(statistic: Callable[[Rows], float], clusters: Sequence[str], seed: int = 0) -> Figure:
    """Return a statistic of rows with its percentile interval; samples in which it is undefined are passed over."""
    drawn = np.array([statistic(rows) for rows in resample(clusters, RESAMPLES, seed)])
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.quantile(drawn, (0.025, 0.975)) if len(drawn) else (float("nan"), float("nan"))
    return Figure(statistic(np.arange(len(clusters))), float(low), float(high))


def auroc(positive: Flags, score: Doubles) -> float:
    """Area under the receiver operating characteristic; NaN when a class is missing."""
    return float(roc_auc_score(positive, score)) if 0 < positive.sum() < len(positive) else float("nan")


def auprc(positive: Flags, score: Doubles) -> float:
    """Average precision; NaN without a positive."""
    return float(average_precision_score(positive, score)) if positive.any() else float("nan")


def brier(positive: Flags, probability: Doubles) -> float:
    """Mean squared error of the probability."""
    return float(np.mean((probability - positive) ** 2))


def ece(positive: Flags, probability: Doubles, bins: int = 10) -> float:
    """Expected calibration error over bins of equal count (Nixon et al. 2019): mean |frequency - probability|."""
    order = np.array_split(np.argsort(probability, kind="stable"), bins)
    gaps = [len(rows) * abs(positive[rows].mean() - probability[rows].mean()) for rows in order if len(rows)]
    return float(sum(gaps) / len(positive))


def sensitivity(positive: Flags, called: Flags) -> float:
    """Share of the positives that are called; NaN without a positive."""
    return float(called[positive].mean()) if positive.any() else float("nan")


def specificity(positive: Flags, called: Flags) -> float:
    """Share of the negatives that are not called; NaN without a negative."""
    return sensitivity(~positive, ~called)


def sensitivity_at_specificity(positive: Flags, score: Doubles, wanted: float) -> float:
    """Sensitivity at the lowest threshold whose specificity is at least `wanted`."""
    if not 0 < positive.sum() < len(positive):
        return float("nan")
    negatives = np.sort(score[~positive])
    threshold = negatives[int(np.ceil(wanted * len(negatives) - 1e-9)) - 1]
    return float((score[positive] > threshold).mean())
