"""Pointing game, energy, and how well any map of so many cells can do."""

import numpy as np
import pytest
from PIL import Image

from mpoxlens.datasets.phantom import draw
from mpoxlens.explain.faithfulness.pointing import ceiling, cover, energy, hit, mask_at

MASK = np.zeros((4, 4), np.bool_)
MASK[1, 1] = MASK[1, 2] = True


def heat(**places: float) -> np.ndarray:
    found = np.zeros((4, 4), np.float32)
    for place, value in places.items():
        found[int(place[1]), int(place[2])] = value
    return found


def test_the_strongest_place_is_in_the_mask_or_not() -> None:
    assert hit(heat(p11=2, p33=1), MASK) == 1.0
    assert hit(heat(p11=1, p33=2), MASK) == 0.0


def test_of_places_that_are_equally_strong_the_share_counts() -> None:
    assert hit(heat(p11=2, p12=2, p33=2, p00=2), MASK) == 0.5


def test_tolerance_is_a_distance_in_pixels() -> None:
    aside = heat(p32=1)  # two below (1, 2)
    assert [hit(aside, MASK, px) for px in (0, 1.9, 2)] == [0.0, 0.0, 1.0]
    diagonal = heat(p03=1)
    assert [hit(diagonal, MASK, px) for px in (1.4, 1.42)] == [0.0, 1.0]


def test_energy_is_of_what_speaks_for_mpox_alone() -> None:
    assert energy(heat(p11=3, p33=1, p00=-8), MASK) == pytest.approx(0.75)
    assert energy(heat(p11=1, p12=1), MASK) == 1.0


def test_a_map_without_evidence_points_nowhere() -> None:
    nothing = heat(p11=-1)
    nothing[nothing == 0] = -2
    assert (hit(nothing, MASK), energy(nothing, MASK)) == (0.0, 0.0)
    assert (hit(heat(), MASK), energy(heat(), MASK)) == (0.0, 0.0)


def test_without_a_lesion_there_is_nothing_to_point_at() -> None:
    for measure in (hit, energy):
        with pytest.raises(ValueError, match="no lesion"):
            measure(heat(p11=1), np.zeros((4, 4), np.bool_))


def test_an_even_map_has_what_chance_has() -> None:
    even = np.ones((4, 4), np.float32)
    assert cover(MASK) == 2 / 16
    assert (hit(even, MASK), energy(even, MASK)) == (2 / 16, 2 / 16)


def test_ceiling_by_hand() -> None:
    corner = np.zeros((4, 4), np.bool_)
    corner[0, 0] = True
    # Two cells along four pixels: the first one's bump is 1, 3/4, 1/4, 0, of which a sum of 2.
    assert ceiling(corner, 2) == pytest.approx(1 / 2 * 1 / 2)
    assert ceiling(corner, 4) == 1.0  # a cell a pixel
    assert ceiling(corner, 1) == pytest.approx(1 / 16)  # one cell lights all alike
    assert ceiling(np.ones((4, 4), np.bool_), 2) == pytest.approx(1)


def test_no_map_is_above_the_ceiling_and_one_reaches_it() -> None:
    mask = mask_at(draw(3, size=224).mask, 224)
    top, rng, best = ceiling(mask, 7), np.random.default_rng(0), 0.0
    for _ in range(20):
        cells = rng.exponential(size=(7, 7)).astype(np.float32) ** 4
        assert energy(_smooth(cells), mask) <= top
    for cell in range(49):
        best = max(best, energy(_smooth(np.eye(1, 49, cell, dtype=np.float32).reshape(7, 7)), mask))
    assert best == pytest.approx(top, rel=1e-4)


def _smooth(cells: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(cells).resize((224, 224), Image.Resampling.BILINEAR))


def test_a_mask_at_the_networks_size_keeps_pixels_that_are_half_lesion() -> None:
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 1]], np.bool_)
    np.testing.assert_array_equal(mask_at(mask, 2), [[True, False], [True, False]])
