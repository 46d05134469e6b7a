"""The manifest: one row a photograph, by content, with its label and its cluster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pyarrow as pa

from mpoxlens.datasets.duplicates.groups import group
from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.label_codes import code
from mpoxlens.datasets.reviews import Review, apply_verdicts, flags_of, reviewed_links, unknown
from mpoxlens.datasets.tables import read_table, write_table
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.schema import ImageRecord

CONFLICT = "label_conflict"  # the very same file came under two labels

_SCHEMA = pa.schema(
    [
        *((f.name, pa.int64() if f.name in ("width", "height", "bytes") else pa.string()) for f in fields(ImageRecord)),
        ("flags", pa.list_(pa.string())),
        ("snomed", pa.string()),
        ("copy", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Manifest:
    """The photographs of a data set, without copies of the same file."""

    root: Path
    records: tuple[ImageRecord, ...]  # sorted by sha256
    copies: tuple[ImageRecord, ...] = ()  # further files with the content of one of the records
    flags: dict[str, frozenset[str]] = field(default_factory=dict)  # by sha256
    problems: tuple[MpoxlensError, ...] = ()  # what could not be used, while the rest went on

    @property
    def sha256(self) -> str:
        """Hash of what was learned from: content, label and cluster of every photograph."""
        rows = [[r.sha256, r.label, r.group] for r in self.records]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    @property
    def paths(self) -> dict[str, Path]:
        """The file of each sha256."""
        return {r.sha256: self.root / r.path for r in self.records}


def apply(manifest: Manifest, links: Sequence[Link], reviews: Sequence[Review] = ()) -> Manifest:
    """Return the manifest as it is to be used: reviewers' decisions applied, every photograph in its cluster.

    A file that came under two labels is left out until a reviewer says which one holds.

    Raises:
        DataError: nothing is left.
    """
    decided = {r.sha256 for r in reviews if r.action in ("keep", "relabel")}
    open_ = {sha for sha, names in manifest.flags.items() if CONFLICT in names and sha not in decided}
    kept = {r.sha256: r for r in apply_verdicts(manifest.records, reviews) if r.sha256 not in open_}
    if not kept:
        raise DataError(str(manifest.root), "no photo is left after the reviewers' decisions", "check the decisions")
    links = [one for one in reviewed_links(links, reviews) if one.a in kept and one.b in kept]
    copies = tuple(copy for copy in manifest.copies if copy.sha256 in kept)
    records = clustered(replace(manifest, records=tuple(kept.values()), copies=copies), links)
    group = {record.sha256: record.group for record in records}
    return Manifest(
        manifest.root,
        records,
        tuple(replace(copy, group=group[copy.sha256]) for copy in copies),
        _flags(manifest, reviews, kept),
        (
            *manifest.problems,
            *unknown(manifest.records, reviews),
            *_new_labels(manifest, reviews),
            *(_left_out(record) for record in manifest.records if record.sha256 in open_),
            *_contradicting(kept, links, decided),
        ),
    )


def _flags(manifest: Manifest, reviews: Sequence[Review], kept: Iterable[str]) -> dict[str, frozenset[str]]:
    """The publisher's flags and the reviewers'; a conflict that was decided is none any more."""
    given = flags_of(reviews)
    flags = {sha: manifest.flags.get(sha, frozenset()) - {CONFLICT} | given.get(sha, frozenset()) for sha in kept}
    return {sha: names for sha, names in sorted(flags.items()) if names}


def _left_out(record: ImageRecord) -> DataError:
    mend = "decide with `relabel` or `keep` in the decisions file"
    return DataError(record.path, "left out: it came under two labels", mend)


def _new_labels(manifest: Manifest, reviews: Sequence[Review]) -> Iterator[DataError]:
    """A line for each label that only a reviewer uses, since it may be a slip of the pen."""
    known = {record.label for record in (*manifest.records, *manifest.copies)}
    for label, first in {r.value: r for r in reversed(reviews) if r.action == "relabel"}.items():
        if label not in known:
            why = f"no photograph came with the label {label!r}"
            yield DataError(first.where, why, f"check its spelling; known are {', '.join(sorted(known))}")


def _contradicting(kept: Mapping[str, ImageRecord], links: Iterable[Link], decided: Set[str]) -> Iterator[DataError]:
    """A line for each pair of copies that go by two labels, unless a reviewer looked at both."""
    for link in links:
        a, b = kept[link.a], kept[link.b]
        if link.method != "reviewer" and a.label != b.label and not {link.a, link.b} <= decided:
            why = f"labelled {a.label}, and {b.label} as {b.path}, which shows the same photograph"
            yield DataError(a.path, why, "decide with relabel, drop or apart in the decisions file")


def clustered(manifest: Manifest, links: Sequence[Link]) -> tuple[ImageRecord, ...]:
    """Return the records with the group of each: linked photographs, and all of one patient."""
    return tuple(group(manifest.records, [*links, *_patients_of_copies(manifest)]))


def _patients_of_copies(manifest: Manifest) -> list[Link]:
    """Links to where else the patient of a copy is seen: two publishers name the person of one file differently."""
    first = {(r.source, r.patient): r.sha256 for r in manifest.records if r.patient}
    found = []
    for copy in manifest.copies:
        if copy.patient:
            other = first.setdefault((copy.source, copy.patient), copy.sha256)
            found.append(Link(min(other, copy.sha256), max(other, copy.sha256), "patient", 0, 0.0))
    return found


def write_manifest(manifest: Manifest, path: Path, of: str = "") -> None:
    """Write the manifest as Parquet, whole or not at all: photographs first, then the copies, marked as such.

    Its metadata hold the root, a hash of all rows, and `of`, which names what it was made from.
    """
    concept = {label: code(label) for label in {r.label for r in (*manifest.records, *manifest.copies)}}
    snomed = {label: found.code if found else None for label, found in concept.items()}

    def row(record: ImageRecord, *, copy: bool) -> dict[str, object]:
        flags = [] if copy else sorted(manifest.flags.get(record.sha256, ()))
        return {**vars(record), "flags": flags, "snomed": snomed[record.label], "copy": copy}

    rows = [row(r, copy=False) for r in manifest.records] + [row(r, copy=True) for r in manifest.copies]
    content = hashlib.sha256()
    for one in rows:
        content.update(repr(one).encode())
    about = {"root": str(manifest.root.resolve()), "content": content.hexdigest()}
    write_table(pa.Table.from_pylist(rows, _SCHEMA.with_metadata(about)), path, of)


def read_manifest(path: Path, mend: str = "mpoxlens data ingest WORK DIR") -> Manifest:
    """Read a manifest that `write_manifest` wrote.

    Raises:
        DataError: it is not there, damaged, or no manifest.
    """
    table = read_table(path, mend)
    root = (table.schema.metadata or {}).get(b"root")
    if root is None or not table.schema.equals(_SCHEMA):
        raise DataError(str(path), "no manifest of this version of mpoxlens", f"remove it, then: {mend}")
    records: tuple[list[ImageRecord], list[ImageRecord]] = ([], [])
    flags = {}
    for batch in table.to_batches(max_chunksize=65_536):
        for row in batch.to_pylist():
            names, copy = row.pop("flags"), row.pop("copy")
            del row["snomed"]  # follows from the label
            records[copy].append(ImageRecord(**row))
            if names:
                flags[row["sha256"]] = frozenset(names)
    return Manifest(Path(root.decode()), tuple(records[False]), tuple(records[True]), flags)
