"""What a study is made of: photographs with what is known of them, or phantoms to try the page with."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mpoxlens.datasets.phantom import STAGES, draw
from mpoxlens.errors import DataError
from mpoxlens.photo import read_photo
from mpoxlens.schema import Pixels
from mpoxlens.screening.engine import Refused
from mpoxlens.screening.files import expand

HEALTHY = "healthy"  # of bare drawn skin
COLUMNS = ("file", "label")  # of a table of labels; "group" may follow


@dataclass(frozen=True)
class Labelled:
    """One photograph's file and what is known of it."""

    path: Path
    label: str
    group: str = ""  # name that photographs of one person share


@dataclass(frozen=True, eq=False)
class Source:
    """One decoded photograph or phantom."""

    pixels: Pixels  # [H, W, 3]
    sha256: str
    label: str
    group: str


def by_folder(names: Sequence[str]) -> list[Labelled]:
    """Return photographs labelled by the folder that each lies in.

    Raises:
        PhotoError: nothing is found under one of the names.
    """
    found = []
    for path in expand(names):
        if isinstance(path, Refused):
            raise path.error
        found.append(Labelled(path, path.absolute().parent.name))
    return found


def by_table(path: Path) -> list[Labelled]:
    """Read a CSV of file, label and perhaps group; files are named from the CSV's folder on.

    Raises:
        DataError: it cannot be read, or a line lacks file or label.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
            rows = csv.DictReader(lines)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise DataError(f"{path}:1", "it has no columns file and label", "begin the table with: file,label")
            return [_row(row, path, rows.line_num) for row in rows]
    except csv.Error as error:
        raise DataError(str(path), f"no readable CSV ({error})", "correct the table") from None
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", "name a table of labels") from None


def _row(row: dict[str, str], path: Path, line: int) -> Labelled:
    file, label, group = (str(row.get(name) or "").strip() for name in (*COLUMNS, "group"))
    if not file or not label:
        raise DataError(f"{path}:{line}", "file or label is empty", "write both")
    return Labelled(path.parent / file, label, group)


def decoded(photographs: Sequence[Labelled]) -> Iterator[Source]:
    """Decode photographs one by one.

    Raises:
        PhotoError: one cannot be read.
        DataError: the same file comes twice.
    """
    first: dict[str, Path] = {}
    for one in photographs:
        photo = read_photo(one.path)
        if first.setdefault(photo.sha256, one.path) != one.path:
            raise DataError(str(one.path), f"the same file as {first[photo.sha256]}", "name each photograph once")
        yield Source(photo.pixels, photo.sha256, one.label, one.group)


def phantoms(count: int, positive: str, seed: int, size: int = 448) -> tuple[list[str], Iterator[Source]]:
    """Return labels of `count` phantoms and the phantoms: every other one bare skin, all stages, light to dark.

    They try out a page and train its readers. What is measured on them says nothing of photographs.
    """
    labels = [HEALTHY if i % 2 else positive for i in range(count)]
    tones = np.linspace(60, -45, max(count, 2))
    return labels, (_phantom(i, label, seed, float(tones[i]), size) for i, label in enumerate(labels))


def _phantom(number: int, label: str, seed: int, tone: float, size: int) -> Source:
    lesions, stage = (0 if label == HEALTHY else 9), STAGES[number // 2 % len(STAGES)]
    found = draw(seed + number, count=lesions, stage=stage, tone=tone, size=size)
    return Source(found.pixels, hashlib.sha256(found.pixels.tobytes()).hexdigest(), label, "")
