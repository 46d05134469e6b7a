"""How much of a label can be read without the disease? A cross-validated probe from each cheap cue.

Models did well on public mpox sets without seeing any lesion (Vega et al. 2023, 10.1007/s10916-023-01928-1). What a
probe reads from a border or from an encoding, a network can read too, and it will say nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from mpoxlens.datasets.audit.cues import VERSION, cues
from mpoxlens.datasets.audit.probe import FOLDS, METHOD, Reading, Sample, numbered, read
from mpoxlens.datasets.manifest import clustered
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.tables import write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Flags, Rows
from mpoxlens.schema import ImageRecord

SHUFFLES = 40  # of the labels; 95 % of them stay below the second highest, see `probe.reach`
EASY = "healthy"  # who asks has a rash, and bare skin is mostly photographed elsewhere
CAP = 20_000  # photographs a question; the interval is then .02 wide, and the shuffles take minutes


@dataclass(frozen=True)
class Audit:
    """The readings of every question, best cue first within each; the first question is the one that was asked."""

    readings: tuple[Reading, ...]
    notes: tuple[str, ...]  # what the reader must know
    seed: int
    shuffles: int
    method: str
    versions: Mapping[str, str]

    @property
    def questions(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each label with those that it was told from."""
        return tuple(dict.fromkeys((one.label, one.against) for one in self.readings))

    @property
    def question(self) -> str:
        """What was asked, in words."""
        label, against = self.questions[0]
        return f"{label} against {', '.join(against)}"

    @property
    def rows(self) -> tuple[Reading, ...]:
        """The readings of the question that was asked."""
        return self.of(*self.questions[0])

    def of(self, label: str, against: tuple[str, ...]) -> tuple[Reading, ...]:
        """The readings of one question."""
        return tuple(one for one in self.readings if (one.label, one.against) == (label, against))


def audit(
    work: Workspace,
    positive: str = "mpox",
    without: Sequence[str] | None = None,
    seed: int = 7,
    tell: Tell = silent,
    *,
    shuffles: int = SHUFFLES,
) -> Audit:
    """Measure how well each cheap cue alone tells a label from the others; write `audit.parquet` and `audit.html`.

    The photographs are those that decisions were applied to, in their clusters; before that, all that were ingested,
    in the clusters of the links, or with a warning that copies may leak where there are none. Every other label is
    told from the rest as well, and with labels left out the question is also asked with them.

    Args:
        work: the workspace.
        positive: the label in question.
        without: labels to leave out; without it `EASY`, as long as another label remains.
        seed: of folds, shuffles and bootstrap.
        tell: shows the progress.
        shuffles: of the labels, to see what chance gives.

    Raises:
        DataError: a label that no photograph has, nothing to tell it from, or too few clusters; decisions were not
            applied since photographs came.
    """
    from mpoxlens.datasets.audit.page import write_page

    table = cues(work, tell)
    whole, notes = _photographs(work, table)
    known = sorted({record.label for record in whole.records})
    left_out, remarks = _left_out(known, positive, without)
    notes += remarks
    asked = list(_questions(known, positive, left_out))
    readings: list[Reading] = []
    for n, (label, against) in enumerate(asked):
        tell(f"probing {label}", n, len(asked))
        try:
            sample = _sample(whole, label, against, seed)
        except DataError as error:
            if not n:  # the question that was asked
                raise
            notes.append(str(error))
            continue
        readings += read(sample, table, (label, against), seed, 0 if n else shuffles)
    tell(f"probing {positive}", len(asked), len(asked))
    notes += _drawn_from(whole, readings[0])
    found = Audit(tuple(readings), tuple(notes), seed, shuffles, METHOD, _versions())
    _write(found, work)
    write_page(found, whole.records, table.take(whole.rows), work.path / "audit.html")
    return found


def _photographs(work: Workspace, table: pa.Table) -> tuple[Sample, list[str]]:
    """Return all photographs whose cues are known, and what the reader must know of them."""
    notes = []
    if work.table("clean").exists():
        records = work.clean().records
    else:
        records, note = _before_review(work)
        notes.append(note)
    good = np.asarray(table.column("problem").to_numpy(zero_copy_only=False) == "")
    place = {sha: row for row, sha in enumerate(table.column("sha256").to_pylist()) if good[row]}
    known = tuple(record for record in records if record.sha256 in place)
    if len(known) < len(records):
        notes.append(f"{len(records) - len(known)} photographs could not be read, and are left out.")
    rows = np.array([place[record.sha256] for record in known], dtype=np.int64)
    return Sample(known, rows, np.zeros(len(known), dtype=np.bool_)), notes


