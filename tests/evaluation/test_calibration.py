"""What the bundle decides by, fitted on predictions whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.evaluation.battery import Goals, Judged, cross_fit
from mpoxlens.evaluation.calibration import fit_calibration, fit_conformal, operating_point
from mpoxlens.evaluation.ood import fit_ood


def _simulated(n: int, temperature: float, bias: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two-class logits [N, 2] with true log-odds logits / temperature + bias, and outcomes drawn by them."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 3, n)
    logits = np.stack([odds, np.zeros(n)], axis=1).astype(np.float32)
    return logits, rng.random(n) < 1 / (1 + np.exp(-(odds / temperature + bias)))


def test_calibration_finds_the_temperature_and_bias_that_made_the_outcomes() -> None:
    logits, positive = _simulated(6000, temperature=2.0, bias=-0.5)
    found = fit_calibration(logits, positive, 0, [str(i) for i in range(6000)], seed=0)
    assert found.temperature == pytest.approx(2.0, rel=0.1)
    assert found.bias == pytest.approx(-0.5, abs=0.1)
    temperatures = [t for t, _ in found.bootstrap]
    assert min(temperatures) < 2.0 < max(temperatures)


def test_probabilities_sum_to_one_and_the_positive_one_is_the_calibrated_one() -> None:
    logits, positive = _simulated(200, 1.0, 0.0)
    wide = np.concatenate([logits, logits[:, :1] - 1], axis=1)
    fitted = fit_calibration(wide, positive, 0, [str(i) for i in range(200)], seed=0)
    p = fitted.probabilities(wide, 0)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[:, 0], 1 / (1 + np.exp(-fitted.log_odds(wide, 0))))


def test_operating_point_keeps_the_wanted_sensitivity_and_no_more() -> None:
    probability = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.3, 0.1])
    positive = np.array([True, True, True, True, False, False, False])
    assert operating_point(probability, positive, 0.75) == pytest.approx((0.7 + 0.6) / 2)
    assert operating_point(probability, positive, 1.0) == pytest.approx((0.2 + 0.1) / 2)


def test_conformal_cut_offs_by_hand() -> None:
    positive = np.arange(18) % 2 == 0
    probability = np.where(positive, (np.arange(18) // 2 + 1) / 10, (np.arange(18) // 2) / 100)
    found = fit_conformal(probability, positive, 0.2)  # nine of each: the floor(0.2 x 10) = 2nd lowest of a class
    assert found.mpox_from == pytest.approx(0.2)
    assert found.other_to == pytest.approx(0.07)


def test_a_score_at_the_cut_off_is_inside_its_set() -> None:
    for score in np.arange(1, 1000) / 1000:
        rule = fit_conformal(np.full(40, score), np.arange(40) % 2 == 0, 0.1)
        assert rule.prediction_set(float(score)) == ("mpox", "other")


def test_too_few_photographs_for_alpha_leave_nobody_out() -> None:
    found = fit_conformal(np.array([0.5, 0.5, 0.4, 0.4]), np.array([True, True, False, False]), 0.1)
    assert (found.mpox_from, found.other_to) == (0.0, 1.0)


@given(st.integers(0, 10_000))
def test_prediction_sets_cover_each_class_of_new_photographs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.arange(4000) % 3 == 0
    probability = np.clip(rng.normal(np.where(positive, 0.7, 0.3), 0.2), 0.001, 0.999)
    fitted, fresh = slice(0, 2000), slice(2000, None)
    rule = fit_conformal(probability[fitted], positive[fitted], 0.1)
    for name, rows in (("mpox", positive[fresh]), ("other", ~positive[fresh])):
        covered = [name in rule.prediction_set(float(p)) for p in probability[fresh][rows]]
        # Four deviations below 0.9: of the calibration quantile and of this mean, with n photographs each.
        assert np.mean(covered) > 0.9 - 4 * np.sqrt(2 * 0.09 / len(covered))


def test_no_photograph_is_judged_by_rules_that_saw_its_fold() -> None:
    logits, positive = _simulated(300, 1.0, 0.0)
    fold = np.arange(300) % 3
    clusters = tuple(str(i) for i in range(300))
    everyone = np.ones(300, dtype=bool)
    goals = Goals(0.9, 0.1)
    first = cross_fit(Judged(logits, np.where(positive, 0, 1), clusters, fold, 0, everyone), goals, 0)
    flipped = np.where(fold == 0, positive, np.where(positive, 0, 1))  # fold 0's labels turned round
    second = cross_fit(Judged(logits, flipped, clusters, fold, 0, everyone), goals, 0)
    np.testing.assert_array_equal(first.probability[fold == 0], second.probability[fold == 0])
    assert not np.array_equal(first.probability[fold == 1], second.probability[fold == 1])


def test_what_points_elsewhere_is_stranger_than_what_was_seen() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(8, 64))
    seen = (rng.normal(size=(300, 8)) + 3) @ plane + rng.normal(0, 0.1, (300, 64))
    fitted = fit_ood(seen.astype(np.float32), 0.95)
    assert np.mean(fitted.score(seen.astype(np.float32)) <= fitted.threshold) == pytest.approx(0.95, abs=0.01)
    elsewhere = rng.normal(size=(100, 64)).astype(np.float32)
    assert np.all(fitted.score(elsewhere) > fitted.threshold)
    np.testing.assert_allclose(fitted.score(elsewhere), fitted.score(elsewhere * 7), rtol=1e-4)
