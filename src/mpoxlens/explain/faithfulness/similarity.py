"""How alike two maps are: Spearman's rank correlation, which asks nothing of their units."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from mpoxlens.schema import Floats


def alike(a: Floats, b: Floats) -> float:
    """Return the rank correlation of two maps of one shape, -1 to 1; 0 where one is flat, which is like nothing."""
    first, second = (rankdata(heat, axis=None) for heat in (a, b))
    first, second = first - first.mean(), second - second.mean()
    length = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / length) if length > 0 else 0.0
