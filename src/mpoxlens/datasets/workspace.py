"""The folder in which a data set is made: one table a step, so that every step can be stopped, repeated and looked at.

ingest -> manifest.parquet, problems.csv      duplicates -> links.parquet, links.csv, groups.csv
quality -> quality.parquet                    labels -> labels.parquet
review -> a decisions file                    apply -> clean.parquet, decisions.csv
split -> split.parquet                        audit -> audit.parquet, audit.html
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from mpoxlens.datasets import manifest as manifests
from mpoxlens.datasets import split as splits
from mpoxlens.datasets.duplicates.links import Link, export_links, read_links, write_links
from mpoxlens.datasets.duplicates.search import VERSION, find_links
from mpoxlens.datasets.ingest import collect
from mpoxlens.datasets.labels import Doubt, Predicted, conflicts, mislabels, write_doubts
from mpoxlens.datasets.manifest import Manifest, clustered, read_manifest, write_manifest
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.reviews import Review, read_reviews, settled, write_reviews
from mpoxlens.datasets.split import Split
from mpoxlens.datasets.tables import read_table, write_csv, write_table
from mpoxlens.errors import DataError, MpoxlensError


@dataclass(frozen=True)
class Workspace:
    """A folder of tables; `path` need not exist before the first step."""

    path: Path

    def table(self, name: str) -> Path:
        """The file of a table."""
        return self.path / f"{name}.parquet"

    def manifest(self) -> Manifest:
        """All photographs as they were ingested. DataError when nothing was ingested yet."""
        return read_manifest(self.table("manifest"), f"mpoxlens data ingest {self.path} DIR")

    def clean(self) -> Manifest:
        """The photographs after review, in their clusters. DataError when the decisions were not applied yet."""
        return read_manifest(self.table("clean"), f"mpoxlens data apply {self.path}")

    @property
    def decisions(self) -> Path:
        """The decisions that hold, of all reviewers, as they were applied last."""
        return self.path / "decisions.csv"

    def reviews(self) -> list[Review]:
        """What `decisions` says; nothing before decisions were applied."""
        return read_reviews(self.decisions) if self.decisions.exists() else []

    def links(self) -> list[Link]:
        """The links between all photographs. DataError when they were not looked for since photographs came."""
        mend = f"mpoxlens data duplicates {self.path}"
        links = read_links(self.table("links"), _content(self.manifest()), mend)
        if links is None:
            raise DataError(str(self.table("links")), "made before the last photographs came", mend)
        return links

    def clustered(self) -> Manifest:
        """All photographs in their clusters, before review."""
        found = self.manifest()
        return replace(found, records=clustered(found, self.links()))

    def groups(self) -> dict[str, str]:
        """The group of every file, before review."""
        return _groups(self.manifest(), self.links())


def ingest(work: Workspace, roots: Sequence[Path], layout: str | None = None, tell: Tell = silent) -> Manifest:
    """Read data sets into the workspace; see `ingest.collect`."""
    work.path.mkdir(parents=True, exist_ok=True)
    found = collect(roots, layout=layout, cache=work.table("files"), tell=tell)
    write_manifest(found, work.table("manifest"))
    write_problems(found.problems, work.path / "problems.csv")
    return found


def duplicates(work: Workspace, tell: Tell = silent) -> list[Link]:
    """Find the links between all photographs, or return those that were found before.

    Besides `links.parquet`, by content, it writes `links.csv` (file_a, file_b, method, inliers, overlap) and
    `groups.csv` (file, group), in which every file stands, copies of the same content too.
    """
    found = work.manifest()
    of = _content(found)
    mend = f"mpoxlens data duplicates {work.path}"
    links = read_links(work.table("links"), of, mend) if work.table("links").exists() else None
    if links is None:
        links = find_links(
            found.paths,
            cache=work.path / "prints",
            progress=lambda done, all_: tell("looking for copies", done, all_),
        )
        write_links(links, work.table("links"), of)
    _write_for_others(work, found, links)
    return links


def apply(work: Workspace, reviews: Sequence[Review] = ()) -> Manifest:
    """Apply reviewers' decisions and put every photograph into its cluster; see `manifest.apply`."""
    clean = manifests.apply(work.manifest(), work.links(), reviews)
    write_manifest(clean, work.table("clean"))
    write_reviews(settled(reviews), work.decisions)
    write_problems(clean.problems, work.path / "problems-apply.csv")
    return clean


