"""Drawings and what a map has in common with them, in numbers that are worked out by hand."""

import math

import numpy as np
import pytest

from mpoxlens.errors import DataError
from mpoxlens.explain.study.drawing import MOST_POINTS, MOST_SHAPES, Shape, rasterise, read_shapes
from mpoxlens.explain.study.overlap import iou, overlap

TRIANGLE = {"kind": "area", "points": [[0, 0], [1, 0], [0, 1]]}


def test_what_the_page_sends_is_brought_onto_the_photograph() -> None:
    given = [{"kind": "stroke", "points": [[-0.2, 0.123456], [1.7, 1]], "radius": 0.02}, TRIANGLE]
    shapes = read_shapes(given)
    assert shapes == (
        Shape("stroke", ((0.0, 0.1235), (1.0, 1.0)), 0.02),
        Shape("area", ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))),
    )
    assert read_shapes([shape.to_dict() for shape in shapes]) == shapes


@pytest.mark.parametrize(
    "given",
    [
        None,
        "area",
        {"kind": "area"},
        [None],
        ["area"],
        [{"kind": "area", "points": [[0, 0], [1, 1]]}],
        [{"kind": "star", "points": [[0, 0], [1, 1], [0, 1]]}],
        [{"kind": "area", "points": [[0, 0], [1, 1], [0, math.nan]]}],
        [{"kind": "area", "points": [[0, 0], [1, 1], [0, True]]}],
        [{"kind": "area", "points": [[0, 0], [1, 1], [0, "1"]]}],
        [{"kind": "area", "points": [[0, 0], [1, 1], [0]]}],
        [TRIANGLE | {"radius": 0.1}],
        [{"kind": "stroke", "points": [], "radius": 0.1}],
        [{"kind": "stroke", "points": [[0, 0]], "radius": 0}],
        [{"kind": "stroke", "points": [[0, 0]], "radius": 0.26}],
        [{"kind": "stroke", "points": [[0, 0]], "radius": math.nan}],
        [{"kind": "stroke", "points": [[0, 0]], "radius": []}],
        [TRIANGLE] * (MOST_SHAPES + 1),
        [{"kind": "stroke", "points": [[0, 0]] * (MOST_POINTS + 1), "radius": 0.1}],
    ],
)
def test_no_drawing_is_refused_in_one_line(given: object) -> None:
    with pytest.raises(DataError, match=r"^drawing: "):
        read_shapes(given)


def test_an_area_covers_what_it_encloses() -> None:
    square = Shape("area", ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))
    mask = rasterise([square], 200, 100)  # twice as wide as high
    assert mask.shape == (100, 200)
    assert mask[26:74, 51:149].all()
    outside = mask.copy()
    outside[25:76, 50:151] = False  # Pillow draws the edge itself
    assert not outside.any()


def test_a_stroke_is_as_wide_as_its_brush() -> None:
    dab = rasterise([Shape("stroke", ((0.5, 0.5),), 0.1)], 400, 200)  # 40 px of the longer side
    assert dab.sum() == pytest.approx(math.pi * 40**2, rel=0.04)
    line = rasterise([Shape("stroke", ((0.25, 0.5), (0.75, 0.5)), 0.05)], 400, 200)
    assert line.sum() == pytest.approx(200 * 40 + math.pi * 20**2, rel=0.06)
    assert line[100, 85:315].all()
    assert not line[[75, 125]].any()


def test_a_map_against_a_drawing_by_hand() -> None:
    heat = np.array([[-9, 0, 0, 0], [0, 4, 2, 0], [0, 1, 1, 0], [0, 0, 0, 0]], np.float32)
    drawn = np.zeros((4, 4), np.bool_)
    drawn[1:3, 1] = True  # holds 4 and 1 of 8; 4 and 2 are marked at half the maximum
    found = overlap(heat, drawn)
    assert (found.iou, found.energy, found.pointing, found.chance) == pytest.approx((1 / 3, 5 / 8, 1.0, 2 / 16))
    assert overlap(heat, np.eye(4, dtype=np.bool_)[::-1]).pointing == 0.0


def test_a_map_without_evidence_falls_on_nothing() -> None:
    drawn = np.zeros((10, 10), np.bool_)
    drawn[:, :3] = True
    for heat in (np.zeros((5, 5), np.float32), np.full((5, 5), -1, np.float32)):
        found = overlap(heat, drawn)
        assert (found.iou, found.energy, found.pointing, found.chance) == (0.0, 0.0, 0.0, 0.3)


def test_a_map_is_stretched_over_a_photograph_of_any_shape() -> None:
    heat = np.zeros((28, 28), np.float32)
    heat[:, 14:] = 1
    drawn = np.zeros((60, 120), np.bool_)
    drawn[:, 60:] = True
    found = overlap(heat, drawn)
    assert found.iou > 0.98
    assert found.energy > 0.98
    assert found.pointing == 1.0


def test_overlap_of_two_masks() -> None:
    a, b = np.array([[True, True, False, False]]), np.array([[False, True, True, False]])
    assert iou(a, b) == pytest.approx(1 / 3)
    assert math.isnan(iou(~a & a, ~b & b))
