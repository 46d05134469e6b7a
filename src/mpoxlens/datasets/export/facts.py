"""What the tables of a workspace say about a data set, for its card and its Croissant file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute, dataset

from mpoxlens.datasets.export.rows import Rows
from mpoxlens.datasets.hide import unseen
from mpoxlens.datasets.label_codes import Code, code
from mpoxlens.datasets.reviews import VERDICTS, Review
from mpoxlens.datasets.sources import LAYOUTS
from mpoxlens.datasets.tables import read_table
from mpoxlens.datasets.workspace import Workspace

Counts = dict[str, int]  # most frequent first


@dataclass(frozen=True)
class Facts:
    """Counts of photographs unless said otherwise."""

    photographs: int
    images: bool  # the photographs themselves are in the export
    shown: bool  # they, or contact sheets of them, are
    labels: Counts
    codes: dict[str, Code | None]  # by label
    parts: Counts
    label_by_part: dict[tuple[str, str], int]
    label_by_source: dict[tuple[str, str], int]
    sources: Counts
    citations: dict[str, str]  # how a source asks to be cited, as far as it is a published set that we know
    licences: Counts  # "" where none is known
    tones: Counts  # "" where none was published
    flags: Counts
    with_patient: int
    patients: int  # people
    groups: int  # clusters
    alone: int  # clusters of one photograph
    largest: int  # photographs of the largest cluster
    crossing: int  # clusters that stand in more than one part
    hidden: int  # photographs with a face that is hidden wherever they are shown
    ingested: int  # photographs before review
    copies: int  # further files with the content of one of the photographs ingested
    links: Counts | None  # pairs by method, None when duplicates were not looked for
    doubts: Counts | None  # by kind, None when labels were not looked at
    measured: bool  # quality was
    unseen: int  # that were not looked at for faces
    dropped: Counts  # by the reviewer's reason
    relabelled: Counts  # "old → new"
    reviewers: int  # people
    reviews: Counts  # decisions by action
    left_out: int  # that could not be read for the export
    audit: tuple[dict[str, Any], ...] | None  # rows of audit.parquet, the strongest cue first


def gather(of: Rows, data: Path, reviews: Sequence[Review], sheets: bool) -> Facts:
    """Count what stands in the exported Parquet files of `data` and in the tables of the workspace.

    Raises:
        DataError: a step was done before the last photographs or decisions came.
    """
    work, labels = of.work, of.labels
    rows = dataset.dataset(data, format="parquet")
    sources = _counted(rows, "source")
    groups = Counter(_counted(rows, "group").values())
    before = _Before(work, reviews)
    return Facts(
        photographs=rows.count_rows(),
        images=of.images,
        shown=of.images or sheets,
        labels={labels[int(k)]: n for k, n in _counted(rows, "label").items()},
        codes={label: code(label) for label in labels},
        parts=dict(sorted(_counted(rows, "part").items())),
        label_by_part={(labels[k], v): n for k, v, n in _crossed(rows, "label", "part")},
        label_by_source={(labels[k], v): n for k, v, n in _crossed(rows, "label", "source")},
        sources=sources,
        citations={name: LAYOUTS[name].citation for name in sources if name in LAYOUTS and LAYOUTS[name].citation},
        licences=_counted(rows, "licence"),
        tones=_counted(rows, "tone"),
        flags=_counted(rows, "flags"),
        with_patient=rows.count_rows(filter=dataset.field("patient").is_valid()),
        patients=sum(1 for _, patient, _ in _crossed(rows, "source", "patient") if patient),
        groups=sum(groups.values()),
        alone=groups[1],
        largest=max(groups, default=0),
        crossing=sum(n > 1 for n in Counter(group for group, _, _ in _crossed(rows, "group", "part")).values()),
        hidden=rows.count_rows(filter=dataset.field("sha256").isin(pa.array(of.faces, pa.string()))),
        left_out=len(of.problems),
        ingested=len(before.label),
        copies=before.copies,
        links=_tally(_links(work), "method"),
        doubts=_tally(work.fresh("labels"), "kind"),
        measured=work.table("quality").exists(),
        unseen=unseen(work, rows.to_table(columns=["sha256"])["sha256"]),
        dropped=before.dropped(),
        relabelled=before.relabelled(),
        reviewers=len({name.strip() for review in reviews for name in review.reviewer.split("+")}),
        reviews=_sorted(Counter(review.action for review in reviews)),
        audit=_audit(work),
    )


class _Before:
    """The photographs before review, and what the last verdict on each was."""

    def __init__(self, work: Workspace, reviews: Sequence[Review]) -> None:
        rows = read_table(work.table("manifest"), work.mend("manifest")).select(["sha256", "label", "copy"])
        first = rows.filter(compute.invert(rows["copy"]))
        self.copies = rows.num_rows - first.num_rows
        self.label = dict(zip(first["sha256"].to_pylist(), first["label"].to_pylist(), strict=True))
        self._verdict = {r.sha256: r for r in reviews if r.action in VERDICTS and r.sha256 in self.label}

    def dropped(self) -> Counts:
        return _sorted(Counter(r.reason or "no reason given" for r in self._verdict.values() if r.action == "drop"))

    def relabelled(self) -> Counts:
        changed = (r for r in self._verdict.values() if r.action == "relabel" and r.value != self.label[r.sha256])
        return _sorted(Counter(f"{self.label[r.sha256]} → {r.value}" for r in changed))


def _counted(rows: dataset.Dataset, column: str) -> Counts:
    """How often each value stands in a column, which alone is read; missing values count as ""."""
    values = rows.to_table(columns=[column]).column(0)
    if pa.types.is_list(values.type):
        values = compute.list_flatten(values)
    found = {
        str(one["values"] if one["values"] is not None else ""): one["counts"]
        for one in values.value_counts().to_pylist()
    }
    return _sorted(found)


def _crossed(rows: dataset.Dataset, a: str, b: str) -> Iterator[tuple[Any, Any, int]]:
    counted = rows.to_table(columns=[a, b]).group_by([a, b]).aggregate([([], "count_all")])
    for row in counted.to_pylist():
        yield row[a], row[b], row["count_all"]


def _sorted(counts: dict[str, int]) -> Counts:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _links(work: Workspace) -> pa.Table | None:
    return read_table(work.table("links"), work.mend("links")) if work.table("links").exists() else None


def _tally(table: pa.Table | None, column: str) -> Counts | None:
    if table is None:
        return None
    return _sorted({one["values"]: one["counts"] for one in table[column].value_counts().to_pylist()})


def _audit(work: Workspace) -> tuple[dict[str, Any], ...] | None:
    rows = work.fresh("audit")
    if rows is None:
        return None
    rows = rows.select(["cue", "positives", "against", "photographs", "auroc", "low", "high"])
    return tuple(rows.sort_by([("auroc", "descending")]).to_pylist())
