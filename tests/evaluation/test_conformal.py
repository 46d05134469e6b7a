"""Prediction sets and abstention, by hand and against the rules that the clinic applies one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.evaluation.bootstrap import Draws
from mpoxlens.evaluation.calibration import fit_conformal
from mpoxlens.evaluation.conformal import coverage_at_right, members, right_at_coverage, set_figures
from mpoxlens.rules import Conformal

SURENESS = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
RIGHT = np.array([True, True, False, True, False])
ONCE = np.ones((1, 5))


@given(st.lists(st.floats(0, 1), min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_members_are_those_of_the_rule(scores: list[float], low: float, high: float) -> None:
    rule = Conformal(0.1, low, high)
    mpox, other = members(np.array(scores), rule)
    for p, a, b in zip(scores, mpox, other, strict=True):
        assert rule.prediction_set(p) == ("mpox",) * bool(a) + ("other",) * bool(b)


def test_coverage_and_sizes_by_hand() -> None:
    positive = np.array([True, True, True, False, False])
    mpox_in = np.array([True, True, False, True, False])
    other_in = np.array([False, True, True, True, False])
    found = set_figures(positive, mpox_in, other_in, Draws.of(list("abcde"), 5))
    expected = {
        "coverage_mpox": 2 / 3, "coverage_other": 1 / 2, "mean_size": 6 / 5, "mean_size_mpox": 4 / 3,
        "mean_size_other": 1.0, "single": 2 / 5, "both": 2 / 5, "neither": 1 / 5,
    }  # fmt: skip
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected)


def test_right_answers_among_the_surest_by_hand() -> None:
    found = right_at_coverage(RIGHT, SURENESS, ONCE, np.array([0.2, 0.4, 0.6, 0.8, 1.0]))[0]
    assert found == pytest.approx([1, 1, 2 / 3, 3 / 4, 3 / 5])
    twice = right_at_coverage(RIGHT, SURENESS, 2 * ONCE, np.array([0.5]))[0]  # five rows of ten: 2 + 2 right, 1 wrong
    assert twice == pytest.approx([4 / 5])


def test_the_most_that_can_be_answered_by_hand() -> None:
    assert coverage_at_right(RIGHT, SURENESS, ONCE, 1.0)[0] == pytest.approx(2 / 5)
    assert coverage_at_right(RIGHT, SURENESS, ONCE, 0.75)[0] == pytest.approx(4 / 5)
    assert coverage_at_right(~RIGHT, SURENESS, ONCE, 0.9)[0] == 0.0
    weights = np.array([[0.0, 0, 1, 0, 1]])  # only wrong answers were drawn
    assert coverage_at_right(RIGHT, SURENESS, weights, 0.9)[0] == 0.0


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(0, 99))
def test_answering_everything_is_right_as_often_as_it_is_right(flags: list[bool], seed: int) -> None:
    right = np.array(flags)
    sureness = np.random.default_rng(seed).random(len(flags))
    weights = np.ones((1, len(flags)))
    assert right_at_coverage(right, sureness, weights, np.array([1.0]))[0, 0] == pytest.approx(right.mean())
    assert coverage_at_right(right, sureness, weights, float(right.mean()))[0] == pytest.approx(1.0)


@given(st.integers(0, 999), st.integers(1, 4), st.sampled_from([0.05, 0.1, 0.2]))
def test_repeats_of_the_same_rows_give_the_same_sets(seed: int, repeats: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    p, positive = rng.random(50), rng.random(50) < 0.5
    one = fit_conformal(p, positive, alpha)
    assert fit_conformal(np.repeat(p, repeats), np.repeat(positive, repeats), alpha, repeats) == one
