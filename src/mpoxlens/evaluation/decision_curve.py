"""Decision curves (Vickers and Elkin 2006): is acting on the probability better than treating all, or nobody?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpoxlens.evaluation.bootstrap import Draws, ratio
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.reliability import bounded_odds
from mpoxlens.rules import logit, sigmoid

THRESHOLDS = np.round(np.arange(0.0, 0.96, 0.05), 2)


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit in true positives a photograph, at each threshold, for each drawn sample [1 + B, T]."""

    thresholds: Doubles  # [T], the probability at which somebody is indifferent between acting and not
    model: Doubles
    treat_all: Doubles

    @property
    def gain(self) -> Doubles:
        """What the model has over the better of treating all and treating nobody (net benefit 0) [1 + B, T]."""
        return np.asarray(self.model - np.maximum(self.treat_all, 0.0))


def decision_curve(
    positive: Flags,
    probability: Doubles,
    draws: Draws,
    thresholds: Doubles = THRESHOLDS,
    prevalence: float | None = None,
) -> DecisionCurve:
    """Return the net benefit sensitivity x prevalence - (1 - specificity) x (1 - prevalence) x t / (1 - t).

    Args:
        positive: [N].
        probability: [N] calibrated at the share of positives in the sample.
        draws: samples of the N photographs.
        thresholds: [T] from 0 to below 1.
        prevalence: where the model would be used; the probabilities are moved there first (Elkan 2001). The sample's
            own share by default, in each sample drawn.
    """
    share = draws.mean(positive) if prevalence is None else np.full(len(draws.counts), prevalence)
    told = probability if prevalence is None else moved(probability, float(positive.mean()), prevalence)
    called = told[:, None] >= thresholds
    true = ratio(draws.sums(called & positive[:, None]), draws.sums(positive)[:, None])
    false = ratio(draws.sums(called & ~positive[:, None]), draws.sums(~positive)[:, None])
    odds = thresholds / (1 - thresholds)
    # Where a class is missing its share is 0, and so is its part of the benefit.
    gained, lost = np.nan_to_num(true) * share[:, None], np.nan_to_num(false) * (1 - share)[:, None] * odds
    everyone = share[:, None] - (1 - share)[:, None] * odds
    return DecisionCurve(thresholds, gained - lost, everyone)


def moved(probability: Doubles, share: float, prevalence: float) -> Doubles:
    """Return probabilities that were calibrated at a share of positives as they are at another prevalence."""
    return sigmoid(bounded_odds(probability) + logit(prevalence) - logit(share))
