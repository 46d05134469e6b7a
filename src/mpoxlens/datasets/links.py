"""Links between images that show the same photograph, and the tables that other tools read them from."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpoxlens.errors import DataError
from mpoxlens.schema import ImageRecord
from mpoxlens.screening.output import write_whole

COLUMNS = ("file_a", "file_b", "method", "inliers", "overlap", "sha256_a", "sha256_b", "map")
REQUIRED = frozenset({"method", "inliers", "overlap", "sha256_a", "sha256_b"})


@dataclass(frozen=True)
class Link:
    """Two images that show the same photograph, in whole or in part."""

    a: str  # sha256 of the file, the smaller of the two
    b: str
    method: str  # "identical" (pixel by pixel), "local-features", or "reviewer"
    inliers: int  # matched keypoints that follow one map; 0 for identical images
    overlap: float  # what both show, as a share of the smaller image's area
    map: tuple[float, ...] = ()
    """Six numbers, row by row: the affine map of places in a to places in b, both as shares of width and height from
    the upper left corner; its determinant is negative if b is mirrored. Empty if the method knows none."""


def write_links(links: Iterable[Link], records: Sequence[ImageRecord], path: Path) -> None:
    """Write one row a link; a file that is not among the records has no name, only its hash."""
    files = {record.sha256: record.path for record in records}
    rows = (
        (
            files.get(link.a, ""),
            files.get(link.b, ""),
            link.method,
            link.inliers,
            link.overlap,
            link.a,
            link.b,
            " ".join(map(str, link.map)),
        )
        for link in links
    )
    _write(path, COLUMNS, rows)


def write_groups(records: Sequence[ImageRecord], path: Path) -> None:
    """Write the group of each file, sorted by group and file."""
    _write(path, ("file", "group"), sorted(((r.path, r.group) for r in records), key=lambda row: (row[1], row[0])))


def read_links(path: Path) -> list[Link]:
    """Read a table that `write_links` wrote.

    Raises:
        DataError: no such file, a column is missing, or a row has no sensible numbers.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            if missing := REQUIRED - set(table.fieldnames or ()):
                raise DataError(str(path), f"has no column {min(missing)}", "write the links again")
            return [_link(row, f"{path}, line {table.line_num}") for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(str(path), f"cannot be read ({error})", "check the name") from None


def _link(row: dict[str, str | None], where: str) -> Link:
    try:
        numbers = tuple(float(number) for number in (row.get("map") or "").split())
        inliers, overlap = int(row["inliers"] or ""), float(row["overlap"] or "")
    except ValueError as error:
        raise DataError(where, str(error), "write the links again") from None
    if len(numbers) not in (0, 6):
        raise DataError(where, f"a map of {len(numbers)} numbers, not 6", "write the links again")
    return Link(row["sha256_a"] or "", row["sha256_b"] or "", row["method"] or "", inliers, overlap, numbers)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    def fill(part: Path) -> None:
        with part.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(columns)
            table.writerows(rows)

    write_whole(path, fill)
