"""Figures against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.evaluation import metrics

POSITIVE = np.array([True, True, False, False, False])
SCORE = np.array([0.9, 0.4, 0.6, 0.2, 0.1])


def test_auroc_counts_the_pairs_in_order() -> None:
    assert metrics.auroc(POSITIVE, SCORE) == pytest.approx(5 / 6)  # 0.4 against 0.6 is the one wrong pair of six


def test_auroc_of_one_class_is_not_defined() -> None:
    assert math.isnan(metrics.auroc(POSITIVE[:2], SCORE[:2]))


def test_sensitivity_and_specificity() -> None:
    called = SCORE >= 0.5
    assert metrics.sensitivity(POSITIVE, called) == 1 / 2
    assert metrics.specificity(POSITIVE, called) == 2 / 3


def test_sensitivity_at_specificity_takes_the_lowest_threshold_that_keeps_it() -> None:
    assert metrics.sensitivity_at_specificity(POSITIVE, SCORE, 0.9) == 1 / 2  # all three negatives must stay below
    assert metrics.sensitivity_at_specificity(POSITIVE, SCORE, 0.6) == 1.0  # 0.6 may be called: threshold 0.2


def test_brier_and_ece() -> None:
    assert metrics.brier(POSITIVE, SCORE) == pytest.approx((0.01 + 0.36 + 0.36 + 0.04 + 0.01) / 5)
    assert metrics.ece(POSITIVE, SCORE, bins=1) == pytest.approx(abs(2 / 5 - 2.2 / 5))


def test_interval_resamples_whole_clusters() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0])
    one = metrics.with_interval(lambda rows: float(values[rows].mean()), ["a", "a", "a", "b"])
    assert one.value == 0.25
    assert (one.low, one.high) == (0.0, 1.0)  # two clusters: a quarter of the samples hold only one of them
    sizes = {len(rows) for rows in metrics.resample(["a", "a", "a", "b"], 200, 0)}
    assert sizes == {2, 4, 6}


def test_what_is_never_defined_has_no_interval() -> None:
    figure = metrics.with_interval(lambda _rows: float("nan"), ["a", "b"])
    assert figure.to_dict() == {"value": None, "low": None, "high": None}


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.floats(0.1, 3))
def test_auroc_depends_on_order_alone(scores: list[float], factor: float) -> None:
    positive = np.arange(len(scores)) % 2 == 0
    score = np.round(np.array(scores), 3)
    assert metrics.auroc(positive, score) == pytest.approx(metrics.auroc(positive, score * factor + 1))
    assert metrics.auroc(~positive, score) == pytest.approx(1 - metrics.auroc(positive, score))
