"""Drawings put numbers where they belong."""

import re
from xml.etree import ElementTree as ET

import pytest

from mpoxlens.evaluation.report.draw import Axis, Plot, interval, nice, points

NAN = float("nan")


@pytest.fixture
def plot() -> Plot:
    return Plot(Axis("x", 0, 2, (0, 1, 2)), Axis("y", -1, 1, (-1, 0, 1)), width=100, height=50)


def test_places_are_worked_out_by_hand(plot: Plot) -> None:
    assert plot.place((0, -1)) == (0, 50)
    assert plot.place((1, 0)) == (50, 25)
    assert plot.place((2, 1)) == (100, 0)


def test_what_lies_outside_stays_at_the_edge(plot: Plot) -> None:
    assert plot.place((5, -9)) == (100, 50)


def test_a_line_breaks_where_nothing_is_defined(plot: Plot) -> None:
    assert plot.line([(0, 0), (1, 0), (1, NAN), (1, 1), (2, 1)]).count("<path") == 2
    assert plot.line([(0, NAN), (1, 0)]) == ""  # one point is no line


def test_a_band_goes_there_and_back(plot: Plot) -> None:
    (path,) = re.findall(r'd="([^"]+)"', plot.band([(0, -1), (2, -1)], [(0, 1), (2, 1)]))
    assert path == "M0.0 50.0L100.0 50.0L100.0 0.0L0.0 0.0Z"
    assert plot.band([(0, NAN)], [(0, 1)]) == ""


def test_a_drawing_is_sound_and_says_what_it_shows(plot: Plot) -> None:
    root = ET.fromstring(plot.svg('a "b" <c>', plot.dots([(1, 0), (NAN, 1)])))  # noqa: S314  our own drawing
    assert root.attrib["aria-label"] == 'a "b" <c>'
    assert len(root.findall("circle")) == 1
    assert [one.text for one in root.findall("text")] == ["0", "1", "2", "-1", "0", "1", "x", "y"]
    assert "style" not in root.attrib


def test_an_interval_stands_on_its_scale() -> None:
    root = ET.fromstring(interval({"value": 0.5, "low": 0.25, "high": 0.75}, 0, 1, 0.9))  # noqa: S314
    dashed, whisker = root.findall("line")
    assert (dashed.attrib["x1"], whisker.attrib["x1"], whisker.attrib["x2"]) == ("90.00%", "25.00%", "75.00%")
    assert root.findall("circle")[0].attrib["cx"] == "50.00%"


def test_an_undefined_figure_has_neither_dot_nor_whisker() -> None:
    assert "circle" not in interval({"value": None, "low": None, "high": None})


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (-0.1, 0.41, (-0.1, 0, 0.1, 0.2, 0.3, 0.4)),
        (0.5, 1, (0.5, 0.6, 0.7, 0.8, 0.9, 1)),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert nice(low, high) == pytest.approx(ticks)


def test_points_of_a_recorded_curve() -> None:
    curve = [{"at": 0.1, "value": 0.5, "low": None}, {"at": 0.9, "value": 0.7, "low": 0.1}]
    assert points(curve) == [(0.1, 0.5), (0.9, 0.7)]
    assert points(curve, past=0.5) == [(0.1, 0.5)]
    assert points(curve, "low")[0][1] != points(curve, "low")[0][1]  # NaN
