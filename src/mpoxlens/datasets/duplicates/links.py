"""Links between images that show the same photograph, kept as Parquet, and as CSV for people and other tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from mpoxlens.datasets.tables import read_table, write_csv, write_table

COLUMNS = ("file_a", "file_b", "method", "inliers", "overlap", "sha256_a", "sha256_b")
_SCHEMA = pa.schema(
    {
        "a": pa.string(),
        "b": pa.string(),
        "method": pa.string(),
        "inliers": pa.int64(),
        "overlap": pa.float64(),
        "map": pa.list_(pa.float64()),
    }
)


@dataclass(frozen=True)
class Link:
    """Two images that show the same photograph, in whole or in part."""

    a: str  # sha256 of the file, the smaller of the two
    b: str
    method: str  # "identical" (pixel by pixel), "local-features", "patient" or "reviewer"
    inliers: int  # matched keypoints that follow one map; 0 for identical images
    overlap: float  # what both show, as a share of the smaller image's area
    map: tuple[float, ...] = ()
    """Six numbers, row by row: the affine map of places in a to places in b, both as shares of width and height from
    the upper left corner; its determinant is negative if b is mirrored. Empty if the method knows none."""


def write_links(links: Iterable[Link], path: Path, of: str) -> None:
    """Write links as Parquet.

    Args:
        links: between images.
        path: the file.
        of: names the images and the search that they are the links of.
    """
    write_table(pa.Table.from_pylist([asdict(link) for link in links], _SCHEMA.with_metadata({"of": of})), path)


def read_links(path: Path, of: str, mend: str) -> list[Link] | None:
    """Read links that `write_links` wrote; None when they are of other images or of an earlier search.

    Raises:
        DataError: there is no such table, or it is damaged; `mend` is the command that makes it.
    """
    table = read_table(path, mend)
    if not table.schema.equals(_SCHEMA) or (table.schema.metadata or {}).get(b"of") != of.encode():
        return None
    return [Link(**row | {"map": tuple(row["map"] or ())}) for row in table.to_pylist()]


def export_links(
    links: Iterable[Link], files: Mapping[str, str], copies: Iterable[tuple[str, str]], path: Path
) -> None:
    """Write a CSV with one line a pair of files.

    Args:
        links: between images.
        files: the file of each sha256.
        copies: sha256 and file of what is a copy, byte by byte, of one of these files.
        path: of the CSV.
    """
    rows = [(files[one.a], files[one.b], one.method, one.inliers, one.overlap, one.a, one.b) for one in links]
    rows += [(files[sha256], file, "identical", 0, 1.0, sha256, sha256) for sha256, file in copies]
    write_csv(COLUMNS, rows, path)
