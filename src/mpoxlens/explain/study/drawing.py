"""Lesions as a reader drew them: shapes in shares of the photograph's sides, and the mask that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from mpoxlens.errors import DataError
from mpoxlens.evaluation.metrics import Flags

KINDS = ("area", "stroke")
MOST_SHAPES = 300
MOST_POINTS = 20_000  # of one drawing
WIDEST = 0.25  # radius of a stroke, as a share of the longer side

Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """An outlined area, or the stroke of a brush."""

    kind: str  # of KINDS
    points: tuple[Point, ...]  # (x, y), shares of width and height
    radius: float = 0.0  # of a stroke, as a share of the longer side

    def to_dict(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {"kind": self.kind, "points": [list(point) for point in self.points], "radius": self.radius}


def read_shapes(given: object) -> tuple[Shape, ...]:
    """Read a drawing from JSON.

    Raises:
        DataError: it is none, or larger than any reader would draw.
    """
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_SHAPES:
        raise DataError("drawing", f"no list of at most {MOST_SHAPES} shapes", "draw it again")
    try:
        shapes = tuple(_shape(one) for one in given)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("drawing", f"no shape ({error})", "draw it again") from None
    if sum(len(shape.points) for shape in shapes) > MOST_POINTS:
        raise DataError("drawing", f"more than {MOST_POINTS} points", "draw fewer lesions")
    return shapes


def _shape(given: Mapping[str, Any]) -> Shape:
    kind = given["kind"]
    points = tuple((_share(x), _share(y)) for x, y in given["points"])
    radius = round(float(given.get("radius", 0.0)), 4)
    if kind not in KINDS or len(points) < (3 if kind == "area" else 1):
        raise ValueError(f"{kind!r} with {len(points)} points")
    if not (0 < radius <= WIDEST if kind == "stroke" else radius == 0):
        raise ValueError(f"radius {radius}")
    return Shape(kind, points, radius)


def _share(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("a point is no pair of numbers")
    return round(min(max(float(value), 0.0), 1.0), 4)


def rasterise(shapes: Sequence[Shape], width: int, height: int) -> Flags:
    """Return the mask [height, width] of a drawing."""
    image = Image.new("1", (width, height))
    pen = ImageDraw.Draw(image)
    for shape in shapes:
        points = [(x * width, y * height) for x, y in shape.points]
        if shape.kind == "area":
            pen.polygon(points, fill=1)
        else:
            _stroke(pen, points, shape.radius * max(width, height))
    return np.asarray(image, dtype=np.bool_)


def _stroke(pen: ImageDraw.ImageDraw, points: Sequence[Point], radius: float) -> None:
    for x, y in points:  # round ends and joints
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    if len(points) > 1:
        pen.line(list(chain.from_iterable(points)), fill=1, width=max(1, round(2 * radius)))
