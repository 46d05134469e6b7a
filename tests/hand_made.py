"""Workspaces whose tables are written by hand: what the steps before would have left."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from PIL import Image

from mpoxlens.datasets.manifest import Manifest, write_manifest
from mpoxlens.datasets.phantom import draw
from mpoxlens.datasets.tables import write_table
from mpoxlens.datasets.workspace import Workspace
from mpoxlens.schema import ImageRecord


def photograph(root: Path, name: str, seed: int, **fields: str | None) -> ImageRecord:
    """Draw a photograph with a GPS position in its metadata; its label is the folder it lies in."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(draw(seed, size=128).pixels)
    exif = image.getexif()
    exif.get_ifd(0x8825)[1] = "S"  # GPSLatitudeRef
    exif[0x010E] = "taken of Jane Doe"
    image.save(path, quality=95, exif=exif)
    data = path.read_bytes()
    sha = hashlib.sha256(data).hexdigest()
    given = {"source": "clinic", "group": sha, "licence": "CC BY 4.0"} | fields
    return ImageRecord(
        sha, name, name.split("/")[0], width=128, height=128, bytes=len(data), **{"patient": None} | given
    )


def workspace(path: Path, root: Path, records: Sequence[ImageRecord], dropped: Sequence[ImageRecord] = ()) -> Workspace:
    """Write manifest.parquet (all) and clean.parquet (without those dropped)."""
    work = Workspace(path)
    path.mkdir(parents=True)
    every = sorted((*records, *dropped), key=lambda r: r.sha256)
    write_manifest(Manifest(root, tuple(every)), work.table("manifest"))
    clean = Manifest(root, tuple(sorted(records, key=lambda r: r.sha256)))
    write_manifest(clean, work.table("clean"), work.state("clean"))
    return work


def split(work: Workspace, parts: Mapping[str, str]) -> None:
    """Write split.parquet: the part of each sha256."""
    table = pa.table({"sha256": list(parts), "part": list(parts.values())})
    write_table(table, work.table("split"), work.state("split"))
