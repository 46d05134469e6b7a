"""All that readers answered, one row a finished reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpoxlens.evaluation.metrics import Doubles
from mpoxlens.explain.study.answers import Answer, enrolled
from mpoxlens.explain.study.folder import Study
from mpoxlens.explain.study.plan import Reading, sessions

CODES = {"no": 0.0, "partly": 1.0, "yes": 2.0}


@dataclass(frozen=True)
class Row:
    """One finished reading."""

    reader: str  # neutral: "r1"
    place: int  # from 1, in its session
    reading: Reading
    answer: Answer

    def code(self, question: str) -> float:
        """Return an answer as a number: confidence 1 to 5; no 0, partly 1, yes 2; NaN where it was not asked."""
        given = self.answer.choices.get(question)
        if given is None:
            return float("nan")
        return CODES[given] if given in CODES else float(given)


def read_rows(study: Study) -> tuple[list[str], list[Row]]:
    """Return the ids of all readers, and their finished readings in the order of the plan.

    Raises:
        DataError: a file of answers is damaged.
    """
    readers, rows = [], []
    for answers in enrolled(study):
        readers.append(answers.id)
        for readings in sessions(study.blocks, study.arms, answers.number, study.seed):
            for place, reading in enumerate(readings, 1):
                answer = answers.of(reading)
                if answer and answer.done:
                    rows.append(Row(answers.id, place, reading, answer))
    return readers, rows


def table(
    rows: Sequence[Row], question: str, arms: Sequence[str], readers: Sequence[str], cases: Sequence[str]
) -> Doubles:
    """Return the answers to one question [T, R, N]; NaN where a reading is not finished, or it was not asked."""
    found = np.full((len(arms), len(readers), len(cases)), np.nan)
    at = [{name: i for i, name in enumerate(names)} for names in (arms, readers, cases)]
    for row in rows:
        places = [
            known.get(name) for known, name in zip(at, (row.reading.arm, row.reader, row.reading.case), strict=True)
        ]
        if None not in places:
            found[tuple(places)] = row.code(question)
    return found
