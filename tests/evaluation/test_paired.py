"""Paired tests against slow versions and against numbers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.errors import DataError
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.metrics import Doubles, Flags, auroc
from mpoxlens.evaluation.paired import aligned, cluster_bootstrap_difference, delong, holm
from mpoxlens.evaluation.predictions import Predictions


def _slow_delong(positive: Flags, a: Doubles, b: Doubles) -> tuple[float, float]:
    """Return difference and variance by DeLong et al. 1988, every pair looked at."""
    placements = []
    for score in (a, b):
        wins = (score[positive][:, None] > score[~positive]) + 0.5 * (score[positive][:, None] == score[~positive])
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    (va, wa), (vb, wb) = placements
    variance = 0.0
    for first, second in ((va, vb), (wa, wb)):
        d = first - second
        variance += ((d - d.mean()) ** 2).sum() / (len(d) - 1) / len(d)
    return float(va.mean() - vb.mean()), variance


@given(st.integers(0, 500), st.integers(1, 3))
def test_fast_delong_equals_slow(seed: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    positive = np.arange(40) % 3 == 0
    a, b = (np.round(rng.random(40) + 0.3 * positive, decimals) for _ in range(2))  # few decimals make ties
    value, variance = _slow_delong(positive, a, b)
    found = delong(positive, a, b)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.value == pytest.approx(auroc(positive, a) - auroc(positive, b))
    assert found.high - found.value == pytest.approx(1.959963985 * math.sqrt(variance))
    assert found.p == pytest.approx(math.erfc(abs(value) / math.sqrt(2 * variance)))


def test_delong_of_a_judge_against_itself_is_no_difference() -> None:
    score = np.array([0.9, 0.4, 0.6, 0.2, 0.1])
    found = delong(np.array([True, True, False, False, False]), score, score * 2)  # the order is what counts
    assert (found.value, found.p) == (0.0, 1.0)


def test_delong_needs_two_of_each_class() -> None:
    found = delong(np.array([True, False, False]), np.arange(3.0), np.arange(3.0))
    assert found.to_dict() == {"value": None, "low": None, "high": None, "p": None}


def test_bootstrap_agrees_with_delong_where_photographs_are_independent() -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(600) % 2 == 0
    a, b = (rng.normal(size=600) + gain * positive for gain in (1.2, 0.8))
    exact = delong(positive, a, b)
    found = cluster_bootstrap_difference(
        lambda score, w: weighted.auroc(positive, score, w), a, b, [str(i) for i in range(600)]
    )
    assert found.value == pytest.approx(exact.value)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_photographs_of_few_people_say_less_than_they_seem_to() -> None:
    """Ten copies of each photograph: DeLong takes them for evidence, the cluster bootstrap does not."""
    rng = np.random.default_rng(1)
    one = np.arange(40) % 2 == 0
    scores = [rng.normal(size=40) + gain * one for gain in (1.0, 0.5)]
    positive, a, b = (np.repeat(x, 10) for x in (one, *scores))
    clusters = np.repeat(np.arange(40).astype(str), 10).tolist()
    width = {}
    for name, found in {
        "delong": delong(positive, a, b),
        "single": delong(one, *scores),
        "clusters": cluster_bootstrap_difference(lambda s, w: weighted.auroc(positive, s, w), a, b, clusters),
    }.items():
        width[name] = found.high - found.low
    assert width["delong"] < 0.4 * width["single"]
    assert width["clusters"] == pytest.approx(width["single"], rel=0.25)


def test_bootstrap_p_of_a_judge_that_is_always_better() -> None:
    clusters = [str(i) for i in range(20)]
    found = cluster_bootstrap_difference(lambda x, w: w @ x / w.sum(axis=1), np.ones(20), np.zeros(20), clusters, 99)
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)
    assert found.p == pytest.approx(2 * 1 / 100)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))  # 3 x .01; 2 x .03; .04 not below the last
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()
    with_none = holm([0.02, float("nan"), 0.01])
    assert with_none[0] == pytest.approx(0.02)
    assert math.isnan(with_none[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_makes_a_p_value_smaller_and_keeps_the_order(p: list[float]) -> None:
    found = holm(p)
    assert all(after >= before for before, after in zip(p, found, strict=True))
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(np.array(found)[order]) >= 0)


def _two_rows(sha256: tuple[str, str], target: list[int]) -> Predictions:
    logits = np.array([[float(ord(sha[0])), 0.0] for sha in sha256], dtype=np.float32)
    zeros = np.zeros(2, dtype=np.int64)
    return Predictions(("mpox", "other"), sha256, np.array(target), sha256, zeros, zeros, logits, np.zeros(2))


def test_predictions_are_compared_photograph_by_photograph() -> None:
    a, b = _two_rows(("x", "y"), [0, 1]), _two_rows(("y", "x"), [1, 0])
    np.testing.assert_array_equal(aligned(a, b).logits, a.logits)
    with pytest.raises(DataError, match="not of the same photographs"):
        aligned(a, _two_rows(("x", "z"), [0, 1]))
    with pytest.raises(DataError, match="two labels or clusters"):
        aligned(a, _two_rows(("x", "y"), [1, 0]))
