"""Lesions are known on phantoms: what is found of them, and what is left when they are painted over."""

import cv2
import numpy as np
import pytest

from mpoxlens.datasets.phantom import STAGES, Stage, draw
from mpoxlens.evaluation.lesions import filled, lesion_mask, skin_mask


@pytest.mark.parametrize("tone", [-45.0, 10.0, 60.0])
@pytest.mark.parametrize("stage", STAGES)
def test_every_drawn_lesion_is_found_on_every_tone(stage: Stage, tone: float) -> None:
    phantom = draw(3, stage=stage, tone=tone, count=10, size=224)
    found = lesion_mask(phantom.pixels)
    assert found[phantom.mask].mean() > 0.98
    # A lesion is drawn with a red rim of twice its radius, four times its area; hardly more than that is found.
    assert found.sum() < 4.5 * phantom.mask.sum()


@pytest.mark.parametrize("tone", [-45.0, 10.0, 60.0])
def test_bare_skin_has_hardly_any(tone: float) -> None:
    assert lesion_mask(draw(4, count=0, tone=tone, size=224).pixels).mean() < 0.03


@pytest.mark.parametrize("tone", [-45.0, 10.0, 60.0])
def test_painting_over_leaves_bare_skin(tone: float) -> None:
    """Redness in the true lesions, above the median of the photograph: 10 and more before, 2 after."""
    phantom = draw(3, stage="macule", tone=tone, count=10, size=224)
    painted = filled(phantom.pixels, lesion_mask(phantom.pixels))
    before, after = (
        cv2.cvtColor(p.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1] for p in (phantom.pixels, painted)
    )
    assert before[phantom.mask].mean() - np.median(before) > 8
    assert after[phantom.mask].mean() - np.median(after) < 2


def redness(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1])


def test_a_hole_takes_the_colour_around_it() -> None:
    pixels = np.full((64, 96, 3), (200, 150, 120), np.uint8)
    pixels[20:40, 30:60] = (0, 0, 255)
    hole = np.zeros((64, 96), dtype=bool)
    hole[20:40, 30:60] = True
    assert np.abs(filled(pixels, hole).astype(int) - (200, 150, 120)).max() <= 1


def test_a_hole_is_filled_from_what_is_known_alone() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, 20:] = (200, 150, 120)
    hole, right = np.zeros((40, 40), dtype=bool), np.zeros((40, 40), dtype=bool)
    hole[15:25, 15:25], right[:, 20:] = True, True
    assert np.abs(filled(pixels, hole, right)[hole].astype(int) - (200, 150, 120)).max() <= 1


def test_where_nothing_is_known_all_is_grey() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    assert (filled(pixels, np.ones((40, 40), dtype=bool)) == 128).all()


def test_skin_of_every_tone_is_skin_and_grey_is_not() -> None:
    for tone in (-60.0, 0.0, 70.0):
        pixels = draw(1, tone=tone, size=128).pixels
        grey = np.full_like(pixels, 150)
        found = skin_mask(np.hstack([pixels, grey]))
        assert found[:, :128].mean() > 0.95
        assert found[:, 150:].mean() == 0
