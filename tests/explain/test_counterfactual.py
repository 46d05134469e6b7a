"""Counterfactual phantoms: one thing is changed and nothing else, and effects are paired differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mpoxlens.bundle import Bundle
from mpoxlens.explain.concepts.counterfactual import EDITS, bare_painted, compared, drawn, effects, judged, without


def test_effects_by_hand() -> None:
    """Two phantoms, one edit: contrasts go from 1 to -1 and from 3 to 2, chances from .5 to .2 and from .7 to .8."""
    values = np.array([[[1.0, 0.5], [-1.0, 0.2]], [[3.0, 0.7], [2.0, 0.8]]])
    found = compared(values, ["gone"])
    (gone,) = found.changes
    assert (found.contrast.value, found.probability.value) == pytest.approx((2.0, 0.6))
    assert (gone.contrast.value, gone.contrast.low, gone.contrast.high) == pytest.approx((-1.5, -2.0, -1.0))
    assert (gone.probability.value, gone.probability.low, gone.probability.high) == pytest.approx((-0.1, -0.3, 0.1))
    assert gone.fell.value == 1.0


def test_stage_and_tone_leave_the_lesions_where_they_are() -> None:
    base = drawn(3, 96)
    for other in (drawn(3, 96, stage="crust"), drawn(3, 96, tone=-40.0)):
        assert (other.mask == base.mask).all()
        assert [(one.x, one.y, one.radius) for one in other.lesions] == [
            (one.x, one.y, one.radius) for one in base.lesions
        ]
        assert (other.pixels != base.pixels).any()
    near = np.zeros_like(base.mask)
    for y, x in np.argwhere(base.mask):
        near[max(0, y - 8) : y + 9, max(0, x - 8) : x + 9] = True
    crust = drawn(3, 96, stage="crust").pixels
    assert np.abs(crust[~near].astype(int) - base.pixels[~near]).max() <= 2  # the skin between lesions is the same skin


def test_painting_takes_away_the_redness_of_lesions_and_of_nothing_else() -> None:
    base = drawn(4, 224)

    def redness(pixels: np.ndarray, place: np.ndarray) -> float:
        return float((pixels[place][:, 0].astype(float) - pixels[place][:, 1]).mean())

    bare = redness(base.pixels, ~base.mask)
    assert redness(base.pixels, base.mask) > bare + 5
    assert redness(without(base, 1.0), base.mask) == pytest.approx(bare, abs=4)
    sham = bare_painted(base)
    assert np.abs(sham[base.mask].astype(int) - base.pixels[base.mask]).max() <= 2  # discs have soft edges
    assert (sham != base.pixels).any(axis=2).sum() > 0.5 * base.mask.sum()
    assert (without(base, 0.0) == base.pixels).all()


def test_without_lesions_the_network_that_likes_red_is_less_for_mpox(tiny_path: Path) -> None:
    bundle = Bundle.load(tiny_path)
    found = {one.edit: one for one in effects(bundle, 4).changes}
    assert list(found) == list(EDITS)
    gone, sham = found["all lesions painted over"], found["as much bare skin painted over"]
    assert gone.contrast.high < 0
    assert gone.fell.value == 1.0
    assert abs(sham.contrast.value) < 0.2 * abs(gone.contrast.value)
    with pytest.raises(ValueError, match="2 at least"):
        effects(bundle, 1)


def test_contrast_and_chance_are_those_of_the_network(tiny_path: Path) -> None:
    """On (204, 102, 51) the logits are 4.5, -0.4, 1.2, -5.2 (see test_bundle), and nothing is recalibrated."""
    bundle = Bundle.load(tiny_path)
    contrast, chance = judged(bundle, [np.full((64, 64, 3), (204, 102, 51), np.uint8)])[0]
    assert contrast == pytest.approx(4.5 - (-0.4 + 1.2 - 5.2) / 3, abs=1e-3)
    shares = np.exp([4.5, -0.4, 1.2, -5.2])
    assert chance == pytest.approx(shares[0] / shares.sum(), abs=1e-4)
