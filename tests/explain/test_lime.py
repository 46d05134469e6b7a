"""LIME: the surrogate by hand, and by scikit-learn with the settings of the authors' package."""

from __future__ import annotations

import numpy as np
import pytest
from linear import Linear, Pairs, grid, ramp

from mpoxlens.errors import DataError
from mpoxlens.explain.lime import answers, drawn, kernel, lime, surrogate
from mpoxlens.explain.masks import mean_colour, segment_means


def test_the_kernel_by_hand() -> None:
    states = np.array([[True] * 4, [True, False, False, False], [False] * 4])
    # Cosine distances 0, 1 - 1/2 and 1; half their squares over 0.25 squared: 0, 2 and 8.
    assert kernel(states).tolist() == pytest.approx([1, np.exp(-2), np.exp(-8)])


def test_the_surrogate_by_hand() -> None:
    states = np.array([[True], [False]])
    found = surrogate(states, np.array([3, 1], np.float32), width=1e9, penalty=1)
    # Weights 1 and 1: x and y centred are +-1/2 and +-1; slope = 1 / (1/2 + 1) = 2/3; mean 2 - 2/3 * 1/2.
    assert found.coefficients.tolist() == pytest.approx([2 / 3])
    assert found.intercept == pytest.approx(2 - 1 / 3)
    # Left: +-(1 - 1/3), squares 2 * 4/9 of 2.
    assert found.r2 == pytest.approx(1 - 4 / 9)


def test_the_surrogate_is_the_ridge_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    states = drawn(4, 300, 20)
    values = np.random.default_rng(5).normal(size=300).astype(np.float32)
    found = surrogate(states, values)
    ridge = linear_model.Ridge(alpha=1, fit_intercept=True).fit(states, values, sample_weight=kernel(states))
    np.testing.assert_allclose(found.coefficients, ridge.coef_, atol=1e-6)
    assert found.intercept == pytest.approx(float(ridge.intercept_), abs=1e-6)
    assert found.r2 == pytest.approx(ridge.score(states, values, sample_weight=kernel(states)), abs=1e-6)


def test_a_network_that_answers_always_the_same_has_no_coefficients() -> None:
    found = surrogate(drawn(0, 50, 5), np.full(50, 2, np.float32))
    np.testing.assert_allclose(found.coefficients, 0, atol=1e-9)
    assert (found.intercept, found.r2) == (pytest.approx(2), 1.0)


def test_without_penalty_a_linear_network_is_found_exactly() -> None:
    photo, segments = ramp(), grid(8, 2)
    subject = Linear(np.random.default_rng(2).normal(size=(3, 8, 8)).astype(np.float32))
    states = drawn(1, 40, 4)
    found = surrogate(states, answers(subject, photo, segments, states, "segment means"), penalty=0)
    gain = (subject.weights * (photo - segment_means(photo, segments))).sum(axis=0)
    np.testing.assert_allclose(found.coefficients, np.bincount(segments.ravel(), weights=gain.ravel()), atol=1e-4)
    assert found.r2 == pytest.approx(1)


def test_what_is_hidden_takes_the_mean_of_its_segment_or_of_the_photograph() -> None:
    photo, segments = ramp(), grid(8, 2)
    subject = Pairs()
    nothing = np.zeros((1, 4), np.bool_)
    plain = np.broadcast_to(mean_colour(photo), photo.shape)
    for hidden, expected in (("segment means", segment_means(photo, segments)), ("mean colour", plain)):
        found = answers(subject, photo, segments, nothing, hidden)
        np.testing.assert_allclose(found, subject.contrast(expected[None]), rtol=1e-5)
    with pytest.raises(DataError, match="unknown"):
        answers(subject, photo, segments, nothing, "black")


def test_the_first_sample_is_the_photograph_and_the_heat_is_painted_by_segment() -> None:
    photo, segments, subject = ramp(), grid(8, 2), Linear(ramp()[:, ::-1].copy())
    found = lime(subject, photo, 3, samples=100, segments=segments)
    assert found.contrast == pytest.approx(float(subject.contrast(photo[None])[0]))
    assert found.passes == 100
    states = drawn(3, 100, 4)
    expected = surrogate(states, answers(subject, photo, segments, states, "mean colour"))
    np.testing.assert_allclose(found.heat, expected.coefficients[segments], rtol=1e-5)


def test_samples_come_from_the_seed_and_show_half() -> None:
    states = drawn(9, 4000, 10)
    assert states[0].all()
    np.testing.assert_array_equal(states, drawn(9, 4000, 10))
    assert np.abs(states[1:].mean(axis=0) - 0.5).max() < 0.04  # five standard errors


def test_one_sample_is_refused() -> None:
    with pytest.raises(DataError, match="2 at least"):
        lime(Linear(ramp()), ramp(), samples=1)
