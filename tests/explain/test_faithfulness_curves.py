"""Deletion, insertion and complexity, on networks whose areas are worked out by hand."""

import numpy as np
import pytest

from mpoxlens.explain.faithfulness.complexity import entropy, gini
from mpoxlens.explain.faithfulness.curves import blurred, deletion, insertion, mean, ranking

WORTH = np.array([[4, 3], [2, 1]], np.float32)  # of each pixel of the first plane
PHOTO = np.ones((3, 2, 2), np.float32)
NOTHING = np.zeros((3, 2, 2), np.float32)


def linear(inputs: np.ndarray) -> np.ndarray:
    """The sum of what the pixels are worth, and twice that: two scores [N, 2]."""
    total = (inputs[:, 0] * WORTH).sum(axis=(1, 2)).astype(np.float64)
    return np.stack([total, 2 * total], axis=1)


def test_deletion_of_a_linear_network_by_hand() -> None:
    found = deletion(linear, PHOTO, WORTH, NOTHING, steps=4)
    np.testing.assert_array_equal(found.shares, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(found.values[:, 0], [10, 6, 3, 1, 0])  # 4 goes first, then 3, 2, 1
    np.testing.assert_allclose(found.area, [3.75, 7.5])  # (10/2 + 6 + 3 + 1 + 0/2) / 4


def test_insertion_of_a_linear_network_by_hand() -> None:
    found = insertion(linear, PHOTO, WORTH, NOTHING, steps=4)
    np.testing.assert_array_equal(found.values[:, 0], [0, 4, 7, 9, 10])
    np.testing.assert_allclose(found.area, [6.25, 12.5])  # (0/2 + 4 + 7 + 9 + 10/2) / 4


def test_a_map_the_wrong_way_round_has_the_areas_of_the_right_one_exchanged() -> None:
    assert deletion(linear, PHOTO, -WORTH, NOTHING, steps=4).area[0] == pytest.approx(6.25)
    assert insertion(linear, PHOTO, -WORTH, NOTHING, steps=4).area[0] == pytest.approx(3.75)


def test_one_score_may_come_without_a_second_axis() -> None:
    found = deletion(lambda inputs: linear(inputs)[:, 0], PHOTO, WORTH, NOTHING, steps=2)
    np.testing.assert_array_equal(found.values, [10, 3, 0])
    assert float(found.area) == pytest.approx(4.0)  # (10/2 + 3 + 0/2) / 2


def test_the_photograph_itself_is_left_as_it_was() -> None:
    photo = PHOTO.copy()
    deletion(linear, photo, WORTH, NOTHING)
    np.testing.assert_array_equal(photo, PHOTO)


def test_equal_pixels_go_in_an_order_by_chance_that_is_the_same_each_time() -> None:
    flat = np.zeros((8, 8), np.float32)
    order = ranking(flat)
    assert sorted(order) == list(range(64))
    assert (order != np.arange(64)).sum() > 32
    np.testing.assert_array_equal(order, ranking(flat))
    flat[3, 5] = 1
    assert ranking(flat)[0] == 3 * 8 + 5


def test_baselines_keep_tone_and_lose_the_lesion() -> None:
    photo = np.zeros((3, 64, 64), np.float32)
    photo[0] = 5
    photo[0, 32, 32] = 69
    np.testing.assert_allclose(mean(photo)[0], 5 + 64 / 4096)
    soft = blurred(photo)
    # A Gaussian of 64 * 10 / 224 px has 1 / (2 pi s^2) of what it spreads at its centre.
    assert soft[0, 32, 32] == pytest.approx(5 + 64 / (2 * np.pi * (640 / 224) ** 2), rel=0.01)
    assert soft.mean() == pytest.approx(photo.mean(), rel=1e-4)
    np.testing.assert_allclose(soft[1:], 0)


@pytest.mark.parametrize(
    ("heat", "even", "sparse"),
    [
        ([[0, 0], [0, 7]], 0.0, 0.75),
        ([[2, 2], [-2, 2]], 1.0, 0.0),
        ([[1, 3]], (0.25 * np.log(4) + 0.75 * np.log(4 / 3)) / np.log(2), 0.25),
        ([[0, 0], [0, 0]], 1.0, 0.0),
    ],
)
def test_complexity_by_hand(heat: list[list[float]], even: float, sparse: float) -> None:
    assert entropy(np.array(heat, np.float32)) == pytest.approx(even)
    assert gini(np.array(heat, np.float32)) == pytest.approx(sparse)
