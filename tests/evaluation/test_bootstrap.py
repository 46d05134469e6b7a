"""Weighted samples give to the last digit what drawing rows and counting them gives."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from mpoxlens.evaluation import metrics, reliability, weighted
from mpoxlens.evaluation.bootstrap import Draws, curve, figure, ratio
from mpoxlens.evaluation.metrics import Doubles, Flags, Rows

RNG = np.random.default_rng(3)
N = 90
CLUSTERS = [f"person {i}" for i in RNG.integers(0, 30, N)]
POSITIVE = RNG.random(N) < 0.4
SCORE = np.clip(np.where(POSITIVE, 0.6, 0.4) + RNG.normal(0, 0.2, N), 0.01, 0.99)
COARSE = np.round(SCORE, 1)  # with ties
DRAWS = Draws.of(CLUSTERS, count=200)

FAST_AND_SLOW: dict[str, tuple[Doubles, Callable[[Rows], float]]] = {
    "auroc": (weighted.auroc(POSITIVE, COARSE, DRAWS.weights), lambda r: metrics.auroc(POSITIVE[r], COARSE[r])),
    "auprc": (weighted.auprc(POSITIVE, COARSE, DRAWS.weights), lambda r: metrics.auprc(POSITIVE[r], COARSE[r])),
    "sensitivity at .90": (
        weighted.sensitivity_at_specificity(POSITIVE, COARSE, 0.9, DRAWS.weights),
        lambda r: metrics.sensitivity_at_specificity(POSITIVE[r], COARSE[r], 0.9),
    ),
    "brier": (DRAWS.mean((SCORE - POSITIVE) ** 2), lambda r: metrics.brier(POSITIVE[r], SCORE[r])),
    "ece": (reliability.ece(POSITIVE, SCORE, DRAWS.weights), lambda r: metrics.ece(POSITIVE[r], SCORE[r])),
    "sensitivity": (
        DRAWS.mean(SCORE >= 0.5, POSITIVE),
        lambda r: metrics.sensitivity(POSITIVE[r], SCORE[r] >= 0.5),
    ),
    "macro F1": (
        weighted.macro_f1(POSITIVE.astype(int), (SCORE >= 0.5).astype(int), 2, DRAWS.weights),
        lambda r: float(f1_score(POSITIVE[r], SCORE[r] >= 0.5, average="macro")),
    ),
}


@pytest.mark.parametrize("name", FAST_AND_SLOW)
def test_fast_equals_slow_in_every_sample(name: str) -> None:
    fast, slow = FAST_AND_SLOW[name]
    rows = [np.arange(N), *metrics.resample(CLUSTERS, 200, 0)]
    np.testing.assert_allclose(fast, [slow(r) for r in rows], rtol=1e-9)


def test_weights_are_the_rows_that_are_drawn() -> None:
    rows = list(metrics.resample(CLUSTERS, 200, 0))
    np.testing.assert_array_equal(DRAWS.weights[1:], [np.bincount(r, minlength=N) for r in rows])
    np.testing.assert_array_equal(DRAWS.weights[0], np.ones(N))


def test_sums_go_over_clusters_as_over_photographs() -> None:
    values = RNG.normal(size=(N, 4))
    np.testing.assert_allclose(DRAWS.sums(values), DRAWS.weights @ values)
    np.testing.assert_allclose(DRAWS.sums(values[:, 0]), DRAWS.weights @ values[:, 0])


def test_undefined_samples_are_left_out_and_infinite_ones_are_kept() -> None:
    nan, inf = float("nan"), float("inf")
    found = figure(np.array([2.0, nan, 1.0, 3.0]))
    assert (found.value, found.low, found.high) == (2.0, 1.05, 2.95)
    open_above = figure(np.array([4.0, *[1.0] * 10, *[inf] * 30]))
    assert (open_above.low, open_above.high) == (1.0, inf)
    assert open_above.to_dict() == {"value": 4.0, "low": 1.0, "high": None}
    assert math.isnan(figure(np.array([1.0, nan, nan])).low)


def test_a_curve_is_a_figure_a_point() -> None:
    found = curve(np.array([0.1, 0.2]), np.array([[1.0, 5.0], [0.0, 5.0], [2.0, 5.0]]))
    assert found[1] == {"at": 0.2, "value": 5.0, "low": 5.0, "high": 5.0}
    assert (found[0]["low"], found[0]["high"]) == (0.05, 1.95)


def test_nothing_among_nothing_is_not_defined() -> None:
    assert math.isnan(ratio(np.array([0.0]), np.array([0.0]))[0])
    assert np.isnan(DRAWS.mean(POSITIVE, np.zeros(N, dtype=bool))).all()


def test_a_sample_without_a_class_has_no_auroc() -> None:
    weights = np.stack([POSITIVE, ~POSITIVE]).astype(float)
    for found in (
        weighted.auroc(POSITIVE, SCORE, weights),
        weighted.sensitivity_at_specificity(POSITIVE, SCORE, 0.9, weights),
    ):
        assert np.isnan(found).all()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=30))
def test_auroc_of_weights_is_the_share_of_pairs_in_order(rows: list[tuple[bool, int, int]]) -> None:
    positive, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    flags: Flags = positive.astype(bool)
    pairs = [
        (w * v, (s > t) + 0.5 * (s == t))
        for s, w in zip(score[flags], weight[flags], strict=True)
        for t, v in zip(score[~flags], weight[~flags], strict=True)
    ]
    total = sum(w for w, _ in pairs)
    found = weighted.auroc(flags, score.astype(float), weight[None].astype(float))[0]
    assert (total == 0 and math.isnan(found)) or found == pytest.approx(sum(w * x for w, x in pairs) / total)
