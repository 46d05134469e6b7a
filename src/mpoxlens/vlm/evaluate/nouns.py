"""What is asked of a model to judge it, and what it said: one row a question, kept as one table a fold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import pyarrow as pa

from mpoxlens.datasets.tables import read_table, write_table
from mpoxlens.errors import DataError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening.history import parse_history

# "alone": a photograph, no history. "history": with one. "flipped": with one answer of it turned round. "trained" and
# "held-out": no history, a wording that training showed, or never. "refuse": a picture that cannot be judged.
# "describe": a drawing, answered in words.
Test = Literal["alone", "history", "flipped", "trained", "held-out", "refuse", "describe"]
MEND = "mpoxlens vlm evaluate RUN --data WORK"


@dataclass(frozen=True)
class Asked:
    """One question of a test."""

    test: Test
    sha256: str  # of the picture, as in `Instruction`
    altered: str
    label: str
    cluster: str
    fold: int  # whose model is asked: it learned nothing of this cluster
    question: str
    info: str = "{}"  # the known answers as JSON
    about: str = ""  # the answer that was flipped, the kind of picture, or the topic of a description
    truth: str = ""  # of a description

    @property
    def history(self) -> ClinicalInfo:
        """The history as answers."""
        return parse_history(json.loads(self.info), "a question's history")


@dataclass(frozen=True)
class Answered:
    """A question with the logits of an answer's first token, and what was written where words were asked for."""

    asked: Asked
    yes: float
    no: float
    cannot: float
    answer: str = ""

    @property
    def log_odds(self) -> float:
        """Of yes against no."""
        return self.yes - self.no

    @property
    def logits(self) -> tuple[float, float, float]:
        """Of "Yes", "No" and "Cannot"."""
        return self.yes, self.no, self.cannot


_ASKED = [(one.name, pa.int64() if one.name == "fold" else pa.string()) for one in fields(Asked)]
_SAID = [*((name, pa.float64()) for name in ("yes", "no", "cannot")), ("answer", pa.string())]
SCHEMA = pa.schema([*_ASKED, *_SAID])


def write_answers(rows: Sequence[Answered], path: Path, of: str) -> None:
    """Write answers as Parquet; `of` names what they depend on, see `tables.made_of`."""
    said = [name for name, _ in _SAID]
    table = [asdict(one.asked) | {name: getattr(one, name) for name in said} for one in rows]
    write_table(pa.Table.from_pylist(table, SCHEMA), path, of)


def read_answers(path: Path) -> list[Answered]:
    """Read what `write_answers` wrote.

    Raises:
        DataError: it is not there, damaged, or no such table.
    """
    table = read_table(path, MEND)
    if table.schema.names != SCHEMA.names or table.schema.types != SCHEMA.types:
        raise DataError(str(path), "no answers of this version of mpoxlens", f"remove it, then: {MEND}")
    names = [name for name, _ in _ASKED]
    return [Answered(Asked(**{name: row.pop(name) for name in names}), **row) for row in table.to_pylist()]
