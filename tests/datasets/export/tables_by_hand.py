"""What quality and reviewers would have left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from mpoxlens.datasets.reviews import Review
from mpoxlens.datasets.tables import write_table
from mpoxlens.datasets.workspace import Workspace


def look(work: Workspace, found: Mapping[str, Sequence[str]], problems: Mapping[str, str] | None = None) -> None:
    """Write quality.parquet: the faces found in each sha256, and why some could not be looked at."""
    table = {
        "sha256": pa.array(found, pa.string()),
        "flags": pa.array([["face"] if boxes else [] for boxes in found.values()], pa.list_(pa.string())),
        "faces": pa.array(found.values(), pa.list_(pa.string())),
        "problem": pa.array([(problems or {}).get(sha, "") for sha in found], pa.string()),
    }
    write_table(pa.table(table), work.table("quality"), work.state("quality"))


def review(sha256: str, action: str, value: str = "", reason: str = "") -> Review:
    return Review(sha256, action, value, reason, "reviewer-1", "2026-01-01")
