"""Remove and debias, on pictures of a few pixels."""

import numpy as np
import pytest

from mpoxlens.explain.faithfulness.road import impute, road


def planes(*values: list[float]) -> np.ndarray:
    return np.repeat(np.array(values, np.float32)[None], 3, axis=0)


def only(shape: tuple[int, int], *places: tuple[int, int]) -> np.ndarray:
    removed = np.zeros(shape, np.bool_)
    for place in places:
        removed[place] = True
    return removed


def test_the_middle_of_nine_is_the_weighted_mean_of_its_neighbours() -> None:
    photo = planes([12, 6, 0], [0, 99, 0], [0, 0, 0])
    filled = impute(photo, only((3, 3), (1, 1)))
    np.testing.assert_allclose(filled[:, 1, 1], 6 / 6 + 12 / 12)
    photo[:, 1, 1] = 2
    np.testing.assert_allclose(filled, photo)


def test_a_corner_has_three_neighbours() -> None:
    filled = impute(planes([99, 5, 1], [10, 0, 1], [1, 1, 1]), only((3, 3), (0, 0)))
    np.testing.assert_allclose(filled[:, 0, 0], (5 / 6 + 10 / 6 + 0 / 12) / (1 / 6 + 1 / 6 + 1 / 12))


def test_pixels_beside_each_other_are_solved_together() -> None:
    filled = impute(planes([0, 99, 99, 3]), only((1, 4), (0, 1), (0, 2)))
    np.testing.assert_allclose(filled[0], [[0, 1, 2, 3]], atol=1e-6)


def test_a_slope_is_restored_in_a_hole_away_from_the_edge() -> None:
    rows, columns = np.mgrid[:12, :12].astype(np.float32)
    photo = np.stack([rows, columns, 2 * rows - columns])
    removed = np.zeros((12, 12), np.bool_)
    removed[3:9, 2:10] = True
    spoilt = np.where(removed, np.float32(-50), photo)
    np.testing.assert_allclose(impute(spoilt, removed), photo, atol=1e-4)


def test_nothing_removed_changes_nothing_and_everything_removed_is_refused() -> None:
    photo = planes([1, 2], [3, 4])
    np.testing.assert_array_equal(impute(photo, only((2, 2))), photo)
    with pytest.raises(ValueError, match="nothing is left"):
        impute(photo, np.ones((2, 2), np.bool_))


def total(inputs: np.ndarray) -> np.ndarray:
    return inputs[:, 0].sum(axis=(1, 2)).astype(np.float64)


def test_gap_of_a_right_and_a_wrong_map_by_hand() -> None:
    photo = planes([0, 0, 0, 12])
    right = np.array([[0, 1, 2, 3]], np.float32)
    # The last pixel gone, it becomes its neighbour's 0; the first gone, it becomes 0, which it was.
    found = road(total, photo, right, shares=(0.25,), noise=0)
    np.testing.assert_allclose(found.most_relevant_first, [0])
    np.testing.assert_allclose(found.least_relevant_first, [12])
    assert float(found.gap) == pytest.approx(12)
    assert float(road(total, photo, -right, shares=(0.25,), noise=0).gap) == pytest.approx(-12)


def test_an_even_picture_has_no_gap_but_its_noise() -> None:
    photo, heat = np.full((3, 16, 16), 2, np.float32), np.arange(256, dtype=np.float32).reshape(16, 16)
    assert float(road(total, photo, heat, noise=0).gap) == pytest.approx(0, abs=1e-3)
    noisy = road(total, photo, heat, shares=(0.5,), noise=0.01, seed=3)
    # The sum of 128 pixels of noise has a deviation of .01 * sqrt(128) = .11.
    assert 0 < abs(float(noisy.most_relevant_first[0]) - 512) < 5 * 0.12
    assert float(road(total, photo, heat, shares=(0.5,), noise=0.01, seed=3).gap) == float(noisy.gap)
