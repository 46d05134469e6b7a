"""The folder in which a data set is made: one table a step, so that every step can be stopped, repeated and looked at.

ingest -> manifest.parquet, problems.csv      duplicates -> links.parquet, links.csv, groups.csv
quality -> quality.parquet                    labels -> labels.parquet
review -> a decisions file                    apply -> clean.parquet, decisions.csv
split -> split.parquet                        audit -> audit.parquet, audit.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from filelock import FileLock, Timeout

from mpoxlens.datasets.duplicates.links import Link, read_links
from mpoxlens.datasets.duplicates.search import VERSION
from mpoxlens.datasets.manifest import Manifest, clustered, read_manifest
from mpoxlens.datasets.reviews import Review, read_reviews
from mpoxlens.datasets.tables import made_of, metadata, read_table, write_csv
from mpoxlens.errors import DataError, MpoxlensError

VERBS = {"manifest": "ingest", "links": "duplicates", "clean": "apply"}  # where the table has another name


@dataclass(frozen=True)
class Workspace:
    """A folder of tables; `path` need not exist before the first step."""

    path: Path

    def table(self, name: str) -> Path:
        """The file of a table."""
        return self.path / f"{name}.parquet"

    def manifest(self) -> Manifest:
        """All photographs as they were ingested. DataError when nothing was ingested yet."""
        return read_manifest(self.table("manifest"), self.mend("manifest"))

    def clean(self) -> Manifest:
        """The photographs after review, in their clusters.

        Raises:
            DataError: the decisions were not applied yet, or not since photographs came.
        """
        self.check("clean")
        return read_manifest(self.table("clean"), self.mend("clean"))

    def mend(self, name: str) -> str:
        """The command that makes a table."""
        return f"mpoxlens data {VERBS.get(name, name)} {self.path}" + (" DIR" if name == "manifest" else "")

    def state(self, name: str = "") -> str:
        """Name what a table is made from.

        Args:
            name: the table; without it, what stands at the end of review: the table `clean`, or `manifest` before it.
        """
        if name in ("quality", "labels", "clean"):
            return (
                f"{_content(self.table('manifest'))} {VERSION}" if name == "clean" else _content(self.table("manifest"))
            )
        return _content(self.table("clean")) if self.table("clean").exists() else _content(self.table("manifest"))

    def check(self, name: str) -> None:
        """Refuse a table that was made before the last photographs or decisions came.

        Raises:
            DataError: it is stale; the message has the command that makes it anew.
        """
        path = self.table(name)
        if path.exists() and made_of(path) != self.state(name):
            raise DataError(str(path), "made before the last photographs or decisions came", self.mend(name))

    def fresh(self, name: str) -> pa.Table | None:
        """Return the table of a step: quality, labels, split or audit. None when the step was not done.

        Raises:
            DataError: it was made before the last photographs or decisions came, or it is damaged.
        """
        if not self.table(name).exists():
            return None
        table = read_table(self.table(name), self.mend(name))  # first, since of a damaged one nothing is known
        self.check(name)
        return table

    @property
    def decisions(self) -> Path:
        """The decisions that hold, of all reviewers, as they were applied last."""
        return self.path / "decisions.csv"

    def reviews(self) -> list[Review]:
        """What `decisions` says; nothing before decisions were applied."""
        return read_reviews(self.decisions) if self.decisions.exists() else []

    def links(self) -> list[Link]:
        """The links between all photographs. DataError when they were not looked for since photographs came."""
        links = read_links(self.table("links"), photographs_of(self.manifest()), self.mend("links"))
        if links is None:
            raise DataError(str(self.table("links")), "made before the last photographs came", self.mend("links"))
        return links

    def clustered(self) -> Manifest:
        """All photographs in their clusters, before review."""
        found = self.manifest()
        return replace(found, records=clustered(found, self.links()))

    def groups(self) -> dict[str, str]:
        """The group of every file, before review."""
        return groups_of(self.manifest(), self.links())


@contextmanager
def alone(work: Workspace) -> Iterator[None]:
    """Keep a second run out of the workspace.

    Raises:
        DataError: another run is at work there.
    """
    if not work.path.is_dir():  # the first step makes it, or refuses what came instead
        yield
        return
    try:
        with FileLock(work.path / ".lock", timeout=0):
            yield
    except Timeout:
        raise DataError(str(work.path), "another run is at work there", "wait until it has ended") from None


def _content(path: Path) -> str:
    return metadata(path).get(b"content", b"").decode()


def photographs_of(manifest: Manifest) -> str:
    """Name what links are found by: the search and the content of the photographs, whatever they are labelled."""
    return hashlib.sha256("".join([VERSION, *(r.sha256 for r in manifest.records)]).encode()).hexdigest()


def groups_of(found: Manifest, links: Sequence[Link]) -> dict[str, str]:
    """The group of every file, copies of the same content too."""
    grouped = {r.sha256: r.group for r in clustered(found, links)}
    return {r.path: grouped[r.sha256] for r in (*found.records, *found.copies)}


def write_problems(problems: Iterable[MpoxlensError], path: Path) -> None:
    """Write what could not be used: what came, why it is refused, what mends it."""
    write_csv(("what", "why", "mend"), ((one.what, one.why, one.mend) for one in problems), path)
