"""Are probabilities what they say? Calibration line, expected calibration error, parts of the Brier score.

For many weighted samples at once: weights [B, N] in, one value a sample [B] out, see `bootstrap.Draws`.
"""

from __future__ import annotations

import numpy as np

from mpoxlens.evaluation.bootstrap import ratio
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.weighted import binned
from mpoxlens.rules import MAX_LOG_ODDS, logit, sigmoid

BINS = 10
STEPS = 50  # of Newton's method; ten are usual
CLOSE = 1e-6  # a step shorter than this is the last
STRIDE = 2.0  # no step is longer, lest a far start overshoot
SIMULATIONS = 1000


def ece(positive: Flags, probability: Doubles, weights: Doubles, bins: int = BINS) -> Doubles:
    """Expected calibration error over bins of equal count, see `metrics.ece`."""
    gaps = binned((positive - probability)[:, None], probability, weights, bins)[:, :, 0]
    return ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))


def ece_if_perfect(probability: Doubles, bins: int = BINS, seed: int = 0) -> tuple[float, float]:
    """Return the mean and the 97.5 % quantile of the ECE that these probabilities would have if they were true.

    The error is a mean of absolute values and never 0 in a finite sample: what is below the second number cannot be
    told from perfect (Bröcker and Smith 2007, "consistency bars"). Photographs are taken for independent.
    """
    rng = np.random.default_rng(seed)
    told = np.sort(probability)
    excess = (rng.random((SIMULATIONS, len(told))) < told) - told
    starts = [rows[0] for rows in np.array_split(np.arange(len(told)), bins) if len(rows)]
    found = np.abs(np.add.reduceat(excess, starts, axis=1)).sum(axis=1) / len(told)
    return float(found.mean()), float(np.quantile(found, 0.975))


def brier_parts(positive: Flags, probability: Doubles, weights: Doubles, bins: int = BINS) -> dict[str, Doubles]:
    """Return reliability, resolution and uncertainty (Murphy 1973), over bins of equal count.

    Brier = reliability - resolution + uncertainty + `within`, the last from the spread of probabilities in a bin
    (Stephenson et al. 2008).
    """
    values = np.stack([np.ones(len(positive)), positive, probability], axis=1)
    count, seen, told = np.moveaxis(binned(values, probability, weights, bins), 2, 0)  # [B, bins] each
    total = weights.sum(axis=1)
    rate = ratio(weights @ positive, total)
    frequency, mean = ratio(seen, count), ratio(told, count)
    reliability = np.nansum(count * (mean - frequency) ** 2, axis=1) / total
    resolution = np.nansum(count * (frequency - rate[:, None]) ** 2, axis=1) / total
    uncertainty = rate * (1 - rate)
    within = ratio(weights @ (probability - positive) ** 2, total) - reliability + resolution - uncertainty
    return {"reliability": reliability, "resolution": resolution, "uncertainty": uncertainty, "within": within}


def slope(positive: Flags, probability: Doubles, weights: Doubles) -> Doubles:
    """Slope of the logistic regression of the outcome on the log-odds (Cox 1958): 1 is right, below 1 too sure.

    NaN where the two classes are separated, so that no slope is steep enough.
    """
    odds = bounded_odds(probability)
    theta = np.zeros((len(weights), 2))
    moved = np.full(len(weights), np.inf)
    for _ in range(STEPS):
        p = sigmoid(theta[:, :1] + theta[:, 1:] * odds)
        left, spread = weights * (positive - p), weights * p * (1 - p)
        gradient = np.stack([left.sum(axis=1), left @ odds], axis=1)
        step = _solved(spread.sum(axis=1), spread @ odds, spread @ odds**2, gradient)
        theta += np.clip(step, -STRIDE, STRIDE)
        moved = np.abs(step).max(axis=1)
        if not (moved > CLOSE).any():
            break
    return np.where(moved < CLOSE, theta[:, 1], np.nan)


def intercept(positive: Flags, probability: Doubles, weights: Doubles) -> Doubles:
    """Log-odds to be added so that as many are told as seen, slope 1 (calibration in the large): above 0, too few told.

    NaN where a class is missing.
    """
    odds = bounded_odds(probability)
    theta = np.zeros((len(weights), 1))
    moved = np.full(len(weights), np.inf)
    for _ in range(STEPS):
        p = sigmoid(theta + odds)
        step = ratio((weights * (positive - p)).sum(axis=1), (weights * p * (1 - p)).sum(axis=1))
        theta[:, 0] += np.clip(step, -STRIDE, STRIDE)
        moved = np.abs(step)
        if not (moved > CLOSE).any():
            break
    return np.where(moved < CLOSE, theta[:, 0], np.nan)


def _solved(a: Doubles, b: Doubles, c: Doubles, right: Doubles) -> Doubles:
    """Solve [[a, b], [b, c]] x = right for each sample; NaN where there is no one answer."""
    determinant = a * c - b * b
    whole = np.where(determinant > 1e-9 * a * c, determinant, np.nan)
    first, second = c * right[:, 0] - b * right[:, 1], a * right[:, 1] - b * right[:, 0]
    return np.asarray(np.stack([first, second], axis=1) / whole[:, None])


def bounded_odds(probability: Doubles) -> Doubles:
    """Return log-odds [N] within the bounds that `rules` sets to how sure one may be."""
    edge = sigmoid(np.array(MAX_LOG_ODDS))
    return logit(np.clip(probability, 1 - edge, edge))
