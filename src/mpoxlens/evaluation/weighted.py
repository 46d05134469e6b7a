"""The figures of `metrics` for many weighted samples at once: weights [B, N] in, one value a sample [B] out.

With whole weights each gives what its namesake gives on the rows repeated that often; a test holds them together.
"""

from __future__ import annotations

import numpy as np

from mpoxlens.evaluation.bootstrap import ratio
from mpoxlens.evaluation.metrics import Doubles, Flags


def auroc(positive: Flags, score: Doubles, weights: Doubles) -> Doubles:
    """Area under the receiver operating characteristic (Mann-Whitney, ties half); NaN where a class is missing."""
    right, pairs = concordance(positive, score, weights)
    return ratio(right, pairs)


def concordance(positive: Flags, score: Doubles, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Return the weight of pairs of a positive and a negative in the right order, ties half, and of all pairs [B]."""
    above, below = _by_score(positive, score, weights)
    under = np.cumsum(below, axis=1) - 0.5 * below
    return np.asarray((above * under).sum(axis=1)), np.asarray(above.sum(axis=1) * below.sum(axis=1))


def auprc(positive: Flags, score: Doubles, weights: Doubles) -> Doubles:
    """Average precision, the sum of precision times gain in recall (not interpolated); NaN without a positive."""
    above, below = (side[:, ::-1] for side in _by_score(positive, score, weights))
    true, false = np.cumsum(above, axis=1), np.cumsum(below, axis=1)
    precision = true / np.maximum(true + false, 1e-300)  # before the first photograph both are 0
    return ratio((above * precision).sum(axis=1), true[:, -1])


def sensitivity_at_specificity(positive: Flags, score: Doubles, wanted: float, weights: Doubles) -> Doubles:
    """Sensitivity at the lowest threshold whose specificity is at least `wanted`; NaN where a class is missing."""
    above, below = _by_score(positive, score, weights)
    true, false = np.cumsum(above, axis=1), np.cumsum(below, axis=1)
    least = np.ceil(wanted * false[:, -1:] - 1e-9)
    at = (false >= np.maximum(least, 1e-300)).argmax(axis=1)[:, None]
    missed = np.take_along_axis(true, at, axis=1)[:, 0]
    found = 1 - ratio(missed, true[:, -1])
    return np.where(false[:, -1] > 0, found, np.nan)


def macro_f1(target: np.ndarray, predicted: np.ndarray, classes: int, weights: Doubles) -> Doubles:
    """Mean F1 over the classes that a sample has, in truth or in prediction, as scikit-learn counts them."""
    cells = weights @ np.eye(classes * classes)[target * classes + predicted]
    table = cells.reshape(-1, classes, classes)
    told = table.sum(axis=1) + table.sum(axis=2)  # twice the mean of true and predicted
    f1 = ratio(2 * np.diagonal(table, axis1=1, axis2=2), told)
    return np.asarray(np.nanmean(f1, axis=1))


def _by_score(positive: Flags, score: Doubles, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Return the weight of positives and of negatives at each different score, from the lowest, [B, U] each."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    ordered, flags = weights[:, order], positive[order]
    above, below = (np.add.reduceat(ordered * side, starts, axis=1) for side in (flags, ~flags))
    return above, below


def binned(values: Doubles, score: Doubles, weights: Doubles, bins: int) -> Doubles:
    """Return the sums of values [N, T] in bins of equal count by score [B, bins, T].

    Bins are those of `numpy.array_split` of a sample's rows, so that a repeated photograph may lie in two.
    """
    order = np.argsort(score, kind="stable")
    total = weights.sum(axis=1)
    places = np.arange(bins + 1)
    edges = (total // bins)[:, None] * places + np.minimum(places, (total % bins)[:, None])
    return np.diff(running(values[order], weights[:, order], edges), axis=1)


def running(values: Doubles, weights: Doubles, places: Doubles) -> Doubles:
    """Return the sums of values [N, T] over the first `places` [B, P] rows of each sample, [B, P, T].

    Values and weights [B, N] come in the order in which rows are counted.
    """
    counted = np.pad(np.cumsum(weights, axis=1), ((0, 0), (1, 0)))
    found = np.empty((*places.shape, values.shape[1]))
    for t in range(values.shape[1]):
        sums = np.pad(np.cumsum(weights * values[:, t], axis=1), ((0, 0), (1, 0)))
        for b in range(len(weights)):
            found[b, :, t] = np.interp(places[b], counted[b], sums[b])
    return found
