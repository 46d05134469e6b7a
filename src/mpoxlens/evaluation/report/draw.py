"""Plain SVG for the report: axes, lines, bands and dots. Colours are the page's classes, for dark pages too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markupsafe import Markup

Point = tuple[float, float]
Figure = Mapping[str, Any]  # value, low, high; None where it is not defined


@dataclass(frozen=True)
class Axis:
    """A linear axis."""

    title: str
    low: float = 0.0
    high: float = 1.0
    ticks: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Plot:
    """A plane to draw on; x and y are in the axes' units."""

    x: Axis
    y: Axis
    width: float = 320.0  # of the plane; labels lie outside
    height: float = 250.0

    def place(self, at: Point) -> Point:
        """Return where a point lies, kept within the plane."""
        x, y = (
            min(max((v - axis.low) / (axis.high - axis.low), 0.0), 1.0)
            for v, axis in zip(at, (self.x, self.y), strict=True)
        )
        return x * self.width, (1 - y) * self.height

    def line(self, points: Sequence[Point], kind: str = "a") -> str:
        """A line through points; what is not defined breaks it."""
        parts = [self._path(run) for run in _runs(points)]
        return "".join(f'<path class="line {kind}" d="{d}"/>' for d in parts)

    def band(self, lower: Sequence[Point], upper: Sequence[Point], kind: str = "a") -> str:
        """The area between two lines over the same x, where both are defined."""
        both = [(a, b) for a, b in zip(lower, upper, strict=True) if _known(a) and _known(b)]
        if not both:
            return ""
        outline = [a for a, _ in both] + [b for _, b in reversed(both)]
        return f'<path class="band {kind}" d="{self._path(outline)}Z"/>'

    def dots(self, points: Sequence[Point], kind: str = "a") -> str:
        """A dot a point."""
        places = [self.place(p) for p in points if _known(p)]
        return "".join(f'<circle class="dot {kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>' for x, y in places)

    def whiskers(self, points: Sequence[tuple[float, float, float]], kind: str = "a") -> str:
        """Upright intervals (x, low, high)."""
        ends = [(self.place((x, low)), self.place((x, high))) for x, low, high in points if low == low and high == high]
        return "".join(f'<path class="whisker {kind}" d="M{a[0]:.1f} {a[1]:.1f}V{b[1]:.1f}"/>' for a, b in ends)

    def svg(self, said: str, *parts: str) -> Markup:
        """Return the drawing; `said` is what a screen reader says of it."""
        box = f"-52 -10 {self.width + 66:.0f} {self.height + 58:.0f}"
        body = "".join((self._grid(), *parts))
        return Markup(f'<svg class="chart" viewBox="{box}" role="img" aria-label="{escape(said)}">{body}</svg>')  # noqa: S704

    def _path(self, points: Sequence[Point]) -> str:
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in map(self.place, points))

    def _grid(self) -> str:
        found = []
        for tick in self.x.ticks:
            x, _ = self.place((tick, self.y.low))
            found.append(f'<path class="grid-line" d="M{x:.1f} 0V{self.height}"/>')
            found.append(f'<text class="tick" x="{x:.1f}" y="{self.height + 17}" text-anchor="middle">{tick:g}</text>')
        for tick in self.y.ticks:
            _, y = self.place((self.x.low, tick))
            found.append(f'<path class="grid-line" d="M0 {y:.1f}H{self.width}"/>')
            found.append(f'<text class="tick" x="-7" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
        below = f"translate({self.width / 2} {self.height + 40})"
        beside = f"translate(-40 {self.height / 2}) rotate(-90)"
        for where, axis in ((below, self.x), (beside, self.y)):
            text = escape(axis.title)
            found.append(f'<text class="axis" transform="{where}" text-anchor="middle">{text}</text>')
        return "".join(found)


def interval(figure: Figure, low: float = 0.0, high: float = 1.0, mark: float | None = None, said: str = "") -> Markup:
    """A figure and its interval on a horizontal scale; `mark` is a dashed line, such as chance."""
    value, a, b = (figure.get(key) for key in ("value", "low", "high"))
    parts = ['<rect class="track" y="9" width="100%" height="6" rx="3"/>']
    if mark is not None:
        at = _share(mark, low, high)
        parts.append(f'<line class="half" x1="{at}" x2="{at}" y1="0" y2="24"/>')
    if a is not None and b is not None:
        parts.append(f'<line class="whisker" x1="{_share(a, low, high)}" x2="{_share(b, low, high)}" y1="12" y2="12"/>')
    if value is not None:
        parts.append(f'<circle class="dot" cx="{_share(value, low, high)}" cy="12" r="5.5"/>')
    return Markup(f'<svg class="row" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>')  # noqa: S704


def points(curve: Sequence[Mapping[str, Any]], key: str = "value", past: float = 1.0) -> list[Point]:
    """Return (at, value) of a curve as `bootstrap.curve` records it, up to `past`; NaN where it is not defined."""
    return [(one["at"], float("nan") if one[key] is None else one[key]) for one in curve if one["at"] <= past]


def nice(low: float, high: float) -> tuple[float, ...]:
    """Return three to six round ticks from `low` to `high`."""
    for step in (10.0**e * m for e in range(-4, 5) for m in (1, 2, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first <= 5:
            return tuple(round(step * n, 6) for n in range(first, last + 1))
    return (low, high)


def _share(value: float, low: float, high: float) -> str:
    return f"{100 * min(max((value - low) / (high - low), 0.0), 1.0):.2f}%"


def _known(point: Point) -> bool:
    return point[0] == point[0] and point[1] == point[1]


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Return stretches of points that are all defined."""
    found: list[list[Point]] = [[]]
    for point in points:
        if _known(point):
            found[-1].append(point)
        elif found[-1]:
            found.append([])
    return [run for run in found if len(run) > 1]
