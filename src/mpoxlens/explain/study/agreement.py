"""How far readers agree: Cohen's and Fleiss' kappa, Krippendorff's alpha."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mpoxlens.evaluation.metrics import Doubles

Level = Literal["nominal", "ordinal", "interval"]


def counted(ratings: Doubles, values: Sequence[float]) -> Doubles:
    """Return how many readers gave each value [N, V], of ratings [R, N]; NaN is no rating."""
    return np.stack([(ratings == value).sum(axis=0) for value in values], axis=1).astype(np.float64)


def cohen_kappa(a: Doubles, b: Doubles, values: Sequence[float], *, weighted: bool = False) -> float:
    """Cohen's kappa of two readers [N], over the cases that both rated; NaN when both gave one and the same to all.

    Args:
        a: ratings of the one; NaN is no rating.
        b: ratings of the other.
        values: all that can be given, in order.
        weighted: by the square of the distance in that order (Cohen, Psychological Bulletin 70:213, 1968).
    """
    from sklearn.metrics import cohen_kappa_score

    both = ~np.isnan(a) & ~np.isnan(b)
    x, y = (np.searchsorted(values, one[both]) for one in (a, b))
    if not len(x) or len(np.unique([x, y])) == 1:
        return float("nan")
    return float(cohen_kappa_score(x, y, labels=range(len(values)), weights="quadratic" if weighted else None))


def fleiss_kappa(counts: Doubles) -> float:
    """Fleiss' kappa (Psychological Bulletin 76:378, 1971) of counts [N, V], as many readers to each case.

    NaN when all readers gave one and the same to all cases, or there is but one.
    """
    readers = counts.sum(axis=1)
    if len(counts) == 0 or readers[0] < 2 or (readers != readers[0]).any():
        return float("nan")
    n = readers[0]
    observed = float(((counts * counts).sum(axis=1) - n).mean() / (n * (n - 1)))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (observed - chance) / (1 - chance) if chance < 1 else float("nan")


def krippendorff_alpha(counts: Doubles, values: Sequence[float], level: Level) -> float:
    """Krippendorff's alpha of counts [N, V]; a case that one reader alone rated says nothing of agreement.

    By the matrix of coincidences (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011). NaN when nobody ever
    gave two different values.

    Args:
        counts: how many readers gave each value, see `counted`.
        values: [V] in ascending order; the level "interval" reckons with them.
        level: of measurement.
    """
    paired = counts[counts.sum(axis=1) >= 2]
    shared = paired / (paired.sum(axis=1, keepdims=True) - 1)
    coincidences = paired.T @ shared - np.diag(shared.sum(axis=0))
    each = coincidences.sum(axis=1)
    distance = _distance(each, np.asarray(values, np.float64), level)
    expected = float(each @ distance @ each)
    if expected == 0:
        return float("nan")
    return 1 - (float(each.sum()) - 1) * float((coincidences * distance).sum()) / expected


def _distance(each: Doubles, values: Doubles, level: Level) -> Doubles:
    """Squared difference of each two values [V, V]."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "interval":
        return np.asarray(np.subtract.outer(values, values) ** 2)
    below = np.cumsum(each) - each / 2  # how many ratings lie below the middle of each rank
    return np.asarray(np.subtract.outer(below, below) ** 2)
