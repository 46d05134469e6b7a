"""What one judge says of each photograph, whatever the judge: the noun that all comparisons read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.evaluation.crossfit import Goals, Judged, Rules, cross_fit
from mpoxlens.evaluation.metrics import Doubles, Flags
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.rules import MAX_LOG_ODDS
from mpoxlens.vision.scores import mean_of_repeats, mpox_scores
from mpoxlens.vlm.calibrate import fit_twice
from mpoxlens.vlm.instructions.histories import POSITIVE
from mpoxlens.vlm.instructions.photographs import BARE

GOALS = Goals(0.9, 0.1)  # as recipes have them by default
SEED = 0
TINY = 1e-9  # the least that a judge may leave to a label, so that no history is impossible


@dataclass(frozen=True, eq=False)
class Scores:
    """One judge's log-odds of mpox, out of fold, one row a photograph."""

    sha256: tuple[str, ...]
    label: tuple[str, ...]  # of the data set, such as "chickenpox"
    cluster: tuple[str, ...]
    fold: np.ndarray  # [N] int64
    log_odds: Doubles  # [N]

    @property
    def positive(self) -> Flags:
        """Which [N] are of mpox."""
        return np.array([label == POSITIVE for label in self.label])

    @property
    def rash(self) -> Flags:
        """Which [N] are of people with a rash: what calibration and threshold are fitted on."""
        return np.array([label != BARE for label in self.label])

    def saying(self, log_odds: Doubles) -> Scores:
        """Return the same photographs with what another judge says of them [N]."""
        return replace(self, log_odds=log_odds)

    def taken(self, rows: Flags) -> Scores:
        """Return those photographs that are True in `rows` [N]."""
        sha256, label, cluster = (
            tuple(name for name, row in zip(names, rows, strict=True) if row)
            for names in (self.sha256, self.label, self.cluster)
        )
        return Scores(sha256, label, cluster, self.fold[rows], self.log_odds[rows])

    def judged(self) -> Judged:
        """Return them as calibration and rules take them."""
        target = np.where(self.positive, 0, 1)
        return Judged(_pairs(self.log_odds), target, self.cluster, self.fold, 0, self.rash, None, (POSITIVE, "other"))

    def probability(self) -> Doubles:
        """Return P(mpox) [N], the calibration cross-fitted."""
        return cross_fit(self.judged(), GOALS, SEED).probability


def of_predictions(p: Predictions, labels: Mapping[str, str], clusters: Mapping[str, str]) -> Scores:
    """Return predictions of any labels, repeats taken together, in the order of the photographs given.

    Args:
        p: out of fold.
        labels: by the sha256 of each photograph that is compared.
        clusters: the same; those of the predictions may have other names.

    Raises:
        DataError: a photograph is missing or one too many, or a label differs on whether it is mpox.
    """
    one = mean_of_repeats(p)
    place = {sha: i for i, sha in enumerate(one.sha256)}
    if place.keys() != labels.keys():
        raise DataError("predictions", "not of the same photographs", "run both on the same data set")
    rows = np.array([place[sha] for sha in labels])
    positive = one.target[rows] == one.positive
    if positive.tolist() != [label == POSITIVE for label in labels.values()]:
        raise DataError("predictions", "a photograph has two labels", "run both on the same data set")
    known = tuple(clusters[sha] for sha in labels)
    return Scores(tuple(labels), tuple(labels.values()), known, one.fold[rows], mpox_scores(one)[rows])


def shares(word: Mapping[str, float]) -> dict[str, float]:
    """Return how a judge of all labels shares out what is not mpox, from its probabilities by label; sums to 1."""
    rest = {label: max(p, TINY) for label, p in word.items() if label != POSITIVE}
    return {label: p / sum(rest.values()) for label, p in rest.items()}


def rules_by_fold(alone: Scores, told: Doubles) -> dict[int, Rules]:
    """Return for each fold the rules fitted on the other folds, as an adapter's are.

    Args:
        alone: of the photographs alone.
        told: [N] log-odds of the same with a history.

    Raises:
        DataError: mpox or what is not mpox has no photograph there.
    """
    judged = alone.judged()
    folds = np.unique(alone.fold).tolist()
    return {k: fit_twice(judged, alone.fold != k, GOALS, SEED, refits=0, told=told) for k in folds}


def calibrated_odds(log_odds: Doubles, fold: np.ndarray, rules: Mapping[int, Rules]) -> Doubles:
    """Return the log-odds [N] that people are told, from those of the model [N] and the fold of each."""
    found = np.zeros(len(log_odds))
    for k, one in rules.items():
        rows = fold == k
        found[rows] = one.calibration.log_odds(_pairs(log_odds[rows]), 0)
    return found


def bounded(log_odds: Doubles) -> Doubles:
    """Return log-odds within what `rules` allows anybody to be sure of."""
    return np.asarray(np.clip(log_odds, -MAX_LOG_ODDS, MAX_LOG_ODDS))


def _pairs(log_odds: Doubles) -> np.ndarray:
    return np.stack([log_odds, np.zeros(len(log_odds))], axis=1).astype(np.float32)
