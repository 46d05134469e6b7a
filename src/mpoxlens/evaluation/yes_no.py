"""The figures of a yes/no question, "is it mpox?", each with its cluster-bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mpoxlens.evaluation import reliability, weighted
from mpoxlens.evaluation.bootstrap import Draws, curve, figures_of, ratio
from mpoxlens.evaluation.conformal import COVERAGES, coverage_at_right, right_at_coverage, set_figures
from mpoxlens.evaluation.crossfit import CrossFitted
from mpoxlens.evaluation.decision_curve import THRESHOLDS, decision_curve
from mpoxlens.evaluation.metrics import Doubles, Flags

PREVALENCES = (0.01, 0.05, 0.10)  # of mpox among those who ask


def yes_no(
    positive: Flags, fitted: CrossFitted, draws: Draws, prevalences: Sequence[float] = PREVALENCES
) -> dict[str, Any]:
    """Return all figures but the curves, as `bundle.json` records them.

    Args:
        positive: [N] which photographs are mpox.
        fitted: what was told of them.
        draws: samples of them.
        prevalences: for which predictive values are told.
    """
    drawn = _ranks(positive, fitted, draws) | _decisions(positive, fitted, draws) | _abstention(positive, fitted, draws)
    mean, high = reliability.ece_if_perfect(fitted.probability)
    return figures_of(drawn) | {
        "ece_if_perfect": {"mean": round(mean, 4), "high": round(high, 4)},
        "brier_parts": figures_of(reliability.brier_parts(positive, fitted.probability, draws.weights)),
        "prediction_sets": figures_of(set_figures(positive, fitted.mpox_in, fitted.other_in, draws)),
        "predictive_values": {
            f"{at:g}": figures_of(predictive_values(drawn["sensitivity"], drawn["specificity"], at))
            for at in prevalences
        },
    }


def calibration_figures(positive: Flags, probability: Doubles, draws: Draws) -> dict[str, Doubles]:
    """Return how true probabilities [N] are, for each drawn sample [1 + B]."""
    weights = draws.weights
    return {
        "brier": draws.mean((probability - positive) ** 2),
        "ece": reliability.ece(positive, probability, weights),
        "slope": reliability.slope(positive, probability, weights),
        "intercept": reliability.intercept(positive, probability, weights),
        "told_minus_seen": draws.mean(probability - positive),
    }


def predictive_values(sensitivity: Doubles, specificity: Doubles, prevalence: Doubles | float) -> dict[str, Doubles]:
    """Return PPV and NPV at a prevalence by Bayes' theorem (Altman and Bland 1994)."""
    true, missed = sensitivity * prevalence, (1 - sensitivity) * prevalence
    false, spared = (1 - specificity) * (1 - prevalence), specificity * (1 - prevalence)
    return {"ppv": ratio(true, true + false), "npv": ratio(spared, spared + missed)}


def curves(positive: Flags, fitted: CrossFitted, draws: Draws) -> dict[str, Any]:
    """Return the decision curve and the risk-coverage curve, one figure a point."""
    found = decision_curve(positive, fitted.probability, draws)
    right = fitted.called == positive
    return {
        "net_benefit": curve(THRESHOLDS, found.model),
        "net_benefit_treat_all": curve(THRESHOLDS, found.treat_all),
        "net_benefit_gain": curve(THRESHOLDS, found.gain),
        "right_at_coverage": curve(COVERAGES, right_at_coverage(right, abs(fitted.margin), draws.weights)),
    }


def _ranks(positive: Flags, fitted: CrossFitted, draws: Draws) -> dict[str, Doubles]:
    p, weights = fitted.probability, draws.weights
    return {
        "auroc": weighted.auroc(positive, p, weights),
        "auprc": weighted.auprc(positive, p, weights),
        "sensitivity_at_specificity_90": weighted.sensitivity_at_specificity(positive, p, 0.9, weights),
        **calibration_figures(positive, p, draws),
    }


def _decisions(positive: Flags, fitted: CrossFitted, draws: Draws) -> dict[str, Doubles]:
    sensitivity, specificity = draws.mean(fitted.called, positive), draws.mean(~fitted.called, ~positive)
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "likelihood_ratio_positive": ratio(sensitivity, 1 - specificity),
        "likelihood_ratio_negative": ratio(1 - sensitivity, specificity),
    }


def _abstention(positive: Flags, fitted: CrossFitted, draws: Draws) -> dict[str, Doubles]:
    decided = fitted.likely | fitted.unlikely
    right, sureness = fitted.called == positive, np.abs(fitted.margin)
    return {
        "decided": draws.mean(decided),
        "right_when_decided": draws.mean(np.where(positive, fitted.likely, fitted.unlikely), decided),
        "mpox_told_unlikely": draws.mean(fitted.unlikely, positive),
        "others_told_likely": draws.mean(fitted.likely, ~positive),
        "right_at_coverage_70": right_at_coverage(right, sureness, draws.weights, np.array([0.7]))[:, 0],
        "coverage_at_right_95": coverage_at_right(right, sureness, draws.weights, 0.95),
    }