def labels(work: Workspace, predicted: Callable[[Manifest], Predicted], tell: Tell = silent) -> list[Doubt]:
    """List the labels to doubt: conflicts between copies, and probable mislabels.

    Args:
        work: the workspace; of the photographs that decisions were applied to, or else of all.
        predicted: gives out-of-fold probabilities, see `labels.Predicted`.
        tell: shows the progress.
    """
    tell("doubting labels", 0, 1)
    used = work.clean() if work.table("clean").exists() else work.clustered()
    doubts = conflicts(work.manifest(), work.links()) + mislabels(used.records, predicted(used))
    write_doubts(doubts, work.table("labels"))
    tell("doubting labels", 1, 1)
    return doubts


def split(
    work: Workspace,
    *,
    folds: int | None = None,
    share: float | None = None,
    published: bool = False,
    seed: int = 7,
    fresh: bool = False,
) -> Split:
    """Split the reviewed photographs into folds, by a hold-out's share, as published, or else by source.

    Every photograph stays in the part that it had in an earlier split of the same kind, unless `fresh`.

    Raises:
        DataError: too few clusters; or the publisher's folds cut one.
    """
    records, path = work.clean().records, work.table("split")
    before = {} if fresh or not path.exists() else _parts(read_table(path, ""))
    if folds:
        found = splits.folds(records, folds, seed, before)
    elif share is not None:
        found = splits.hold_out(records, share, seed, before)
    else:
        found = splits.published(records) if published else splits.by_source(records)
    names = [found.parts[k] for k in found.part.tolist()]
    if published:
        splits.check_no_leak(records, names)
    write_table(pa.table({"sha256": [r.sha256 for r in records], "part": names}), path)
    write_csv(("file", "part"), zip((r.path for r in records), names, strict=True), work.path / "split.csv")
    return found


def check_split(work: Workspace, path: Path) -> int:
    """Check a split that came from elsewhere, and return how many photographs it names.

    Args:
        work: the workspace, after `apply`.
        path: a CSV with the columns `file` or `sha256`, and `part`.

    Raises:
        DataError: a cluster is in two parts, by the names of two files; a line that cannot be used.
    """
    clean = work.clean()
    of = {r.path: r for r in (*clean.copies, *clean.records)} | {r.sha256: r for r in clean.records}
    records, parts = [], []
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        rows = csv.DictReader(lines)
        key = next((name for name in ("file", "sha256") if name in (rows.fieldnames or ())), None)
        if key is None or "part" not in (rows.fieldnames or ()):
            raise DataError(f"{path}:1", "its columns are others", "write file,part or sha256,part")
        for row in rows:
            if row[key] not in of or not row["part"]:
                why = f"{row[key]} with part {row['part']!r}: no photograph of {work.path}, or no part"
                raise DataError(f"{path}:{rows.line_num}", why, "correct or remove the line")
            records.append(of[row[key]])
            parts.append(row["part"])
    splits.check_no_leak(records, parts)
    return len(records)


def _parts(table: pa.Table) -> dict[str, str]:
    return dict(zip(table["sha256"].to_pylist(), table["part"].to_pylist(), strict=True))


def write_problems(problems: Iterable[MpoxlensError], path: Path) -> None:
    """Write what could not be used: what came, why it is refused, what mends it."""
    write_csv(("what", "why", "mend"), ((one.what, one.why, one.mend) for one in problems), path)


def _content(manifest: Manifest) -> str:
    return hashlib.sha256("".join([VERSION, *(r.sha256 for r in manifest.records)]).encode()).hexdigest()


def _write_for_others(work: Workspace, found: Manifest, links: Sequence[Link]) -> None:
    files = {r.sha256: r.path for r in found.records}
    export_links(links, files, ((r.sha256, r.path) for r in found.copies), work.path / "links.csv")
    write_csv(("file", "group"), sorted(_groups(found, links).items()), work.path / "groups.csv")


def _groups(found: Manifest, links: Sequence[Link]) -> dict[str, str]:
    grouped = {r.sha256: r.group for r in clustered(found, links)}
    return {r.path: grouped[r.sha256] for r in (*found.records, *found.copies)}
