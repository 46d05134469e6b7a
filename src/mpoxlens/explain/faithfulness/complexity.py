"""How much of the photograph a map speaks of: a map that lights everything explains nothing, however true."""

from __future__ import annotations

import numpy as np

from mpoxlens.schema import Floats


def entropy(heat: Floats) -> float:
    """Return the entropy of the shares of |heat| over that of an even map: 0 for one pixel, 1 for all alike.

    Bhatt et al. 2020, "complexity", here divided by its greatest value so that sizes can be compared. A map that is
    zero everywhere says all alike of every pixel, and gives 1.
    """
    weight = np.abs(heat.astype(np.float64)).ravel()
    if not weight.any():
        return 1.0
    share = weight[weight > 0] / weight.sum()
    return max(0.0, float(-(share * np.log(share)).sum() / np.log(weight.size)))


def gini(heat: Floats) -> float:
    """Return the Gini index of |heat|: 0 for all alike, 1 - 1/n for one pixel of n (Chalasani et al. 2020)."""
    weight = np.sort(np.abs(heat.astype(np.float64)).ravel())
    if not weight.any():
        return 0.0
    n = weight.size
    return float(1 - 2 * (weight / weight.sum() * (n - np.arange(1, n + 1) + 0.5) / n).sum())