def _before_review(work: Workspace) -> tuple[tuple[ImageRecord, ...], str]:
    """Return all photographs that were ingested, in clusters as far as they are known, and what that means."""
    try:
        records = work.clustered().records
    except DataError:  # no links, or none of these photographs
        return clustered(work.manifest(), ()), (
            "Copies of photographs were not looked for since photographs came: a copy may stand in another fold, and "
            f"every figure may be too high. First: mpoxlens data duplicates {work.path}"
        )
    return records, f"Of all photographs, as no decisions were applied yet. Then: mpoxlens data apply {work.path}"


def _left_out(known: Sequence[str], positive: str, without: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return which labels are left out, and what the reader must know of that."""
    if without is None:
        if EASY not in known or positive == EASY or not set(known) - {EASY, positive}:
            return [], []
        return [EASY], [
            f"Photographs labelled {EASY} were left out, for they are easily told; the table of labels has them."
        ]
    mend = f"so none was left out for it; the labels are {', '.join(known)}."
    notes = [f"No photograph is labelled {one}, {mend}" for one in dict.fromkeys(without) if one not in known]
    return [one for one in known if one in without], notes


def _questions(labels: Sequence[str], positive: str, without: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if positive not in labels:
        raise DataError(f"label {positive}", "no photograph has it", f"name one of {', '.join(labels)}")
    kept = [label for label in labels if label not in without]
    if positive in without or len(kept) < 2:
        why = f"nothing is left to tell it from (labels: {', '.join(kept)})"
        raise DataError(f"label {positive}", why, "leave out fewer labels, or add photographs of others")
    others = [one for one in kept if one != positive]
    for label in (positive, *(others if len(kept) > 2 else ())):  # of two labels, one question says it all
        yield label, tuple(one for one in kept if one != label)
    if without:
        yield positive, tuple(one for one in labels if one != positive)


def _sample(whole: Sample, label: str, against: tuple[str, ...], seed: int) -> Sample:
    """Return the photographs of a question, at most CAP: whole clusters, half of the room for either side."""
    rng = np.random.default_rng(seed)
    places = np.array([n for n, r in enumerate(whole.records) if r.label == label or r.label in against])
    positive = np.array([whole.records[n].label == label for n in places])
    cluster = numbered([whole.records[n].group for n in places])
    with_positive = np.bincount(cluster, positive) > 0
    for side, name in ((with_positive, label), (~with_positive, ", ".join(against))):
        if side.sum() < FOLDS:
            why = f"{side.sum()} clusters are too few for {FOLDS} folds"
            raise DataError(f"label {name}", why, "add photographs, or leave the label out")
    taken = _drawn(cluster, with_positive, rng) | _drawn(cluster, ~with_positive, rng)
    kept = places[taken]
    return Sample(tuple(whole.records[n] for n in kept), whole.rows[kept], positive[taken])


def _drawn_from(whole: Sample, one: Reading) -> Iterator[str]:
    count = sum(record.label in (one.label, *one.against) for record in whole.records)
    if one.photographs < count:
        yield f"Measured on {one.photographs} of {count} photographs, drawn by whole clusters."


def _drawn(cluster: Rows, side: Flags, rng: np.random.Generator) -> Flags:
    """Return which photographs [N] are in clusters of this side that fit into half of CAP."""
    sizes = np.bincount(cluster)
    order = rng.permutation(np.flatnonzero(side))
    fits = order[np.cumsum(sizes[order]) <= CAP // 2]
    return np.asarray(np.isin(cluster, fits))


def _versions() -> dict[str, str]:
    return {"cues": VERSION} | {name: version(name) for name in ("mpoxlens", "numpy", "scikit-learn")}


def _write(found: Audit, work: Workspace) -> None:
    """Write the question that was asked as `audit.parquet`, and every question as `audit-labels.parquet`."""
    about = {"method": found.method, "seed": str(found.seed), "versions": json.dumps(dict(found.versions))}
    for name, readings in (("audit", found.rows), ("audit-labels", found.readings)):
        rows = pa.Table.from_pylist([_cells(one) for one in readings])
        write_table(rows.replace_schema_metadata(about), work.table(name), of=work.state())


def _cells(one: Reading) -> dict[str, Any]:
    """Return a row of the tables, in which `positives` is the label and `positive_photographs` their number."""
    cells = asdict(one) | {"against": list(one.against), "positive_photographs": one.positives}
    return {"cue": cells.pop("cue"), "positives": cells.pop("label")} | {
        name: value for name, value in cells.items() if name != "positives"
    }
