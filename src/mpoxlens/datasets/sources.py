"""Find the labelled photographs of a data set: a table with `file,label`, or one folder a class."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mpoxlens.errors import DataError
from mpoxlens.photo import SUFFIXES

TABLES = ("labels.csv", "manifest.csv")


@dataclass(frozen=True)
class Labelled:
    """One file and what its publisher says of it."""

    path: str  # relative to the data set's root, with forward slashes
    label: str
    source: str
    patient: str | None = None


def read_source(root: Path) -> list[Labelled]:
    """Return the labelled files of a data set, sorted by path.

    Args:
        root: a folder with `labels.csv` (columns `file` and `label`, optionally `source` and `patient`), or with one
            folder a class.

    Raises:
        DataError: no such folder, a table without its columns, a file that is missing, or nothing found.
    """
    if not root.is_dir():
        raise DataError(str(root), "no such folder", "name the data set's folder with --data")
    table = next((root / name for name in TABLES if (root / name).is_file()), None)
    found = sorted(_from_table(table) if table else _from_folders(root), key=lambda item: item.path)
    if not found:
        raise DataError(str(root), "no labelled photo in it", "add labels.csv (file,label) or one folder a class")
    return found


def _from_table(table: Path) -> Iterator[Labelled]:
    with table.open(newline="", encoding="utf-8-sig", errors="replace") as lines:  # -sig: spreadsheets write a mark
        rows = csv.DictReader(lines)
        missing = {"file", "label"} - set(rows.fieldnames or ())
        if missing:
            raise DataError(str(table), f"column {', '.join(sorted(missing))} is missing", "add it to the first line")
        for row in rows:
            where = f"{table}:{rows.line_num}"
            path = row["file"] or ""
            if not row["label"]:
                raise DataError(where, f"{path} has no label", "fill the label or remove the line")
            inside = (table.parent / path).resolve().is_relative_to(table.parent.resolve())
            if not inside or not (table.parent / path).is_file():
                raise DataError(where, f"{path} is not in {table.parent}", "correct or remove the line")
            yield Labelled(path, row["label"], row.get("source") or table.parent.name, row.get("patient") or None)


def _from_folders(root: Path) -> Iterator[Labelled]:
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        for file in sorted(folder.rglob("*")):
            if file.suffix.lower() in SUFFIXES:
                yield Labelled(file.relative_to(root).as_posix(), folder.name, root.name)
