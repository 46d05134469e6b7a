"""All figures of an evaluation from what was said: the one place that composes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.evaluation.crossfit import Rules
from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.rules import logit
from mpoxlens.screening.questions import questions
from mpoxlens.vlm.evaluate.ablation import ablations
from mpoxlens.vlm.evaluate.accuracy import Pair, accuracy
from mpoxlens.vlm.evaluate.consistency import agreement, held_out
from mpoxlens.vlm.evaluate.histories import agreement_with_exact, exact_odds, flips
from mpoxlens.vlm.evaluate.nouns import MEND, Answered, Test
from mpoxlens.vlm.evaluate.phantoms import hallucination, stated
from mpoxlens.vlm.evaluate.refusal import refusals
from mpoxlens.vlm.evaluate.scores import Scores, calibrated_odds, of_predictions, rules_by_fold
from mpoxlens.vlm.frequencies import Frequencies
from mpoxlens.vlm.instructions.histories import POSITIVE
from mpoxlens.vlm.words import answers

PHOTO, BOTH, HISTORY, EXACT = "photo", "photo and history", "history alone, exact", "photo and history, exact"
STUDENT, PROBE = "default bundle", "frozen CLIP probe"
_WANTED: tuple[Pair, ...] = (
    (PHOTO, STUDENT),
    (PHOTO, PROBE),
    (BOTH, PHOTO),
    (BOTH, HISTORY),
    (BOTH, EXACT),
    (BOTH, STUDENT),
    (EXACT, PHOTO),
)


@dataclass(frozen=True, eq=False)
class Rivals:
    """Out-of-fold predictions that the model is held against."""

    student: Predictions | None = None  # the default bundle's
    probe: Predictions | None = None  # of frozen CLIP
    full: Predictions | None = None  # the run's own, where there are ablations
    ablations: Mapping[str, Predictions] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Known:
    """What all figures start from."""

    rows: Sequence[Answered]
    alone: Scores
    histories: Sequence[Answered]  # the rows with a history, in the order of `alone`
    rules: Mapping[int, Rules]
    others: Mapping[str, Mapping[str, float]]  # by sha256
    frequencies: Frequencies
    profile: str

    def of(self, *tests: Test) -> list[Answered]:
        """Return the rows of some tests."""
        return [row for row in self.rows if row.asked.test in tests]

    def told(self, rows: Sequence[Answered]) -> Doubles:
        """Return the log-odds that people would be told."""
        return calibrated_odds(_odds(rows), np.array([row.asked.fold for row in rows]), self.rules)

    def exact(self, alone: Doubles, rows: Sequence[Answered]) -> Doubles:
        """Return the exact combination of log-odds given the photograph [N] with the histories of N rows."""
        infos, others = [row.asked.history for row in rows], [self.others[row.asked.sha256] for row in rows]
        return exact_odds(alone, infos, others, self.frequencies, self.profile)


def figures(
    rows: Sequence[Answered],
    others: Mapping[str, Mapping[str, float]],
    rivals: Rivals,
    frequencies: Frequencies,
    profile: str,
) -> dict[str, Any]:
    """Return every figure with its interval.

    Args:
        rows: what the models of all folds said.
        others: how what is not mpox is shared out, by the sha256 of each photograph, out of fold.
        rivals: what they are held against.
        frequencies: of the histories.
        profile: of them.

    Raises:
        DataError: a photograph was asked about without a history, or a rival did not judge the same photographs.
    """
    alone = _scores([row for row in rows if row.asked.test == "alone"])
    told = _with_history(rows, alone)
    known = _Known(rows, alone, told, rules_by_fold(alone, _odds(told)), others, frequencies, profile)
    found = {"accuracy": _accuracy(known, rivals), "histories": _histories(known)}
    found |= {"consistency": _consistency(known), "refusal": _refusal(known), "phantoms": _phantoms(known)}
    return found | ({"ablations": _ablations(alone, rivals)} if rivals.ablations else {})


def _accuracy(known: _Known, rivals: Rivals) -> dict[str, Any]:
    alone, told = known.alone, known.histories
    flat = np.full(len(told), float(logit(1 / (1 + len(next(iter(known.others.values())))))))
    even = _even(known)
    judges = {
        PHOTO: alone,
        BOTH: alone.saying(_odds(told)),
        HISTORY: alone.saying(even.exact(flat, told)),
        EXACT: alone.saying(known.exact(calibrated_odds(alone.log_odds, alone.fold, known.rules), told)),
    }
    for name, p in ((STUDENT, rivals.student), (PROBE, rivals.probe)):
        if p is not None:
            judges[name] = _rival(alone, p)
    return accuracy(judges, [pair for pair in _WANTED if set(pair) <= judges.keys()])


def _histories(known: _Known) -> dict[str, Any]:
    told, alone = known.histories, known.alone
    photo = calibrated_odds(alone.log_odds, alone.fold, known.rules)
    share = np.array([len(list(answers(row.asked.history))) / len(questions()) for row in told])
    exact, model = known.exact(photo, told), known.told(told)
    found: dict[str, Any] = {}
    for name, rows in (("rash_only", alone.rash), ("with_healthy", np.ones(len(told), dtype=np.bool_))):
        clusters = [alone.cluster[i] for i in np.flatnonzero(rows).tolist()]
        found[name] = agreement_with_exact(exact[rows], model[rows], photo[rows], clusters, share[rows])
    return found | {"flips": _flips(known, told, dict(zip(alone.sha256, photo, strict=True)))}


def _flips(known: _Known, told: Sequence[Answered], photo: Mapping[str, float]) -> dict[str, Any]:
    first = {row.asked.sha256: row for row in told}
    after = known.of("flipped")
    if not after:
        return {"flips": 0}
    before = [first[row.asked.sha256] for row in after]
    alone = np.array([photo[row.asked.sha256] for row in after])
    exact = known.exact(alone, after) - known.exact(alone, before)
    return flips(exact, known.told(after) - known.told(before), [row.asked.cluster for row in after])


def _consistency(known: _Known) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tables = {test: _by_wording(known.of(test)) for test in ("trained", "held-out")}
    if not all(tables.values()):
        return found
    for test, table in tables.items():
        first = next(iter(table.values()))
        least = logit(np.array([known.rules[row.asked.fold].operating_point for row in first]))
        called = np.stack([known.told(column) >= least for column in table.values()], axis=1)
        found[test] = agreement(called, [row.asked.cluster for row in first])
    odds = [np.stack([_odds(column) for column in table.values()], axis=1) for table in tables.values()]
    positive = np.array([row.asked.label == POSITIVE for row in first])
    return found | {"auroc": held_out(positive, odds[0], odds[1], [row.asked.cluster for row in first])}


def _by_wording(rows: Sequence[Answered]) -> dict[str, list[Answered]]:
    """Return the rows of each wording, all in the order of the photographs."""
    found: dict[str, list[Answered]] = {}
    for row in sorted(rows, key=lambda row: row.asked.sha256):
        found.setdefault(row.asked.question, []).append(row)
    return found


def _refusal(known: _Known) -> dict[str, Any]:
    rash = {sha for sha, flag in zip(known.alone.sha256, known.alone.rash, strict=True) if flag}
    found = {}
    for name, rows in _refused(known, rash):
        if rows:
            logits = np.array([row.logits for row in rows])
            found[name] = refusals(logits, [row.asked.about for row in rows], [row.asked.cluster for row in rows])
    return found


def _refused(known: _Known, rash: set[str]) -> Iterator[tuple[str, list[Answered]]]:
    asked = known.of("refuse")
    yield "cannot be judged", asked
    yield "no photograph of skin", [row for row in asked if not row.asked.label]  # drawn, or made of something else
    for test, name in (("alone", "rash"), ("history", "rash with a history")):
        yield name, [row for row in known.of(test) if row.asked.sha256 in rash]  # type: ignore[arg-type]


def _phantoms(known: _Known) -> dict[str, Any]:
    rows = known.of("describe")
    if not rows:
        return {}
    topics, truths = [row.asked.about for row in rows], [row.asked.truth for row in rows]
    said = [stated(row.asked.about, row.answer) for row in rows]
    return hallucination(topics, truths, said, [row.asked.cluster for row in rows])


def _ablations(alone: Scores, rivals: Rivals) -> dict[str, Any]:
    """Compare on the photographs that every run has judged: a long one may have done some folds only."""
    judged = set.intersection(*(set(p.sha256) for p in rivals.ablations.values()))
    shared = alone.taken(np.array([sha in judged for sha in alone.sha256]))
    full = shared if rivals.full is None else _rival(shared, _only(rivals.full, judged))
    return ablations(full, {name: _rival(shared, _only(p, judged)) for name, p in rivals.ablations.items()})


def _only(p: Predictions, judged: Set[str]) -> Predictions:
    return p.take(np.array([sha in judged for sha in p.sha256]))


def _rival(alone: Scores, p: Predictions) -> Scores:
    labels = dict(zip(alone.sha256, alone.label, strict=True))
    return of_predictions(p, labels, dict(zip(alone.sha256, alone.cluster, strict=True)))


def _scores(rows: Sequence[Answered]) -> Scores:
    told = [row.asked for row in rows]
    if not told:
        raise DataError("answers", "none of them is about a photograph", MEND)
    sha256, label, cluster = zip(*((one.sha256, one.label, one.cluster) for one in told), strict=True)
    return Scores(sha256, label, cluster, np.array([one.fold for one in told]), _odds(rows))


def _with_history(rows: Sequence[Answered], alone: Scores) -> list[Answered]:
    """Return the rows with a history in the order of the photographs."""
    found = {row.asked.sha256: row for row in rows if row.asked.test == "history"}
    missing = [sha for sha in alone.sha256 if sha not in found]
    if missing:
        why = "no history could be drawn for its label"
        raise DataError(f"photograph {missing[0][:16]}", why, "leave labels without frequencies out of the recipe")
    return [found[sha] for sha in alone.sha256]


def _even(known: _Known) -> _Known:
    """Return the same with what is not mpox shared out evenly, whatever the photograph shows."""
    rest = next(iter(known.others.values()))
    others = {sha: dict.fromkeys(rest, 1 / len(rest)) for sha in known.alone.sha256}
    return replace(known, others=others)


def _odds(rows: Sequence[Answered]) -> Doubles:
    return np.array([row.log_odds for row in rows])
