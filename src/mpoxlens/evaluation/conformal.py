"""Prediction sets and abstention: how often the truth is in the set, and what leaving out the unsure ones buys."""

from __future__ import annotations

import numpy as np

from mpoxlens.evaluation.bootstrap import Draws, ratio
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.weighted import running
from mpoxlens.rules import Conformal

COVERAGES = np.round(np.arange(0.1, 1.01, 0.1), 1)


def members(probability: Doubles, rule: Conformal) -> tuple[Flags, Flags]:
    """Return whether "mpox" and whether "other" is in each prediction set [N], see `Conformal.prediction_set`."""
    return probability >= rule.mpox_from, probability <= rule.other_to


def set_figures(positive: Flags, mpox_in: Flags, other_in: Flags, draws: Draws) -> dict[str, Doubles]:
    """Return coverage of each class and the sizes of the sets, for each drawn sample [1 + B].

    Args:
        positive: [N].
        mpox_in: [N] whether "mpox" is in the set.
        other_in: [N] whether "other" is.
        draws: samples of the N photographs.
    """
    size = mpox_in.astype(np.float64) + other_in
    return {
        "coverage_mpox": draws.mean(mpox_in, positive),
        "coverage_other": draws.mean(other_in, ~positive),
        "mean_size": draws.mean(size),
        "mean_size_mpox": draws.mean(size, positive),
        "mean_size_other": draws.mean(size, ~positive),
        "single": draws.mean(size == 1),
        "both": draws.mean(size == 2),
        "neither": draws.mean(size == 0),
    }


def right_at_coverage(right: Flags, sureness: Doubles, weights: Doubles, shares: Doubles = COVERAGES) -> Doubles:
    """Return the share of right answers among the surest `shares` [S] of each sample [B, S] (El-Yaniv and Wiener 2010).

    Args:
        right: [N] whether the answer was right.
        sureness: [N] by which answers are given up, the least sure first.
        weights: [B, N].
        shares: of the photographs that get an answer, above 0 and up to 1.
    """
    order = np.argsort(-sureness, kind="stable")
    places = weights.sum(axis=1)[:, None] * shares
    found = running(right[order][:, None].astype(np.float64), weights[:, order], places)[:, :, 0]
    return ratio(found, places)


def coverage_at_right(right: Flags, sureness: Doubles, weights: Doubles, wanted: float) -> Doubles:
    """Return the largest share of each sample that can be answered with at least `wanted` right [B]; 0 where none can.

    It is picked with the truth in hand, so that it is what the best rule could reach, not what a fixed one does.
    """
    order = np.argsort(-sureness, kind="stable")
    answered = np.cumsum(weights[:, order], axis=1)
    good = np.cumsum(weights[:, order] * right[order], axis=1)
    enough = (good >= wanted * answered - 1e-9) & (answered > 0)
    return np.asarray(np.where(enough, answered, 0.0).max(axis=1) / answered[:, -1])
