"""What a study found: how well readers read with and without the aid, how far they agree, where the maps fall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.evaluation.bootstrap import figure
from mpoxlens.evaluation.metrics import Doubles, with_interval
from mpoxlens.explain.study import agreement, mrmc
from mpoxlens.explain.study.fall import fall
from mpoxlens.explain.study.folder import Key, Study
from mpoxlens.explain.study.mrmc import MERITS, Crossed
from mpoxlens.explain.study.questions import CUT, QUESTIONS, UNAIDED
from mpoxlens.explain.study.rows import Row, read_rows, table

SCALES = {"confidence": (1.0, 2.0, 3.0, 4.0, 5.0), "on_lesions": (0.0, 1.0, 2.0), "changes": (0.0, 2.0)}
Found = dict[str, Any]  # as it is written to JSON


@dataclass(frozen=True, eq=False)
class Read:
    """A study with its key and everything that was answered."""

    study: Study
    key: Key
    readers: tuple[str, ...]  # all who were enrolled
    rows: tuple[Row, ...]
    cut: int  # confidence from which on a reader calls it mpox

    @property
    def cases(self) -> list[str]:
        """Ids of all cases."""
        return [case.id for case in self.study.cases]

    @property
    def clusters(self) -> list[str]:
        """Whom each case shows."""
        return [self.key.truths[case].group for case in self.cases]

    def name(self, arm: str) -> str:
        """Return what an arm was."""
        return self.key.methods.get(arm, UNAIDED)

    def codes(self, question: str, readers: Sequence[str]) -> Doubles:
        """Return the answers to a question [T, R, N]."""
        return table(self.rows, question, self.study.arms, readers, self.cases)


def analyse(study: Study, key: Key, cut: int = CUT) -> Found:
    """Analyse a study.

    Readers who have not finished all sessions count for agreement and overlap, and are left out of the comparison of
    arms, which is fully crossed.

    Args:
        study: what was read.
        key: what it was.
        cut: confidence from which on a reader calls it mpox, 2 to 5.

    Raises:
        DataError: the key is of another study, or nobody has finished.
    """
    if key.study != study.id:
        raise DataError("--key", "it is of another study", "name the key.json that was written with this one")
    readers, rows = read_rows(study)
    read = Read(study, key, tuple(readers), tuple(rows), cut)
    confidence = read.codes("confidence", readers)
    finished = [reader for i, reader in enumerate(readers) if not np.isnan(confidence[:, i]).any()]
    if not finished:
        wanted = len(study.cases) * len(study.arms)
        why = f"none of {len(readers)} readers has finished the {wanted} readings"
        raise DataError(str(study.folder), why, "read on with: mpoxlens explain study serve")
    return {
        "cases": len(study.cases),
        "mpox": sum(truth.mpox for truth in key.truths.values()),
        "readers": {"finished": finished, "unfinished": [reader for reader in readers if reader not in finished]},
        "arms": {arm: read.name(arm) for arm in study.arms},
        "cut": cut,
        "about": dict(key.about),
        "reading": _reading(read, finished),
        "comparison": _comparison(read, finished),
        "turned": _turned(read, finished),
        "agreement": _agreement(read),
        "maps": fall(study, key, rows),
    }


def _crossed(read: Read, readers: Sequence[str]) -> Crossed:
    truth = np.array([read.key.truths[case].mpox for case in read.cases])
    return Crossed(read.codes("confidence", readers), truth, tuple(read.clusters), read.cut)


def _reading(read: Read, readers: Sequence[str]) -> list[Found]:
    """Each reader's own figures in each arm, and the median time of a reading."""
    crossed = _crossed(read, readers)
    whole = np.ones((1, len(read.cases)))
    figures = {merit: mrmc.merits(crossed, merit, whole)[0] for merit in MERITS}
    found = []
    for t, arm in enumerate(read.study.arms):
        for r, reader in enumerate(readers):
            seconds = [row.answer.seconds for row in read.rows if (row.reader, row.reading.arm) == (reader, arm)]
            own = {merit: _number(values[t, r]) for merit, values in figures.items()}
            found.append({"reader": reader, "arm": arm, **own, "median_seconds": float(np.median(seconds))})
    return found


def _comparison(read: Read, readers: Sequence[str]) -> list[Found]:
    """Each figure of merit of each arm, and of each aided arm less the unaided one."""
    crossed, found = _crossed(read, readers), []
    unaided = read.study.arms.index(UNAIDED)
    for merit in MERITS:
        theta, cov = mrmc.merits(crossed, merit, np.ones((1, len(read.cases))))[0], mrmc.jackknife(crossed, merit)
        drawn = mrmc.bootstrap(crossed, merit)
        for t, arm in enumerate(read.study.arms):
            one = {"figure": merit, "arm": arm, "bootstrap": figure(drawn[:, t]).to_dict()}
            if len(readers) > 1:
                one["obuchowski_rockette"] = mrmc.arm_mean(theta[t], cov[t, :, t, :]).to_dict()
            found.append(one)
        for t, arm in enumerate(read.study.arms):
            if t != unaided:
                one = {"figure": merit, "arm": arm, "less": UNAIDED}
                one |= {"bootstrap": figure(drawn[:, t] - drawn[:, unaided]).to_dict()}
                if len(readers) > 1:
                    one["obuchowski_rockette"] = mrmc.obuchowski_rockette(theta, cov, (t, unaided)).to_dict()
                found.append(one)
    return found


def _turned(read: Read, readers: Sequence[str]) -> list[Found]:
    """Calls that were wrong without the aid and right with it, and the other way round."""
    crossed = _crossed(read, readers)
    right = (crossed.ratings >= read.cut) == crossed.truth
    alone = right[read.study.arms.index(UNAIDED)]
    return [
        {
            "arm": arm,
            "readings": alone.size,
            "right": int((~alone & with_aid).sum()),
            "wrong": int((alone & ~with_aid).sum()),
        }
        for arm, with_aid in zip(read.study.arms, right, strict=True)
        if arm != UNAIDED
    ]


def _agreement(read: Read) -> list[Found]:
    """Of each question in each arm; the call is the confidence cut in two."""
    if len(read.readers) < 2:
        return []
    found = []
    for question in QUESTIONS:
        codes = read.codes(question.name, read.readers)
        for arm, ratings in zip(read.study.arms, codes, strict=True):
            if question.name == "confidence":
                called = np.where(np.isnan(ratings), np.nan, ratings >= read.cut)
                found.append({"question": "call", "arm": arm} | _agreed(called, (0.0, 1.0), read, ordered=False))
            if arm != UNAIDED or not question.aided:
                scale = SCALES[question.name]
                found.append({"question": question.name, "arm": arm} | _agreed(ratings, scale, read, ordered=True))
    return found


def _agreed(ratings: Doubles, scale: tuple[float, ...], read: Read, *, ordered: bool) -> Found:
    counts = agreement.counted(ratings, scale)
    level: agreement.Level = "ordinal" if ordered and len(scale) > 2 else "nominal"
    complete = counts[(counts.sum(axis=1) == len(read.readers))]
    pairs = combinations(range(len(read.readers)), 2)
    return {
        "level": level,
        "alpha": with_interval(
            lambda rows: agreement.krippendorff_alpha(counts[rows], scale, level), read.clusters
        ).to_dict(),
        "fleiss_kappa": _number(agreement.fleiss_kappa(complete)),
        "cohen_kappa": {
            f"{read.readers[a]} {read.readers[b]}": _number(
                agreement.cohen_kappa(ratings[a], ratings[b], scale, weighted=level == "ordinal")
            )
            for a, b in pairs
        },
    }


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
