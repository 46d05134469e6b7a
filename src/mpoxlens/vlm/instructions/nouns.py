"""One question about a picture with its answer, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import pyarrow as pa

from mpoxlens.datasets.tables import read_table
from mpoxlens.errors import DataError

Kind = Literal["diagnosis", "description", "effect", "advice", "quality", "refusal"]
Split = Literal["train", "template-test"]
MEND = "mpoxlens vlm instructions --data WORK --out DIR"


@dataclass(frozen=True)
class Instruction:
    """A question and the answer that is true of a picture, as far as anybody knows."""

    id: str
    sha256: str  # of the photograph; or "phantom:SEED" or "made:NAME:SEED", see `pictures.pixels_of`
    cluster: str  # no split may cut it
    label: str  # of the photograph; "phantom" or "no skin" of what is drawn
    kind: Kind
    topic: str  # of the templates, within the kind
    split: Split  # "template-test": the question's wording never comes in training
    question: str
    history: str  # as text; "" when nothing is said
    answer: str
    info: str  # the known answers of the history as JSON, as `screening.history.parse_history` reads them
    posterior: float | None  # P(mpox | history alone), every label of the set that has histories being as likely before
    simulated: bool  # the history is: it was drawn from published frequencies, and no person said it
    profile: str = ""  # of the frequencies that the history was drawn from
    disease: str = ""  # whose history it is
    vignette_seed: int | None = None  # by which `histories.told` draws the history again
    altered: str = ""  # what is done to the picture before it is shown, such as "blur 2.5"; see `pictures.alter`


_TYPES = {"posterior": pa.float64(), "simulated": pa.bool_(), "vignette_seed": pa.int64()}
SCHEMA = pa.schema([(field.name, _TYPES.get(field.name, pa.string())) for field in fields(Instruction)])


def as_table(records: Sequence[Instruction]) -> pa.Table:
    """Return the records as a table of `SCHEMA`."""
    return pa.Table.from_pylist([asdict(one) for one in records], SCHEMA)


def read_instructions(path: Path) -> tuple[Instruction, ...]:
    """Read what `write.write` wrote.

    Raises:
        DataError: it is not there, damaged, or no such table.
    """
    table = read_table(path, MEND)
    if not table.schema.equals(SCHEMA):
        raise DataError(str(path), "no question-answer set of this version of mpoxlens", f"make it anew: {MEND}")
    return tuple(Instruction(**row) for row in table.to_pylist())
