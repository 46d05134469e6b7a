"""What a file may cost, on numbers worked out by hand."""

import math

import numpy as np
import pytest
from tests.optimise.rules import checked, outputs, spec

from mpoxlens.errors import TrainingError
from mpoxlens.optimise.parity import Parity, compare, require

ODDS = [2.0, 1.0, -1.0, -2.0]
TRUTH = checked([True, True, False, False], "abcd")


def compared(other: list[float], gap: float = 0.0) -> Parity:
    golden = (outputs([0.0]), outputs([0.0]))
    return compare(outputs(ODDS), outputs(other, gap), golden, spec(), TRUTH)


def test_the_same_outputs_cost_nothing() -> None:
    found = compared(ODDS)
    assert (found.photos, found.agreement, found.same_side, found.max_difference) == (4, 1.0, 1.0, 0.0)
    assert (found.delta_auroc.value, found.delta_sensitivity.value, found.unexplained) == (0.0, 0.0, 0.0)
    require(found, "drawn.onnx", "fp32")


def test_a_positive_that_falls_below_all_negatives() -> None:
    """1.0 becomes -3.0: one of four decisions, half of the positives, and half of the four pairs are lost."""
    found = compared([2.0, -3.0, -1.0, -2.0])
    assert found.agreement == found.same_side == 0.75
    assert found.delta_sensitivity.value == -0.5
    assert found.delta_auroc.value == -0.5
    assert found.max_difference == pytest.approx(1 / (1 + math.exp(-1)) - 1 / (1 + math.exp(3)))
    assert found.median_difference == 0.0
    with pytest.raises(TrainingError, match=r"75\.0% of the decisions agree, .* must; AUROC falls by 0\.5"):
        require(found, "drawn.onnx", "static-int8")


def test_cannot_tell_is_a_decision_of_its_own() -> None:
    """P = .5 has both in its set; 0.1 stays on its side of the operating point, and yet nothing is told any more."""
    found = compared([2.0, 0.1, -1.0, -2.0])
    assert (found.agreement, found.same_side) == (0.75, 1.0)


def test_the_median_is_held_to_the_bar_of_the_precision() -> None:
    shifted = [odds + 0.01 for odds in ODDS]  # moves P by 0.01 p (1 - p): 0.001 and 0.002
    found = compared(shifted)
    assert found.median_difference == pytest.approx(0.0015, abs=2e-4)
    require(found, "drawn.onnx", "fp16")
    with pytest.raises(TrainingError, match=r"differs by 0\.0015 in the median, at most 0\.0001"):
        require(found, "drawn.onnx", "fp32")


def test_a_map_that_is_not_its_score_is_refused() -> None:
    found = compared(ODDS, gap=0.2)
    assert found.unexplained == pytest.approx(0.2)
    with pytest.raises(TrainingError, match=r"the maps miss their logits by 0\.200"):
        require(found, "drawn.onnx", "static-int8")


def test_outputs_that_are_no_numbers_are_refused() -> None:
    found = compare(outputs(ODDS), outputs([math.nan] * 4), (outputs([0.0]), outputs([0.0])), spec(), TRUTH_ALONE)
    with pytest.raises(TrainingError, match="differs by nan"):
        require(found, "drawn.onnx", "static-int8")


TRUTH_ALONE = checked([True] * 4, "abcd")  # of one class there is no AUROC, which would refuse NaN by itself


def test_intervals_are_by_cluster() -> None:
    """Of two clusters, one alone has the lost positive: the draws of sensitivity are 0, -.5 and -1."""
    truth = checked([True, True, False, False], "abab")
    lost = compare(outputs(ODDS), outputs([2.0, -3.0, -1.0, -2.0]), (outputs([0.0]), outputs([0.0])), spec(), truth)
    assert (lost.delta_sensitivity.low, lost.delta_sensitivity.high) == (-1.0, 0.0)
    assert np.isfinite(lost.delta_auroc.low)


@pytest.mark.parametrize(("less", "same"), [(1e-6, 1.0), (1e-3, 0.5)])
def test_on_the_line_rounding_is_no_other_decision(less: float, same: float) -> None:
    """The first photograph has P = .5, the operating point itself."""
    truth, golden = checked([True, False], "ab"), (outputs([0.0]), outputs([0.0]))
    found = compare(outputs([0.0, -2.0]), outputs([-less, -2.0]), golden, spec(), truth)
    assert found.same_side == same
