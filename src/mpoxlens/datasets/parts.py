"""The split of a workspace: made, kept when photographs come, and checked when it comes from elsewhere."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mpoxlens.datasets import split as splits
from mpoxlens.datasets.split import Split
from mpoxlens.datasets.tables import metadata, read_table, write_csv, write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord


@dataclass(frozen=True)
class Kind:
    """Which split is asked for: exactly one of these; by source when none is."""

    folds: int | None = None
    share: float | None = None  # of the test side
    published: bool = False

    def __str__(self) -> str:
        if self.folds:
            return f"{self.folds} folds"
        if self.share is not None:
            return f"hold-out of {self.share:g}"
        return "as published" if self.published else "by source"


def split(work: Workspace, kind: Kind, seed: int = 7, *, fresh: bool = False) -> Split:
    """Split the reviewed photographs; each stays in the part that it had before, unless `fresh`.

    It leaves `split.parquet`, `split.csv` (file, part, group) and, by source, `split-left-out.csv`: which files must be
    kept out of training when a source is tested, since they share a cluster with it.

    Raises:
        DataError: too few clusters; the publisher's folds cut one; or there is a split of another kind.
    """
    records, path = work.clean().records, work.table("split")
    before = {} if fresh else _before(path, str(kind))
    if kind.folds:
        found = splits.folds(records, kind.folds, seed, before)
    elif kind.share is not None:
        found = splits.hold_out(records, kind.share, seed, before)
    else:
        found = splits.published(records) if kind.published else splits.by_source(records)
    names = found.names()
    if kind.published:
        splits.check_no_leak(records, names)
    table = pa.table({"sha256": [r.sha256 for r in records], "part": names})
    write_table(table.replace_schema_metadata({"kind": str(kind)}), path, work.state("split"))
    rows = zip((r.path for r in records), names, (r.group for r in records), strict=True)
    write_csv(("file", "part", "group"), rows, work.path / "split.csv")
    write_csv(("tested", "file"), left_out(records, found), work.path / "split-left-out.csv")
    return found


def left_out(records: tuple[ImageRecord, ...], found: Split) -> list[tuple[str, str]]:
    """Return (part that is tested, file that must then be in neither side)."""
    rows = []
    for k, part in enumerate(found.parts):
        train, test = splits.sides(records, found, k)
        used = {*train.tolist(), *test.tolist()}
        rows += [(part, record.path) for i, record in enumerate(records) if i not in used]
    return rows


def _before(path: Path, kind: str) -> dict[str, str]:
    if not path.exists():
        return {}
    table = read_table(path, "mpoxlens data split WORK --fresh")
    was = metadata(path).get(b"kind", b"").decode()
    if was != kind:
        raise DataError(str(path), f"it holds a split of another kind ({was})", "give --fresh to split anew")
    return dict(zip(table["sha256"].to_pylist(), table["part"].to_pylist(), strict=True))


def check_split(work: Workspace, path: Path) -> tuple[int, int]:
    """Check a split that came from elsewhere.

    Args:
        work: the workspace, after `apply`.
        path: a CSV with the columns `file` or `sha256`, and `part`.

    Returns:
        How many photographs it names, and how many of the workspace it does not name.

    Raises:
        DataError: clusters are in two parts, by the names of their files; a line that cannot be used.
    """
    clean = work.clean()
    of = {r.path: r for r in (*clean.copies, *clean.records)} | {r.sha256: r for r in clean.records}
    named: dict[str, tuple[ImageRecord, str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
            rows = csv.DictReader(lines)
            key = next((name for name in ("file", "sha256") if name in (rows.fieldnames or ())), None)
            if key is None or "part" not in (rows.fieldnames or ()):
                raise DataError(f"{path}:1", "its columns are others", "write file,part or sha256,part")
            for row in rows:
                where, name, part = f"{path}:{rows.line_num}", row[key], row["part"]
                if name not in of or not part:
                    why = f"{name} with part {part!r}: no photograph of {work.path}, or no part"
                    raise DataError(where, why, "correct or remove the line")
                if named.setdefault(name, (of[name], part))[1] != part:
                    raise DataError(where, f"{name} is in part {named[name][1]} already", "keep one of the two lines")
    except csv.Error as error:
        raise DataError(f"{path}:{rows.line_num}", f"no readable CSV ({error})", "correct the line") from None
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "name a CSV of file,part") from None
    splits.check_no_leak([record for record, _ in named.values()], [part for _, part in named.values()])
    seen = {record.sha256 for record, _ in named.values()}
    return len(named), len(clean.records) - len(seen)
