"""Counted lesions: maps worked out by hand, and drawings whose spots are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mpoxlens.bundle import Bundle
from mpoxlens.errors import PhotoError
from mpoxlens.explain.concepts.lesions import fine_map, peaks, seen
from mpoxlens.explain.concepts.validate import Line, compared
from mpoxlens.screening.heatmap import evidence

SKIN, SPOT = (250, 235, 230), (240, 215, 197)  # to the tiny network as much against mpox, -0.51, as for it, 0.51


@pytest.fixture(scope="module")
def bundle(tiny_path: Path) -> Bundle:
    return Bundle.load(tiny_path)


def skin(*spots: tuple[int, int], side: int = 256) -> np.ndarray:
    """Return skin with spots, squares of 32 px whose upper left corners are given as (x, y)."""
    pixels = np.full((side, side, 3), SKIN, np.uint8)
    for x, y in spots:
        pixels[y : y + 32, x : x + 32] = SPOT
    return pixels


def test_one_window_is_the_networks_own_map(bundle: Bundle, pixels: np.ndarray) -> None:
    cam = bundle.run(bundle.spec.preprocess(pixels)[None]).cam[0]
    own = np.kron(evidence(cam, 0), np.ones((2, 2)))
    np.testing.assert_allclose(fine_map(bundle, pixels, 1), own, atol=1e-4)


def test_windows_of_one_colour_join_without_a_seam(bundle: Bundle) -> None:
    heat = fine_map(bundle, skin(), 3)
    assert heat.shape == (48, 48)
    np.testing.assert_allclose(heat, heat[0, 0], atol=1e-4)


def test_spots_are_counted_and_placed(bundle: Bundle) -> None:
    found = seen(bundle, skin((32, 32), (160, 64), (96, 192)))
    assert found.count == 3
    centres = sorted((round(256 * p.x), round(256 * p.y)) for p in found.peaks)
    assert np.abs(np.array(centres) - [(48, 48), (112, 208), (176, 80)]).max() <= 8
    assert found.skin == 1
    assert found.extent == pytest.approx(3 * 32 * 32 / 256**2, rel=0.15)  # the blur rounds the corners
    assert found.cell == (8, 8)  # the window is 64 px and has 8 cells
    assert found.passes == 49
    assert [p.strength for p in found.peaks] == sorted((p.strength for p in found.peaks), reverse=True)


def test_skin_without_spots_has_none(bundle: Bundle) -> None:
    found = seen(bundle, skin())
    assert (found.count, found.extent) == (0, 0.0)


def test_a_photo_without_skin_is_refused(bundle: Bundle) -> None:
    with pytest.raises(PhotoError, match="little or no skin"):
        seen(bundle, np.full((128, 128, 3), (20, 60, 200), np.uint8))


def test_a_plateau_is_one_peak_and_only_what_is_asked_for_counts() -> None:
    heat = np.zeros((5, 8), np.float32)
    heat[1, 1:3] = 2.0
    heat[3, 6] = 5.0
    first, second = peaks(heat, heat > 0)
    assert (first.x, first.y, first.strength) == (6.5 / 8, 3.5 / 5, 5.0)
    assert (second.x, second.y, second.strength) == (2 / 8, 1.5 / 5, 2.0)
    assert [p.strength for p in peaks(heat, heat > 3)] == [5.0]


def test_the_line_and_its_figures_by_hand() -> None:
    # Even rows fit: peaks 1 and 3 for 4 and 8 lesions, so lesions = 2 x peaks + 2.
    shown = np.array([[1, 0.1], [2, 0.2], [3, 0.1], [5, 0.4], [1, 0.0], [0, 0.1]])
    true = np.array([[4, 0.1], [7, 0.2], [8, 0.1], [10, 0.4], [4, 0.0], [2, 0.1]])
    found = compared(shown, true)
    mean = (4 + 8 + 4) / 3
    assert (found.line.slope, found.line.intercept) == pytest.approx((2, 2))
    assert found.error.value == pytest.approx((1 + 2 + 0) / 3)
    assert found.raw_error.value == pytest.approx((5 + 5 + 2) / 3)
    assert found.mean_error.value == pytest.approx((7 - mean + 10 - mean + mean - 2) / 3)
    assert found.gain.value == pytest.approx(found.mean_error.value - found.error.value)
    assert found.extent.value == pytest.approx(1)
    assert found.phantoms == 3


def test_a_line_never_counts_less_than_none_and_knows_when_nothing_varies() -> None:
    assert Line(2.0, -3.0)(np.array([0.0, 2.0])).tolist() == [0.0, 1.0]
    assert Line.fitted(np.array([4.0, 4.0]), np.array([1.0, 5.0])) == Line(0.0, 3.0)
