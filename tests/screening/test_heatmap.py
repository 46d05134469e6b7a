"""The heat map, worked out by hand on maps of 2 x 2."""

import numpy as np
import pytest

from mpoxlens.screening.heatmap import AGAINST, FOR, MAX_ALPHA, SATURATION, evidence, overlay, strongest

CAM = np.array(
    [
        [[1.0, 0.0], [3.0, 2.0]],
        [[6.0, 0.0], [1.0, 20.0]],  # the positive class
        [[1.0, 8.0], [3.0, 2.0]],
    ],
    dtype=np.float32,
)
SIGNED = [[5.0, -4.0], [-2.0, 18.0]]  # second map less the mean of the first and third


def test_evidence_is_the_positive_map_less_the_mean_of_the_others() -> None:
    assert evidence(CAM, 1).tolist() == SIGNED


def test_the_map_adds_up_to_the_logits() -> None:
    cam = np.random.default_rng(0).normal(size=(4, 7, 7)).astype(np.float32)
    logits = cam.mean(axis=(1, 2))
    assert evidence(cam, 2).mean() == pytest.approx(logits[2] - logits[[0, 1, 3]].mean(), abs=1e-6)


def test_overlay_worked_out_by_hand() -> None:
    assert (SATURATION, MAX_ALPHA) == (8.0, 0.8)
    full = 255 * 0.8
    expected = [
        [[*FOR, round(full * 5 / 8)], [*AGAINST, round(full * 4 / 8)]],
        [[*AGAINST, round(full * 2 / 8)], [*FOR, round(full)]],  # 18 is beyond saturation
    ]
    assert overlay(CAM, 1, (2, 2)).tolist() == expected


def test_opacity_is_proportional_whatever_the_photograph_holds() -> None:
    weak, strong = (overlay(CAM * gain, 1, (2, 2))[..., 3].astype(int) for gain in (0.1, 0.2))
    assert weak.max() == round(255 * 0.8 * 1.8 / 8)  # not stretched to its own maximum
    assert np.abs(strong - 2 * weak).max() <= 1


def test_no_evidence_leaves_the_photograph_clear() -> None:
    assert not overlay(np.full((3, 2, 2), 4.0, np.float32), 0, (6, 4))[..., 3].any()


def test_overlay_has_the_size_asked_for_and_keeps_its_corners() -> None:
    picture = overlay(CAM, 1, (30, 20))
    assert picture.shape == (20, 30, 4)
    assert tuple(picture[0, 0]) == (*FOR, round(255 * 0.8 * 5 / 8))
    assert tuple(picture[0, -1]) == (*AGAINST, round(255 * 0.8 * 4 / 8))


@pytest.mark.parametrize(
    ("row", "column", "words"), [(0, 0, "upper left"), (3, 3, "centre"), (3, 6, "middle right"), (6, 3, "lower centre")]
)
def test_strongest_place_in_words(row: int, column: int, words: str) -> None:
    cam = np.zeros((2, 7, 7), np.float32)
    cam[0, row, column] = 3.0
    assert strongest(cam, 0) == words


def test_faint_evidence_is_not_placed() -> None:
    cam = np.zeros((2, 7, 7), np.float32)
    cam[0, 3, 3] = 1.1  # 0.15 of 8 is 1.2
    assert strongest(cam, 0) == ""
