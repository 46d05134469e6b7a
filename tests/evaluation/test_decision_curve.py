"""Net benefit by hand, and the laws of Vickers and Elkin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.evaluation.bootstrap import Draws
from mpoxlens.evaluation.decision_curve import decision_curve, moved

POSITIVE = np.array([True, True, False, False, False])
PROBABILITY = np.array([0.9, 0.4, 0.6, 0.2, 0.1])


def _draws(n: int, count: int = 20) -> Draws:
    return Draws.of([str(i) for i in range(n)], count)


def test_net_benefit_by_hand() -> None:
    found = decision_curve(POSITIVE, PROBABILITY, _draws(5), np.array([0.25, 0.5]))
    # At .25: two true, one false, a false one costs a third. At .5: one true, one false at full cost.
    assert found.model[0] == pytest.approx([2 / 5 - 1 / 5 / 3, 0.0])
    assert found.treat_all[0] == pytest.approx([2 / 5 - 3 / 5 / 3, 2 / 5 - 3 / 5])
    assert found.gain[0] == pytest.approx([(2 - 1 / 3 - 2 + 1) / 5, 0.0])


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_at_threshold_nought_it_is_the_prevalence_and_nobody_gains(rows: list[tuple[bool, float]]) -> None:
    positive, p = np.array([flag for flag, _ in rows]), np.array([value for _, value in rows])
    draws = _draws(len(rows))
    found = decision_curve(positive, p, draws, np.array([0.0]))
    np.testing.assert_allclose(found.model[:, 0], draws.mean(positive))
    np.testing.assert_allclose(found.gain, 0, atol=1e-12)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.floats(0, 0.95))
def test_a_model_that_knows_gains_the_most_and_one_that_calls_all_nothing(flags: list[bool], threshold: float) -> None:
    positive = np.array(flags)
    draws, at = _draws(len(flags)), np.array([threshold])
    best = decision_curve(positive, positive.astype(float), draws, np.array([max(threshold, 0.01)]))
    np.testing.assert_allclose(best.model[:, 0], draws.mean(positive))
    everyone = decision_curve(positive, np.ones(len(flags)), draws, at)
    np.testing.assert_allclose(everyone.model, everyone.treat_all, atol=1e-12)


def test_at_the_share_of_the_sample_nothing_changes_but_the_interval_of_the_share() -> None:
    usual = decision_curve(POSITIVE, PROBABILITY, _draws(5))
    stated = decision_curve(POSITIVE, PROBABILITY, _draws(5), prevalence=0.4)
    np.testing.assert_allclose(stated.model[0], usual.model[0])
    np.testing.assert_allclose(stated.treat_all, np.repeat(usual.treat_all[:1], 21, axis=0))


def test_where_it_is_rare_probabilities_move_by_the_ratio_of_the_odds() -> None:
    found = moved(np.array([0.5, 0.75]), 0.5, 0.1)
    assert found == pytest.approx([0.1, (3 / 9) / (1 + 3 / 9)])  # odds 1 and 3, times (1/9) / 1
