"""Does the model use a history rightly? Its answers against the exact combination of its own photo-alone answer and it.

Given the disease, photograph and simulated history are independent, so the exact combination is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mpoxlens.evaluation.bootstrap import Draws, figure, ratio
from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.rules import sigmoid
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.evaluate.scores import bounded
from mpoxlens.vlm.frequencies import Frequencies
from mpoxlens.vlm.posterior import combine

MATTERS = 0.25  # nats of log-odds; a flip that changes less has no direction worth asking for


def exact_odds(
    alone: Doubles,
    infos: Sequence[ClinicalInfo],
    others: Sequence[Mapping[str, float]],
    frequencies: Frequencies,
    profile: str,
) -> Doubles:
    """Return the log-odds [N] of mpox given photograph and history, within the bounds of `rules`.

    Args:
        alone: [N] calibrated log-odds given the photograph.
        infos: [N] histories.
        others: [N] how the photograph shares out what is not mpox.
        frequencies: that the histories were drawn from.
        profile: of them.

    Raises:
        DataError: no disease can give the answers of one of them.
    """
    prior = sigmoid(alone)
    p = [combine(float(q), i, frequencies, profile, o) for q, i, o in zip(prior, infos, others, strict=True)]
    with np.errstate(divide="ignore"):  # a history that rules mpox out, or all else
        return bounded(np.log(p) - np.log1p(-np.array(p)))


def divergence(exact: Doubles, model: Doubles) -> Doubles:
    """Return the Kullback-Leibler divergence [N] in nats of yes and no, D(exact || model), from log-odds [N] of both.

    What is lost, in expectation, by believing the model where the exact combination holds.
    """
    p = sigmoid(exact)
    yes = p * (_log_sigmoid(exact) - _log_sigmoid(model))
    no = (1 - p) * (_log_sigmoid(-exact) - _log_sigmoid(-model))
    return np.asarray(np.maximum(yes + no, 0.0))  # rounding alone brings it below 0


def agreement_with_exact(
    exact: Doubles, model: Doubles, alone: Doubles, clusters: Sequence[str], known: Doubles
) -> dict[str, Any]:
    """Return the mean divergence of the model from the exact combination, and that of not reading the history at all.

    Args:
        exact: [N] log-odds of the exact combination.
        model: [N] those of the model, told photograph and history.
        alone: [N] those of the model, told the photograph alone.
        clusters: [N].
        known: [N] share of the questions that the history answers.
    """
    draws = Draws.of(clusters)
    return {
        "photos": len(exact),
        "divergence": figure(draws.mean(divergence(exact, model))).to_dict(),
        "divergence_unread": figure(draws.mean(divergence(exact, alone))).to_dict(),
        "unknown_answers": round(float(1 - known.mean()), 4),
    }


def flips(exact: Doubles, model: Doubles, clusters: Sequence[str]) -> dict[str, Any]:
    """Return how the model follows when one answer of a history is turned from yes to no or back.

    `right_direction` is the share that moves the way of the exact combination, among those that it moves by `MATTERS`
    or more. `slope` is that of the model's change on the exact one, by least squares through the origin: what changes
    nothing should change nothing; 1 is right, below 1 too little.

    Args:
        exact: [N] changes of the exact log-odds.
        model: [N] changes of the model's.
        clusters: [N].
    """
    draws = Draws.of(clusters)
    matters = np.abs(exact) >= MATTERS
    slope = ratio(draws.sums(exact * model), draws.sums(exact**2))
    return {
        "flips": len(exact),
        "flips_that_matter": int(matters.sum()),
        "right_direction": figure(draws.mean(np.sign(model) == np.sign(exact), matters)).to_dict(),
        "slope": figure(slope).to_dict(),
    }


def _log_sigmoid(log_odds: Doubles) -> Doubles:
    return np.asarray(-np.logaddexp(0.0, -log_odds))
