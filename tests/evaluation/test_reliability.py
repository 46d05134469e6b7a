"""Calibration figures against numbers worked out by hand and against outcomes drawn by known probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from mpoxlens.evaluation import metrics
from mpoxlens.evaluation.reliability import brier_parts, ece_if_perfect, intercept, slope
from mpoxlens.rules import logit, sigmoid

ONCE = np.ones((1, 4))


def test_slope_is_that_of_an_unpenalised_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.02, 0.98, 300)
    positive = rng.random(300) < sigmoid(0.6 * logit(p) - 0.4)
    weights = rng.integers(0, 4, (3, 300)).astype(float)
    for row, found in zip(weights, slope(positive, p, weights), strict=True):
        model = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(p)[:, None], positive, row)
        assert found == pytest.approx(model.coef_[0, 0], rel=1e-4)


def test_too_sure_probabilities_have_a_slope_below_one_by_as_much() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 2, 20_000)
    positive = rng.random(20_000) < sigmoid(truth)
    weights = np.ones((1, 20_000))
    assert slope(positive, sigmoid(truth), weights)[0] == pytest.approx(1.0, abs=0.05)
    assert slope(positive, sigmoid(2 * truth), weights)[0] == pytest.approx(0.5, abs=0.03)
    assert intercept(positive, sigmoid(truth - 0.7), weights)[0] == pytest.approx(0.7, abs=0.05)


def test_intercept_by_hand() -> None:
    positive = np.array([True, True, True, False])
    found = intercept(positive, np.full(4, 0.5), ONCE)[0]  # half are told, three quarters seen
    assert found == pytest.approx(np.log(3))
    moved = sigmoid(logit(np.array([0.2, 0.9, 0.4, 0.6])) + intercept(positive, np.array([0.2, 0.9, 0.4, 0.6]), ONCE))
    assert moved.mean() == pytest.approx(0.75)


def test_separated_classes_have_no_slope_and_one_class_no_intercept() -> None:
    p = np.array([0.9, 0.8, 0.2, 0.1])
    assert np.isnan(slope(p > 0.5, p, ONCE)).all()
    assert np.isnan(intercept(np.ones(4, dtype=bool), p, ONCE)).all()


def test_parts_of_the_brier_score_by_hand() -> None:
    positive = np.array([True, False, True, True])
    found = brier_parts(positive, np.array([0.2, 0.2, 0.8, 0.8]), ONCE, bins=2)
    # Two bins of two: told .2 and .8, seen .5 and 1, all together .75.
    assert found["reliability"][0] == pytest.approx((0.3**2 + 0.2**2) / 2)
    assert found["resolution"][0] == pytest.approx(0.25**2)
    assert found["uncertainty"][0] == pytest.approx(0.75 * 0.25)
    assert found["within"][0] == pytest.approx(0.0)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40))
def test_parts_add_up_to_the_brier_score(rows: list[tuple[bool, float]]) -> None:
    positive, p = np.array([flag for flag, _ in rows]), np.array([value for _, value in rows])
    parts = {name: values[0] for name, values in brier_parts(positive, p, np.ones((1, len(p)))).items()}
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within"]
    assert total == pytest.approx(metrics.brier(positive, p))
    assert parts["uncertainty"] == pytest.approx(positive.mean() * (1 - positive.mean()))


def test_even_true_probabilities_have_an_error_in_a_small_sample() -> None:
    mean, high = ece_if_perfect(np.full(100, 0.5), bins=1)  # |mean of 100 tosses - .5|, deviation .05
    assert mean == pytest.approx(0.05 * np.sqrt(2 / np.pi), rel=0.1)
    assert high == pytest.approx(0.1, abs=0.02)
    assert ece_if_perfect(np.array([0.0, 1.0])) == (0.0, 0.0)


def test_outcomes_that_were_drawn_by_the_probabilities_lie_within_what_is_perfect() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(0, 1, 200)
    errors = [metrics.ece(rng.random(200) < p, p) for _ in range(400)]
    mean, high = ece_if_perfect(p)
    assert mean == pytest.approx(np.mean(errors), rel=0.1)
    assert np.mean(np.array(errors) <= high) == pytest.approx(0.975, abs=0.025)
