"""Rules fitted on some photographs and applied to others, so that none is judged by what it was fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.evaluation.calibration import (
    REFITS,
    careful_operating_point,
    fit_calibration,
    fit_conformal,
    operating_point,
)
from mpoxlens.evaluation.conformal import members
from mpoxlens.evaluation.metrics import Doubles, Flags, Rows
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.reliability import bounded_odds
from mpoxlens.rules import Calibration, Conformal
from mpoxlens.schema import Floats


@dataclass(frozen=True)
class Goals:
    """What the thresholds are chosen for."""

    sensitivity: float
    alpha: float
    certainty: float = 0.0  # that new people keep the sensitivity, see `careful_operating_point`; 0 takes the sample's


@dataclass(frozen=True, eq=False)
class Judged:
    """Out-of-fold (or external) predictions, and who is asked about. A photograph has a row a repeat."""

    logits: Floats  # [N, C]
    target: np.ndarray  # [N] int64
    cluster: tuple[str, ...]
    fold: np.ndarray  # [N] int64
    positive: int  # column
    asked: Flags  # [N], photographs of people with a rash: what calibration and thresholds are fitted on
    repeat: np.ndarray | None = None  # [N] int64; None where there is one
    labels: tuple[str, ...] = ()  # [C]; () where nobody wants to read them

    @property
    def turn(self) -> np.ndarray:
        """The repeat of each row [N]."""
        return np.zeros(len(self.target), dtype=np.int64) if self.repeat is None else self.repeat

    @property
    def repeats(self) -> int:
        """How many rows a photograph has."""
        return len(np.unique(self.turn))

    @property
    def names(self) -> tuple[str, ...]:
        """The labels, or their numbers."""
        return self.labels or tuple(map(str, range(self.logits.shape[1])))


def judged_of(p: Predictions, without: Sequence[str] = ("healthy",)) -> Judged:
    """Return predictions as they are judged: calibration and thresholds leave out the labels `without`."""
    return Judged(p.logits, p.target, p.cluster, p.fold, p.positive, p.asked(without), p.repeat, p.labels)


def given_rash(judged: Judged) -> Judged:
    """Return the question P(mpox | a rash): rows and logits of labels that are no rash are left out."""
    kept = np.unique(judged.target[judged.asked])
    rows = np.flatnonzero(judged.asked)
    return replace(
        judged,
        logits=judged.logits[np.ix_(rows, kept)],
        target=np.searchsorted(kept, judged.target[rows]),
        cluster=tuple(judged.cluster[i] for i in rows),
        fold=judged.fold[rows],
        positive=int(np.searchsorted(kept, judged.positive)),
        asked=judged.asked[rows],
        repeat=judged.turn[rows],
        labels=tuple(judged.names[i] for i in kept),
    )


@dataclass(frozen=True, eq=False)
class Rules:
    """What a decision rests on."""

    calibration: Calibration
    operating_point: float
    conformal: Conformal


def fit_rules(
    judged: Judged,
    rows: Flags,
    goals: Goals,
    seed: int,
    refits: int = REFITS,
    *,
    calibration: Calibration | None = None,
) -> Rules:
    """Fit calibration, unless it is given, operating point and prediction set on some rows, among those with a rash.

    Raises:
        DataError: a class has no photograph among them.
    """
    use = np.flatnonzero(rows & judged.asked)
    positive, logits = judged.target[use] == judged.positive, judged.logits[use]
    if positive.all() or not positive.any():
        why = "mpox or what is not mpox has no photograph in the folds that rules are fitted on"
        raise DataError("predictions", why, "take fewer folds, or add photographs")
    clusters = [judged.cluster[i] for i in use]
    repeats = len(np.unique(judged.turn[use]))
    if calibration is None:
        calibration = fit_calibration(logits, positive, judged.positive, clusters, seed, refits, repeats)
    p = calibration.probabilities(logits, judged.positive)[:, judged.positive]
    if goals.certainty:
        threshold = careful_operating_point(p, positive, goals.sensitivity, clusters, goals.certainty, seed)
    else:
        threshold = operating_point(p, positive, goals.sensitivity)
    return Rules(calibration, threshold, fit_conformal(p, positive, goals.alpha, repeats))


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Each photograph judged by rules that saw nothing of its fold, or by a bundle's."""

    probability: Doubles  # [N]
    label: np.ndarray  # [N] int64, the likeliest of all
    called: Flags  # [N], at or above the operating point
    likely: Flags  # [N], told "mpox likely" by the photograph alone
    unlikely: Flags  # [N], told "mpox unlikely"; where neither, "cannot tell"
    mpox_in: Flags  # [N], "mpox" is in the prediction set
    other_in: Flags  # [N], "other" is
    margin: Doubles  # [N], log-odds above the operating point

    def take(self, rows: Rows) -> CrossFitted:
        """Return some of the rows."""
        return CrossFitted(*(values[rows] for values in vars(self).values()))


def apply_rules(judged: Judged, rules: Rules) -> CrossFitted:
    """Judge every row by the same rules: a bundle's, on photographs that it has never seen."""
    every = rules.calibration.probabilities(judged.logits, judged.positive)  # [N, C]
    p = every[:, judged.positive]
    called = p >= rules.operating_point
    mpox_in, other_in = members(p, rules.conformal)
    margin = bounded_odds(p) - bounded_odds(np.array(rules.operating_point))
    return CrossFitted(
        p,
        every.argmax(axis=1),
        called,
        mpox_in & ~other_in & called,
        other_in & ~mpox_in & ~called,
        mpox_in,
        other_in,
        margin,
    )


def cross_fit(judged: Judged, goals: Goals, seed: int, fit: Callable[..., Rules] = fit_rules) -> CrossFitted:
    """Apply to every fold of a repeat the rules fitted on that repeat's other folds, by `fit_rules` or its like."""
    parts, order = [], []
    for rows, rules in _by_fold(judged, goals, seed, fit):
        parts.append(apply_rules(replace(judged, logits=judged.logits[rows]), rules))
        order.append(rows)
    back = np.argsort(np.concatenate(order))
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return CrossFitted(*(np.concatenate(column)[back] for column in columns))


def calibrated(p: Predictions, without: Sequence[str]) -> Predictions:
    """Return the same with logarithms of calibrated probabilities for logits, the calibration cross-fitted.

    Raises:
        DataError: a class has no photograph in the folds that calibration is fitted on.
    """
    judged = judged_of(p, without)
    logits = np.empty_like(p.logits)
    for rows, rules in _by_fold(judged, Goals(0.9, 0.1), 0):  # of which calibration depends on neither
        probability = rules.calibration.probabilities(p.logits[rows], p.positive)
        logits[rows] = np.log(np.maximum(probability, np.finfo(np.float32).tiny))
    return replace(p, logits=logits)


def _by_fold(
    judged: Judged, goals: Goals, seed: int, fit: Callable[..., Rules] = fit_rules
) -> Iterator[tuple[Rows, Rules]]:
    """Give the rows of each fold of each repeat, and the rules fitted on the repeat's other folds."""
    for r, k in sorted(set(zip(judged.turn.tolist(), judged.fold.tolist(), strict=True))):
        rows = np.flatnonzero((judged.turn == r) & (judged.fold == k))
        yield rows, fit(judged, (judged.turn == r) & (judged.fold != k), goals, seed, refits=0)
