"""The manifest: one row a photograph, by content, with its cluster. Reviewers' decisions are applied on top of it."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from pathlib import Path

from mpoxlens.datasets.duplicates import Link, find_links, group
from mpoxlens.datasets.sources import read_source
from mpoxlens.errors import DataError, PhotoError
from mpoxlens.photo import decode_photo, read_bytes
from mpoxlens.schema import ImageRecord

Progress = Callable[[str, int, int], None]
ACTIONS = frozenset({"drop", "flag", "relabel", "group"})
COLUMNS = ["sha256", "action", "value", "reason", "reviewer", "date"]


@dataclass(frozen=True)
class Review:
    """One reviewer's decision about one photograph."""

    sha256: str
    action: str  # drop, flag, relabel or group
    value: str  # the new label, or the name that photographs of one person or scene share
    reason: str
    reviewer: str
    date: str


@dataclass(frozen=True)
class Manifest:
    """The photographs of a data set, without copies of the same file."""

    root: Path
    records: tuple[ImageRecord, ...]  # sorted by sha256
    flags: dict[str, frozenset[str]]  # by sha256
    refused: tuple[str, ...] = ()  # one line for each file that is no photograph

    @property
    def sha256(self) -> str:
        """Hash of what was learned from: content, label and cluster of every photograph."""
        rows = [[r.sha256, r.label, r.group] for r in self.records]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def collect(root: Path, reviews: Sequence[Review] = (), progress: Progress | None = None) -> Manifest:
    """Read a data set and apply the reviewers' decisions; clusters are not known yet.

    Raises:
        DataError: nothing usable, or the same content under two labels.
    """
    records, refused = _hashed(root, progress or _silent)
    kept, flags = apply_reviews(records, reviews)
    if not kept:
        raise DataError(str(root), "no photo is left after the reviewers' decisions", "check the decisions file")
    return Manifest(root, tuple(sorted(kept, key=lambda r: r.sha256)), flags, tuple(refused))


def cluster(manifest: Manifest, reviews: Sequence[Review] = (), progress: Progress | None = None) -> Manifest:
    """Return the manifest with the group of every photograph: near-duplicates, patients, and what reviewers saw."""
    tell = progress or _silent
    paths = {r.sha256: manifest.root / r.path for r in manifest.records}
    links = find_links(paths, progress=lambda done, of: tell("looking for copies", done, of))
    links += reviewed_links(paths.keys(), reviews)
    return replace(manifest, records=tuple(group(manifest.records, links)))


def _silent(_step: str, _done: int, _of: int) -> None:
    return


def _hashed(root: Path, tell: Progress) -> tuple[list[ImageRecord], list[str]]:
    """Return one record a distinct file, and a line for each file that cannot be read."""
    records: dict[str, ImageRecord] = {}
    refused: list[str] = []
    files = read_source(root)
    for i, item in enumerate(files):
        tell("reading", i + 1, len(files))
        try:
            photo = decode_photo(read_bytes(root / item.path), item.path)
        except PhotoError as error:
            refused.append(str(error))
            continue
        same = records.get(photo.sha256)
        if same and item.patient and same.patient not in (None, item.patient):
            why = f"of patient {item.patient}, and of patient {same.patient} as {same.path}, with the same content"
            raise DataError(item.path, why, "keep one of the two lines")
        if same and same.label != item.label:
            why = f"labelled {item.label}, and {same.label} as {same.path}, with the same content"
            raise DataError(item.path, why, "keep one of the two lines")
        record = ImageRecord(
            photo.sha256, item.path, item.label, item.source, item.patient, photo.width, photo.height, ""
        )
        records[photo.sha256] = replace(same, patient=same.patient or item.patient) if same else record
    return list(records.values()), refused


def read_reviews(path: Path) -> list[Review]:
    """Read a decisions file.

    Raises:
        DataError: by file and line, what cannot be used.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
            rows = csv.DictReader(lines)
            if rows.fieldnames != COLUMNS:
                raise DataError(f"{path}:1", "its columns are others", f"write: {','.join(COLUMNS)}")
            found = [(rows.line_num, _review(row, f"{path}:{rows.line_num}")) for row in rows]
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "check the recipe's reviews") from None
    for number, review in found:
        if review.action not in ACTIONS or (review.action in ("relabel", "group") and not review.value):
            why = f"action {review.action!r} with value {review.value!r} is unknown"
            raise DataError(f"{path}:{number}", why, f"use {', '.join(sorted(ACTIONS))}")
    return [review for _, review in found]


def _review(row: dict[str, str], where: str) -> Review:
    if set(row) != set(COLUMNS) or None in row.values():
        raise DataError(where, "it has more or fewer cells than the first line", f"write: {','.join(COLUMNS)}")
    return Review(**row)


def apply_reviews(
    records: Iterable[ImageRecord], reviews: Sequence[Review]
) -> tuple[list[ImageRecord], dict[str, frozenset[str]]]:
    """Return the records that are kept and relabelled, and the flags of each."""
    known = {r.sha256: r for r in records}
    flags: dict[str, set[str]] = {}
    for review in reviews:
        if review.sha256 not in known:
            continue  # of another copy of the data set, or dropped by an earlier line
        if review.action == "drop":
            del known[review.sha256]
        elif review.action == "relabel":
            known[review.sha256] = replace(known[review.sha256], label=review.value)
        elif review.action == "flag":
            flags.setdefault(review.sha256, set()).add(review.reason)
    return list(known.values()), {sha: frozenset(names) for sha, names in flags.items()}


def reviewed_links(known: Set[str], reviews: Sequence[Review]) -> list[Link]:
    """Return links between the photographs that a reviewer saw to show one person or scene."""
    named: dict[str, list[str]] = {}
    for review in reviews:
        if review.action == "group" and review.sha256 in known:
            named.setdefault(review.value, []).append(review.sha256)
    return [Link(a, b, "reviewer", 0, 0.0) for shas in named.values() for a, b in pairwise(sorted(shas))]


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write the manifest as Parquet, whole or not at all."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [asdict(r) | {"flags": sorted(manifest.flags.get(r.sha256, ()))} for r in manifest.records]
    names = [f.name for f in fields(ImageRecord)] + ["flags"]
    table = pa.table({name: [row[name] for row in rows] for name in names})
    part = path.with_suffix(".part")
    parquet.write_table(table.replace_schema_metadata({"root": str(manifest.root)}), part)
    part.replace(path)


def read_manifest(path: Path, root: Path) -> Manifest:
    """Read a manifest that `write_manifest` wrote."""
    from pyarrow import parquet

    rows = parquet.read_table(path).to_pylist()
    flags = {row["sha256"]: frozenset(row.pop("flags")) for row in rows}
    return Manifest(root, tuple(ImageRecord(**row) for row in rows), {s: f for s, f in flags.items() if f})
