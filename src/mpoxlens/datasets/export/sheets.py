"""Contact sheets: the photographs of each label, and clusters in rows; faces hidden, names neutral."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mpoxlens.datasets.export.names import file_names
from mpoxlens.datasets.export.rows import Listed, Rows, jpeg
from mpoxlens.datasets.progress import Tell
from mpoxlens.errors import MpoxlensError

ACROSS, DOWN = 8, 6  # photographs on a sheet
SIDE = 180  # px of a photograph's longer side
LINE = 16  # px below it for its name
QUALITY = 85

Line: TypeAlias = Sequence[Listed]  # at most ACROSS photographs
T = TypeVar("T")


def write_sheets(rows: Rows, folder: Path, tell: Tell) -> list[MpoxlensError]:
    """Write `{label}-{n}.jpg` and `clusters-{n}.jpg` into a new folder; return what could not be read."""
    folder.mkdir()
    names = file_names(rows.labels, taken=["clusters"])
    series = {name: _of_label(rows, label) for name, label in zip(names, rows.labels, strict=True)}
    series["clusters"] = _of_clusters(rows)
    problems: list[MpoxlensError] = []
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for done, (name, lines) in enumerate(series.items(), 1):
            for n, sheet in enumerate(_slices(lines, DOWN)):
                found = [list(pool.map(lambda one: _small(rows, one), line)) for line in sheet]
                problems += [one for line in found for one in line if isinstance(one, MpoxlensError)]
                (folder / f"{name}-{n:03d}.jpg").write_bytes(jpeg(np.asarray(_sheet(sheet, found)), QUALITY))
            tell("drawing contact sheets", done, len(series))
    return problems


def _of_label(rows: Rows, label: str) -> Iterator[Line]:
    return _slices((one for one in rows.listed() if one.label == label), ACROSS)


def _of_clusters(rows: Rows) -> Iterator[Line]:
    """Each cluster of more than one photograph begins a line."""
    for cluster in rows.clusters():
        yield from _slices(cluster, ACROSS)


def _slices(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def _small(rows: Rows, one: Listed) -> Image.Image | MpoxlensError:
    try:
        image = Image.fromarray(rows.shown(one.sha256, one.path))
    except MpoxlensError as error:
        return error
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return image


def _sheet(lines: Sequence[Line], found: Sequence[Sequence[Image.Image | MpoxlensError]]) -> Image.Image:
    sheet = Image.new("RGB", (ACROSS * (SIDE + 4), len(lines) * (SIDE + LINE)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    for row, (line, images) in enumerate(zip(lines, found, strict=True)):
        for column, (one, image) in enumerate(zip(line, images, strict=True)):
            left, top = column * (SIDE + 4), row * (SIDE + LINE)
            if isinstance(image, Image.Image):
                sheet.paste(image, (left + (SIDE - image.width) // 2, top + (SIDE - image.height) // 2))
            name = one.sha256[:8] if isinstance(image, Image.Image) else f"{one.sha256[:8]} cannot be read"
            pen.text((left + SIDE / 2, top + SIDE + 1), name, fill="black", font=font, anchor="ma")
    return sheet
