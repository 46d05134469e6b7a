"""How much maps of one question differ, by hand and with a real LIME."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from mpoxlens.bundle import Bundle
from mpoxlens.datasets.phantom import draw
from mpoxlens.explain.faithfulness.similarity import alike
from mpoxlens.explain.faithfulness.stability import over_seeds, over_shifts, shifted, spread
from mpoxlens.explain.lime import lime
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.subject import OnnxSubject


class Nothing:
    """A subject for methods that ask nothing of it."""

    name, size = "nothing", 32

    def contrast(self, inputs: np.ndarray) -> np.ndarray:
        return np.zeros(len(inputs), np.float32)


def explained(heat: np.ndarray) -> Explanation:
    return Explanation(heat, "made", {}, 0, 0.0, 0, "nothing")


def as_seen(_subject: Subject, photo: np.ndarray, _seed: int) -> Explanation:
    return explained(photo[0])


def same_always(_subject: Subject, photo: np.ndarray, _seed: int) -> Explanation:
    return explained(np.random.default_rng(7).normal(size=photo.shape[1:]).astype(np.float32))


def by_chance(_subject: Subject, photo: np.ndarray, seed: int) -> Explanation:
    return explained(np.random.default_rng(seed).normal(size=photo.shape[1:]).astype(np.float32))


def test_alike_is_spearmans_correlation_and_a_flat_map_is_like_nothing() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (2, 6, 6)).astype(np.float32)  # with ties
    assert alike(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)
    assert alike(a, np.exp(a)) == pytest.approx(1)
    assert alike(a, -a) == pytest.approx(-1)
    assert alike(a, np.zeros_like(a)) == 0.0


def test_spread_by_hand() -> None:
    one, two = np.array([[0, 4]], np.float32), np.array([[0, 8]], np.float32)
    found = spread([one, two])
    assert found.alike == pytest.approx(1)
    # Variances 0 and 8, mean 4, root 2; the mean map is 0 and 6, deviation 3.
    assert found.deviation == pytest.approx(2 / 3)
    assert spread([one, one, one]).deviation == 0.0
    assert spread([one, np.array([[4, 0]], np.float32)]).deviation == float("inf")  # they cancel


def test_over_seeds_tells_what_is_random_from_what_is_not() -> None:
    photo = np.random.default_rng(1).normal(size=(3, 32, 32)).astype(np.float32)
    assert over_seeds(as_seen, Nothing(), photo).alike == pytest.approx(1)
    assert over_seeds(as_seen, Nothing(), photo).deviation == 0.0
    noisy = over_seeds(by_chance, Nothing(), photo)
    assert abs(noisy.alike) < 0.1
    # Three maps of unit noise: the mean has a deviation of 1 / sqrt(3).
    assert noisy.deviation == pytest.approx(np.sqrt(3), rel=0.1)


def test_a_moved_photograph_repeats_its_edge() -> None:
    plane = np.array([[[1, 2], [3, 4]]], np.float32)
    np.testing.assert_array_equal(shifted(plane, 1, 0), [[[1, 2], [1, 2]]])
    np.testing.assert_array_equal(shifted(plane, 0, -1), [[[2, 2], [4, 4]]])


def test_a_map_that_moves_with_the_photograph_is_alike_and_one_that_stays_is_not() -> None:
    photo = np.random.default_rng(1).normal(size=(3, 32, 32)).astype(np.float32)
    for shift in ((0, 4), (4, 0), (-3, -3), (2, -5)):
        assert over_shifts(as_seen, Nothing(), photo, photo[0], [shift]) == pytest.approx(1)
    stays = same_always(Nothing(), photo, 0).heat
    assert abs(over_shifts(same_always, Nothing(), photo, stays)) < 0.1


def test_runs_of_lime_come_together_with_more_samples(tiny_path: Path) -> None:
    bundle = Bundle.load(tiny_path, threads=1)
    subject, photo = OnnxSubject(bundle), bundle.spec.preprocess(draw(2, size=128).pixels)
    few, many = (
        spread([lime(subject, photo, seed, samples=samples).heat for seed in range(3)]) for samples in (40, 640)
    )
    assert 0 < many.deviation < few.deviation / 2
    assert few.alike < many.alike < 1
