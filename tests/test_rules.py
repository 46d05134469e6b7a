"""The arithmetic of a decision: numbers worked out by hand, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.rules import Calibration, Conformal, OutOfDistribution, logit, sigmoid

LOGITS = np.log(np.array([[6.0, 2.0, 1.0, 1.0]], np.float32))  # odds of the first 6 : 4
PLAIN = Calibration(1.0, 0.0, ((1.0, -0.5), (1.0, 0.0), (1.0, 0.5)))


def test_calibration_by_hand() -> None:
    assert PLAIN.log_odds(LOGITS, 0)[0] == pytest.approx(math.log(1.5), abs=1e-6)
    assert PLAIN.probabilities(LOGITS, 0)[0].tolist() == pytest.approx([0.6, 0.2, 0.1, 0.1], abs=1e-6)
    shifted = Calibration(1.0, math.log(2), ((1.0, 0.0),))
    assert shifted.probabilities(LOGITS, 0)[0].tolist() == pytest.approx([0.75, 0.125, 0.0625, 0.0625], abs=1e-6)
    halved = Calibration(2.0, 0.0, ((1.0, 0.0),))  # square roots of 6 : 2 : 1 : 1
    roots = np.sqrt([6, 2, 1, 1])
    assert halved.probabilities(LOGITS, 0)[0].tolist() == pytest.approx((roots / roots.sum()).tolist(), abs=1e-6)


def test_interval_holds_the_middle_of_the_bootstrap_and_moves_with_evidence() -> None:
    found = PLAIN.interval(LOGITS[0], 0)
    odds = math.log(1.5)
    expected = np.quantile(sigmoid(np.array([odds - 0.5, odds, odds + 0.5])), (0.025, 0.975))
    assert (found.low, found.high) == pytest.approx(tuple(expected))
    moved = PLAIN.interval(LOGITS[0], 0, shift=math.log(2))
    assert moved.low > found.low
    assert moved.high > found.high


@given(st.lists(st.floats(-60, 60, width=32), min_size=2, max_size=6), st.floats(0.05, 20), st.floats(-5, 5))
def test_probabilities_sum_to_one_and_are_never_certain(logits: list[float], temperature: float, bias: float) -> None:
    p = Calibration(temperature, bias, ((1, 0),)).probabilities(np.array([logits], np.float32), 0)
    assert p.sum() == pytest.approx(1)
    assert float(sigmoid(np.array(-8.0))) - 1e-9 <= p[0, 0] <= float(sigmoid(np.array(8.0))) + 1e-9


@given(st.floats(1e-6, 1 - 1e-6))
def test_sigmoid_undoes_logit(p: float) -> None:
    assert float(sigmoid(logit(p))) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize(
    ("p", "members"),
    [(0.2, ("other",)), (0.3, ("mpox", "other")), (0.6, ("mpox", "other")), (0.61, ("mpox",))],
)
def test_prediction_set(p: float, members: tuple[str, ...]) -> None:
    assert Conformal(0.1, 0.3, 0.6).prediction_set(p) == members


def test_prediction_set_may_be_empty() -> None:
    assert Conformal(0.1, 0.6, 0.3).prediction_set(0.5) == ()


def test_strangeness_by_hand() -> None:
    ood = OutOfDistribution(np.zeros(3, np.float32), np.array([[0.5, 0, 0]], np.float32), 2.0, 3.0)
    # (3, 0, 4) points along (0.6, 0, 0.8); along the component: 0.6 / 2 deviations; across it: 0.8 / 2
    assert ood.score(np.array([[3, 0, 4]], np.float32))[0] == pytest.approx(math.sqrt(0.5 * 0.09 + 0.5 * 0.16))


def test_entries_of_the_bundle_go_there_and_back() -> None:
    assert Calibration.from_dict(PLAIN.to_dict()) == PLAIN
    assert Conformal.from_dict(Conformal(0.1, 0.3, 0.6).to_dict()) == Conformal(0.1, 0.3, 0.6)
    ood = OutOfDistribution(np.array([1, 2], np.float32), np.eye(2, dtype=np.float32), 1.5, 3.0)
    back = OutOfDistribution.from_dict(ood.to_dict())
    assert np.array_equal(back.components, ood.components)
    assert np.array_equal(back.mean, ood.mean)
    assert (back.residual, back.threshold) == (1.5, 3.0)


@pytest.mark.parametrize("pairs", [[], [[0.0, 1.0]]])
def test_impossible_calibrations_are_refused(pairs: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="temperatures must be above 0"):
        Calibration.from_dict({"temperature": 1.0, "bias": 0.0, "bootstrap": pairs})
