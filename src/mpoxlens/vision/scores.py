"""The few figures by which backbones and settings are ranked, and their paired tests; all by cluster bootstrap.

Scores are log-odds as the networks give them: ranks need no calibration. Which label is likeliest does, so accuracy and
macro-F1 are those of cross-fitted calibrated probabilities. Of repeats, the figures take every row, and the tests the
mean score of each photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.crossfit import calibrated
from mpoxlens.evaluation.metrics import Doubles, Flags, Rows
from mpoxlens.evaluation.paired import aligned, cluster_bootstrap_difference, delong
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.schema import Floats

SPECIFICITY = 0.9
TITLES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "auroc": "AUROC, rash only",
    "auroc_all": "AUROC, healthy included",
    "sensitivity": "sensitivity at specificity .90, rash only",
}
Statistic = Callable[[Predictions, Doubles], Doubles]  # rows and weights [B, N] -> [B]


def mpox_scores(p: Predictions) -> Doubles:
    """Return the log-odds [N] of the positive label, uncalibrated and not cut off, so that none are tied by it."""
    return log_odds(p.logits, p.positive)


def log_odds(logits: Floats, positive: int) -> Doubles:
    """Return the log-odds [N] of one label against all others from logits [N, C]."""
    exact = logits.astype(np.float64)
    return np.asarray(exact[:, positive] - np.logaddexp.reduce(np.delete(exact, positive, axis=1), axis=1))


def auroc(p: Predictions, weights: Doubles) -> Doubles:
    """AUROC [B] of the positive label among the rows given."""
    return weighted.auroc(p.target == p.positive, mpox_scores(p), weights)


def sensitivity(p: Predictions, weights: Doubles) -> Doubles:
    """Sensitivity [B] at specificity .90 among the rows given."""
    return weighted.sensitivity_at_specificity(p.target == p.positive, mpox_scores(p), SPECIFICITY, weights)


def accuracy(p: Predictions, weights: Doubles) -> Doubles:
    """Share [B] of the rows whose highest logit is that of their label; see `calibrated`."""
    return np.asarray(weights @ (p.logits.argmax(axis=1) == p.target) / weights.sum(axis=1))


def macro_f1(p: Predictions, weights: Doubles) -> Doubles:
    """Mean F1 [B] over the labels."""
    return weighted.macro_f1(p.target, p.logits.argmax(axis=1), len(p.labels), weights)


def figures(p: Predictions, without: Sequence[str]) -> dict[str, Any]:
    """Return the figures of `TITLES`, each with its interval; those of a rash leave out the labels `without`."""
    rash, told = of_rows(p, np.flatnonzero(p.asked(without))), calibrated(p, without)
    known: dict[str, tuple[Statistic, Predictions]] = {
        "accuracy": (accuracy, told),
        "macro_f1": (macro_f1, told),
        "auroc": (auroc, rash),
        "auroc_all": (auroc, p),
        "sensitivity": (sensitivity, rash),
    }
    weights = {len(rows.cluster): Draws.of(rows.cluster).weights for rows in (p, rash)}
    return {
        name: figure(statistic(rows, weights[len(rows.cluster)])).to_dict() for name, (statistic, rows) in known.items()
    }


@dataclass(frozen=True)
class Paired:
    """One judge against another on the same photographs, as `paired.Difference` records them."""

    auroc: dict[str, float | None]  # rash only, clusters drawn
    auroc_delong: dict[str, float | None]  # the same, photographs taken for independent
    sensitivity: dict[str, float | None]  # at specificity .90, rash only, clusters drawn
    accuracy: dict[str, float | None]  # clusters drawn


def paired(a: Predictions, b: Predictions, without: Sequence[str]) -> Paired:
    """Test whether `a` is better than `b`; positive differences speak for `a`.

    Raises:
        DataError: the two are not of the same photographs.
    """
    a, b = mean_of_repeats(a), mean_of_repeats(aligned(a, b))
    rows = np.flatnonzero(a.asked(without))
    rash_a, rash_b = of_rows(a, rows), of_rows(b, rows)
    positive: Flags = rash_a.target == rash_a.positive
    return Paired(
        _difference(auroc, rash_a, rash_b),
        delong(positive, mpox_scores(rash_a), mpox_scores(rash_b)).to_dict(),
        _difference(sensitivity, rash_a, rash_b),
        _difference(accuracy, calibrated(a, without), calibrated(b, without)),
    )


def _difference(statistic: Statistic, a: Predictions, b: Predictions) -> dict[str, float | None]:
    return cluster_bootstrap_difference(statistic, a, b, a.cluster).to_dict()


def of_rows(p: Predictions, rows: Rows) -> Predictions:
    """Return some rows."""
    return Predictions(
        p.labels,
        tuple(p.sha256[i] for i in rows),
        p.target[rows],
        tuple(p.cluster[i] for i in rows),
        p.fold[rows],
        p.repeat[rows],
        p.logits[rows],
        p.strange[rows],
        p.positive,
    )


def mean_of_repeats(p: Predictions) -> Predictions:
    """Return one row a photograph: that of repeat 0, with the mean of its log-probabilities over the repeats."""
    known = {sha: i for i, sha in enumerate(dict.fromkeys(p.sha256))}
    place = np.array([known[sha] for sha in p.sha256])
    logits = p.logits.astype(np.float64)
    logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
    total = np.zeros((len(known), logits.shape[1]))
    np.add.at(total, place, logits)
    first = np.unique(place, return_index=True)[1]
    one = of_rows(p, first)
    mean = (total / np.bincount(place)[:, None]).astype(np.float32)
    return Predictions(
        p.labels, one.sha256, one.target, one.cluster, one.fold, one.repeat, mean, one.strange, p.positive
    )
