"""A picture of a link, for a person to judge: two photographs side by side, and what of one lies where on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mpoxlens.datasets.duplicates.links import Link
from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.photo import read_photo
from mpoxlens.screening.output import write_whole

SIDE = 480  # px of a photograph's longer side
GAP = 12  # px between the two
OUTLINE, CROSS = "cyan", ("yellow", "orange", "lime", "magenta", "red", "white", "deepskyblue", "pink", "gold")

Corners = NDArray[np.float64]


def write_pictures(links: Sequence[Link], paths: Mapping[str, Path], folder: Path, tell: Tell = silent) -> None:
    """Write one picture a link, weakest evidence first in the order of names; faces in them are not hidden."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, link in enumerate(sorted(links, key=lambda one: (one.inliers, one.overlap, one.a, one.b))):
        picture = evidence_picture(paths[link.a], paths[link.b], link)
        name = f"{n:05d}-{link.a[:8]}-{link.b[:8]}.png"
        write_whole(folder / name, partial(picture.save, format="PNG"))
        tell("drawing", n + 1, len(links))


def evidence_picture(a: Path, b: Path, link: Link) -> Image.Image:
    """Draw two linked photographs with the outline of each upon the other, and places that correspond as crosses.

    Raises:
        PhotoError: a file that is no usable photograph.
    """
    first, second = (_reduced(path) for path in (a, b))
    canvas = Image.new("RGB", (first.width + GAP + second.width, max(first.height, second.height) + 20), "white")
    for image, left in ((first, 0), (second, first.width + GAP)):
        canvas.paste(image, (left, 0))
    if link.map:
        _draw_map(canvas, link, first.size, second.size)
    caption = f"{a.name}  |  {b.name}   {link.method}, {link.inliers} inliers, overlap {link.overlap:.2f}"
    ImageDraw.Draw(canvas).text((4, canvas.height - 16), caption, fill="black", font_size=12)
    return canvas


def _reduced(path: Path) -> Image.Image:
    image = Image.fromarray(read_photo(path).pixels)
    scale = SIDE / max(image.size)
    return image.resize((max(round(image.width * scale), 1), max(round(image.height * scale), 1)))


def _draw_map(canvas: Image.Image, link: Link, size_a: tuple[int, int], size_b: tuple[int, int]) -> None:
    matrix = np.vstack([np.reshape(link.map, (2, 3)), [0, 0, 1]])
    left_b = np.array([size_a[0] + GAP, 0.0])
    pen = ImageDraw.Draw(canvas)
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
    upon_a = _inside(_placed(square, np.linalg.inv(matrix)))
    upon_b = _inside(_placed(square, matrix))
    for corners, size, shift in ((upon_a, size_a, 0 * left_b), (upon_b, size_b, left_b)):
        outline = [tuple(corner) for corner in (corners * size + shift).tolist()]
        pen.line([*outline, outline[0]], fill=OUTLINE, width=2)
    places = _inside(upon_a).mean(axis=0) + 0.6 * (upon_a[:, None] - upon_a.mean(axis=0)).reshape(-1, 2)
    for place, colour in zip([upon_a.mean(axis=0), *places], CROSS, strict=False):
        for point, size, shift in ((place, size_a, 0 * left_b), (_placed(place[None], matrix)[0], size_b, left_b)):
            x, y = point * size + shift
            pen.line((x - 7, y, x + 7, y), fill=colour, width=2)
            pen.line((x, y - 7, x, y + 7), fill=colour, width=2)


def _placed(points: Corners, matrix: NDArray[np.float64]) -> Corners:
    placed: Corners = points @ matrix[:2, :2].T + matrix[:2, 2]
    return placed


def _inside(corners: Corners) -> Corners:
    """What of a convex outline lies within the photograph (Sutherland and Hodgman, CACM 1974)."""
    for axis, limit, sign in ((0, 0.0, 1), (0, 1.0, -1), (1, 0.0, 1), (1, 1.0, -1)):
        kept: list[NDArray[np.float64]] = []
        for here, there in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            depth, next_depth = sign * (here[axis] - limit), sign * (there[axis] - limit)
            if depth >= 0:
                kept.append(here)
            if depth * next_depth < 0:
                kept.append(here + (there - here) * depth / (depth - next_depth))
        corners = np.array(kept) if kept else corners[:1]
    return corners
