"""Cases like this one: the photographs that the network learned from whose embeddings lie nearest.

An index holds neutral numbers, labels, clusters and embeddings: no photograph, no file name, no hash of a file. It is
not anonymous for all that: whoever has a photograph can find out with it whether that one, or a copy, is inside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.manifest import Manifest
from mpoxlens.datasets.original import read_original
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.datasets.tables import metadata, read_table, write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.errors import DataError, MpoxlensError
from mpoxlens.rules import unit_length
from mpoxlens.schema import Floats, ImageRecord
from mpoxlens.screening.classify import classify_inputs

MEND = "mpoxlens explain concepts index WORK --out INDEX"
_SCHEMA = pa.schema(
    [("case", pa.string()), ("label", pa.string()), ("cluster", pa.string()), ("embedding", pa.list_(pa.float32()))]
)


@dataclass(frozen=True)
class Case:
    """One case that is like another."""

    name: str  # neutral, such as "case 017"
    label: str
    cluster: str  # patient and near-duplicates together, neutral too
    distance: float  # cosine distance of the embeddings: 0 the same, 1 nothing in common
    others: int  # further photographs of its cluster in the index


@dataclass(frozen=True, eq=False)
class Index:
    """Cases by their embeddings."""

    cases: tuple[str, ...]
    labels: tuple[str, ...]
    clusters: tuple[str, ...]
    directions: Floats  # [N, D] of length 1
    bundle_sha256: str  # whose network gave them; another's lie elsewhere
    left_out: int = 0  # photographs that could not be read

    def nearest(self, embedding: Floats, count: int = 5) -> tuple[Case, ...]:
        """Return the nearest case of each of the nearest clusters, the nearest first.

        Args:
            embedding: [D] of a photograph, from the same network.
            count: clusters at most.
        """
        distances = 1 - self.directions @ unit_length(embedding[None])[0]
        found: dict[str, Case] = {}
        for row in np.argsort(distances, kind="stable").tolist():
            cluster = self.clusters[row]
            if cluster not in found and len(found) < count:
                away = max(float(distances[row]), 0.0)
                others = self.clusters.count(cluster) - 1
                found[cluster] = Case(self.cases[row], self.labels[row], cluster, away, others)
        return tuple(found.values())

    def write(self, path: Path) -> None:
        """Write as Parquet, whole or not at all. MpoxlensError when it cannot be written."""
        columns = [self.cases, self.labels, self.clusters, list(self.directions)]
        about = {"bundle": self.bundle_sha256, "left_out": str(self.left_out)}
        write_table(pa.table(columns, schema=_SCHEMA.with_metadata(about)), path)

    @classmethod
    def read(cls, path: Path, bundle: Bundle) -> Index:
        """Read what `write` wrote.

        Raises:
            DataError: it is not there, damaged, no index, or made with another bundle.
        """
        table, about = read_table(path, MEND), metadata(path)
        if table.schema.names != _SCHEMA.names or b"bundle" not in about:
            raise DataError(str(path), "no index of cases", f"make one with: {MEND}")
        made_with = about[b"bundle"].decode()
        if made_with != bundle.sha256:
            why = f"made with another bundle ({made_with[:8]} instead of {bundle.sha256[:8]})"
            raise DataError(str(path), why, f"make it anew with: {MEND}")
        names, labels, clusters = (tuple(table[name].to_pylist()) for name in _SCHEMA.names[:3])
        directions = np.array(table["embedding"].to_pylist(), np.float32)
        return cls(names, labels, clusters, directions, made_with, int(about[b"left_out"]))


def workspace_of(folder: Path) -> Workspace:
    """Return the workspace in a folder: of `mpoxlens data`, or the one that a run of `mpoxlens train` keeps.

    Raises:
        DataError: there is none.
    """
    for place in (folder, folder / "data"):
        if Workspace(place).table("clean").exists():
            return Workspace(place)
    mend = "name a workspace of mpoxlens data after `apply`, or a finished run"
    raise DataError(str(folder), "neither a workspace nor a run with one", mend)


def build(bundle: Bundle, manifest: Manifest, tell: Tell = silent) -> Index:
    """Return the index of a data set's photographs under the labels that the bundle knows.

    Raises:
        DataError: not one of them can be read.
        BundleError: the network gave numbers that are not finite.
    """
    records = [record for record in manifest.records if record.label in bundle.spec.labels]
    kept: list[tuple[ImageRecord, Floats]] = []
    for n, record in enumerate(records):
        kept += _embedded(bundle, manifest, record)
        tell("cases", n + 1, len(records))
    if not kept:
        why = f"none of its photographs of {', '.join(bundle.spec.labels)} can be read"
        raise DataError(str(manifest.root), why, "ingest them again")
    # Sorted by a hash that the bundle salts, numbers tell nothing of the order of files or of their hashes.
    kept.sort(key=lambda one: _salted(one[0].sha256, bundle))
    return Index(
        tuple(_named("case", len(kept))),
        tuple(record.label for record, _ in kept),
        _neutral([record.group for record, _ in kept]),
        unit_length(np.stack([embedding for _, embedding in kept])),
        bundle.sha256,
        len(records) - len(kept),
    )


def _embedded(bundle: Bundle, manifest: Manifest, record: ImageRecord) -> list[tuple[ImageRecord, Floats]]:
    try:
        pixels = read_original(manifest.root / record.path, record.sha256).pixels
    except MpoxlensError:  # gone or altered since; `left_out` says how many
        return []
    (found,) = classify_inputs(bundle, [bundle.spec.preprocess(pixels)])
    return [(record, found.embedding)]


def _salted(sha256: str, bundle: Bundle) -> str:
    return hashlib.sha256(f"{bundle.sha256} {sha256}".encode()).hexdigest()


def _neutral(groups: Sequence[str]) -> tuple[str, ...]:
    """Number the groups in the order in which they come."""
    first = list(dict.fromkeys(groups))
    names = dict(zip(first, _named("cluster", len(first)), strict=True))
    return tuple(names[group] for group in groups)


def _named(kind: str, count: int) -> Iterator[str]:
    return (f"{kind} {n:0{len(str(count))}d}" for n in range(1, count + 1))
