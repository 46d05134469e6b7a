"""Claim: with a million photographs every step of the data wing but image decoding stays under 4 GB.

Nothing is decoded: manifest, links, decisions, predictions and cues are made up, of the size and shape that a million
photographs would give (seven in ten alone in their group). Each step runs in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import record
from mpoxlens.datasets.audit import cues
from mpoxlens.datasets.audit.audit import audit
from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.export.export import export
from mpoxlens.datasets.labels import Predicted, conflicts, mislabels
from mpoxlens.datasets.manifest import Manifest, apply, clustered, read_manifest, write_manifest
from mpoxlens.datasets.reviews import Review
from mpoxlens.datasets.split import by_source, folds, sides
from mpoxlens.datasets.tables import fill
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.schema import ImageRecord

LABELS = ("mpox", "chickenpox", "measles", "healthy")
SOURCES = ("msid", "mcsi", "msld2", "scin", "fitzpatrick17k")


def _sha(i: int) -> str:
    return hashlib.sha256(str(i).encode()).hexdigest()


def made(count: int) -> tuple[Manifest, list[Link]]:
    """Return a manifest and its links; a third of the photographs is linked to the one before."""
    rng = np.random.default_rng(1)
    label, source, linked = rng.integers(4, size=count), rng.integers(5, size=count), rng.random(count) < 0.3
    records = tuple(
        ImageRecord(
            sha256=_sha(i), path=f"images/{SOURCES[source[i]]}/{i:08d}.jpg", label=LABELS[label[i]],
            source=SOURCES[source[i]], patient=f"p{i // 3}" if i % 10 == 0 else None, width=1024, height=768, group="",
        )
        for i in range(count)
    )  # fmt: skip
    links = [Link(_sha(i - 1), _sha(i), "local-features", 40, 0.9) for i in np.flatnonzero(linked[1:]) + 1]
    return Manifest(Path("/nowhere"), records), links


def step_apply(folder: Path, count: int) -> None:
    """Apply decisions and find clusters."""
    manifest, (_, links) = read_manifest(folder / "manifest.parquet"), made(count)
    verdicts = [Review(_sha(i), "drop", "", "drawing", "a", "2026-01-01") for i in range(0, count, 100)]
    write_manifest(apply(manifest, links, verdicts), folder / "clean.parquet", Workspace(folder).state("clean"))


def step_read(folder: Path, count: int) -> None:
    """Read and write a manifest."""
    write_manifest(read_manifest(folder / "manifest.parquet"), folder / "again.parquet")


def step_folds(folder: Path, count: int) -> None:
    """Split into ten folds."""
    folds(read_manifest(folder / "clean.parquet").records, 10, 7)


def step_sources(folder: Path, count: int) -> None:
    """Leave every source out."""
    records = read_manifest(folder / "clean.parquet").records
    split = by_source(records)
    for k in range(len(split.parts)):
        sides(records, split, k)


def step_conflicts(folder: Path, count: int) -> None:
    """Find labels that conflict within a group."""
    manifest, links = made(count)
    conflicts(Manifest(manifest.root, clustered(manifest, links)), links)


def step_mislabels(folder: Path, count: int) -> None:
    """Find probable mislabels."""
    manifest, _ = made(count)
    odds = np.random.default_rng(2).random((count, 4), np.float32) + 0.1
    given = [LABELS.index(r.label) for r in manifest.records]
    odds[np.arange(count), given] += 3
    probability = odds / odds.sum(axis=1, keepdims=True)
    mislabels(manifest.records, Predicted(tuple(r.sha256 for r in manifest.records), LABELS, probability))


def step_fill(folder: Path, count: int) -> None:
    """Fill a table row by row, the photographs' own measures aside."""
    keys = [_sha(i) for i in range(count)]
    schema = pa.schema([("sha256", pa.string()), ("measure", pa.float32()), ("problem", pa.string())])

    def row(key: str) -> dict[str, object]:
        return {"sha256": key, "measure": 1.0, "problem": ""}

    fill(folder / "filled.parquet", keys, row, schema, version="1", stage="filling")


def step_audit(folder: Path, count: int) -> None:
    """Audit by cues that were measured before; two shuffles of the labels instead of forty."""
    rng = np.random.default_rng(3)
    records = read_manifest(folder / "manifest.parquet").records
    schema = cues.SCHEMA.with_metadata({"version": cues.VERSION})
    with parquet.ParquetWriter(folder / "cues.parquet", schema) as writer:
        for start in range(0, count, 50_000):
            shas = [record.sha256 for record in records[start : start + 50_000]]
            columns: dict[str, Any] = {"sha256": shas, "problem": [""] * len(shas)}
            columns |= {name: rng.random(len(shas), np.float32) for name in cues.COLUMNS}
            columns |= {name: [rng.bytes(3 * cues.CELLS**2) for _ in shas] for name in cues.PICTURES}
            writer.write_table(pa.table({name: columns[name] for name in schema.names}, schema=schema))
    del records
    audit(Workspace(folder), without=("healthy",), shuffles=2)


def step_export(folder: Path, count: int) -> None:
    """Export card, Croissant metadata and tables, without photographs."""
    export(Workspace(folder), folder / "exported")


STEPS: dict[str, Callable[[Path, int], None]] = {
    "read and write the manifest": step_read,
    "apply decisions and find clusters": step_apply,
    "split into ten folds": step_folds,
    "leave each source out": step_sources,
    "conflicts of labels": step_conflicts,
    "probable mislabels": step_mislabels,
    "fill a table": step_fill,
    "audit, cues measured before": step_audit,
    "export, without photographs": step_export,
}


def main() -> None:
    """Run every step in a process of its own."""
    parser = record.arguments(__doc__)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    count = 20_000 if options.quick else 1_000_000
    if options.step:
        begin = time.perf_counter()
        STEPS[options.step](options.folder, count)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"s": time.perf_counter() - begin, "GB": peak / 1e9}))
        return
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        write_manifest(made(count)[0], Path(scratch) / "manifest.parquet")
        for name in STEPS:
            command = [sys.executable, __file__, "--step", name, "--folder", scratch, *["--quick"] * options.quick]
            found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            rows.append(record.Row(f"{name}: peak memory", found["GB"], "GB", 4.0))
            rows.append(record.Row(f"{name}: wall", found["s"], "s"))
        size = parquet.read_metadata(Path(scratch) / "manifest.parquet").num_rows
    notes = f"{size:,} made-up rows; memory of the step's process, making its input included."
    record.finish("million_rows", rows, quick=options.quick, notes=notes, packages=("mpoxlens", "pyarrow", "cleanlab"))


if __name__ == "__main__":
    main()
