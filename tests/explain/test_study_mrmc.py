"""The comparison of arms: against a published analysis, against an independent one, and against its own laws."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mpoxlens.evaluation.bootstrap import figure
from mpoxlens.explain.study.mrmc import (
    MERITS,
    Crossed,
    arm_mean,
    bootstrap,
    components,
    jackknife,
    merits,
    obuchowski_rockette,
)

# Van Dyke's five readers of 114 studies by two kinds of MRI, as RJafroc prints its analysis of them (dataset02,
# Wilcoxon AUC, jackknife): figures, covariances within each arm, and what follows from them.
VAN_DYKE = np.array(
    [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
)
VARIANCES, COV1, COV2, COV3 = (
    (0.00101410277, 0.00059047376),
    0.00034661371,
    (0.00048396180, 0.00020418785),
    0.00023902837,
)


def van_dyke_covariances() -> np.ndarray:
    cov = np.full((2, 5, 2, 5), COV3)
    for arm in range(2):
        cov[arm, :, arm, :] = COV2[arm]
        for reader in range(5):
            cov[arm, reader, 1 - arm, reader] = COV1
            cov[arm, reader, arm, reader] = VARIANCES[arm]
    return cov


def crossed(rng: np.random.Generator, *, readers: int = 4, cases: int = 40, gain: float = 0.0) -> Crossed:
    """Ratings of 1 to 5 that share cases and readers; the second arm tells the truths apart by `gain` more."""
    truth = np.arange(cases) < cases // 2
    hardness, skill = rng.normal(size=cases), rng.normal(size=(1, readers, 1)) * 0.3
    signal = truth * (1.2 + skill) + 0.7 * hardness + rng.normal(size=(2, readers, cases)) * 0.7
    signal[1] += gain * truth
    ratings = np.digitize(signal, (-0.6, 0.2, 1.0, 1.8)) + 1.0
    return Crossed(ratings, truth, tuple(f"p{i}" for i in range(cases)), cut=4)


def test_the_published_analysis_of_van_dyke_s_readers() -> None:
    cov = van_dyke_covariances()
    found = components(VAN_DYKE, cov)
    assert (found.ms_arm, found.ms_arm_reader) == pytest.approx((0.00479617053, 0.00055103062), rel=1e-6)
    assert (found.var, found.cov1, found.cov2, found.cov3) == pytest.approx(
        (0.00080228827, 0.00034661371, 0.00034407483, 0.00023902837), rel=1e-7
    )
    difference = obuchowski_rockette(VAN_DYKE, cov, (0, 1))
    assert difference.value == pytest.approx(-0.043800322, abs=1e-8)
    assert (difference.low, difference.high) == pytest.approx((-0.087959499, 0.00035885444), abs=2e-8)
    assert difference.p == pytest.approx(0.051665686, abs=1e-7)


@pytest.mark.parametrize(("arm", "interval"), [(0, (0.82522360, 0.96885048)), (1, (0.89413783, 0.98753689))])
def test_the_published_intervals_of_each_arm(arm: int, interval: tuple[float, float]) -> None:
    found = arm_mean(VAN_DYKE[arm], van_dyke_covariances()[arm, :, arm, :])
    assert (found.low, found.high) == pytest.approx(interval, abs=1e-7)


@pytest.mark.parametrize("merit", list(MERITS))
def test_it_is_the_analysis_of_pseudovalues_by_dorfman_berbaum_and_metz(merit: str) -> None:
    study = crossed(np.random.default_rng(5), gain=0.4)
    n = len(study.truth)
    theta = merits(study, merit, np.ones((1, n)))[0]
    without = merits(study, merit, 1 - np.eye(n))  # [N, T, R]
    y = np.moveaxis(n * theta - (n - 1) * without, 0, 2)  # pseudovalues [T, R, N], an ANOVA of three factors
    t, r, _ = y.shape
    m_t, m_tr, m_tc = y.mean(axis=(1, 2), keepdims=True), y.mean(axis=2, keepdims=True), y.mean(axis=1, keepdims=True)
    m_r, m_c, m_rc = (
        y.mean(axis=(0, 2), keepdims=True),
        y.mean(axis=(0, 1), keepdims=True),
        y.mean(axis=0, keepdims=True),
    )
    ms_t = r * n * ((m_t - y.mean()) ** 2).sum() / (t - 1)
    ms_tr = n * ((m_tr - m_t - m_r + y.mean()) ** 2).sum() / ((t - 1) * (r - 1))
    ms_tc = r * ((m_tc - m_t - m_c + y.mean()) ** 2).sum() / ((t - 1) * (n - 1))
    ms_trc = ((y - m_tr - m_tc - m_rc + m_t + m_r + m_c - y.mean()) ** 2).sum() / ((t - 1) * (r - 1) * (n - 1))
    expected = ms_t / (ms_tr + max(ms_tc - ms_trc, 0))
    found = components(theta, jackknife(study, merit))
    error = found.ms_arm_reader + max(r * (found.cov2 - found.cov3), 0)
    assert found.ms_arm / error == pytest.approx(expected, rel=1e-9)


def test_figures_are_those_of_their_definitions() -> None:
    study = crossed(np.random.default_rng(6))
    whole = np.ones((1, len(study.truth)))
    for t in range(2):
        for r in range(4):
            ratings = study.ratings[t, r]
            assert merits(study, "AUROC", whole)[0, t, r] == pytest.approx(roc_auc_score(study.truth, ratings))
            assert merits(study, "sensitivity", whole)[0, t, r] == (ratings[study.truth] >= 4).mean()
            assert merits(study, "specificity", whole)[0, t, r] == (ratings[~study.truth] < 4).mean()


def test_the_jackknife_of_a_sensitivity_by_hand() -> None:
    truth = np.array([True] * 4 + [False] * 4)
    ratings = np.array([[[5, 4, 5, 1, 1, 1, 1, 1]]], dtype=np.float64)  # 3 of 4 called
    alone = Crossed(ratings, truth, tuple("abcdefgh"), cut=4)
    # one positive out: 2/3 thrice and 1 once; one negative out: 3/4, the mean of all. 7/8 (3 (1/12)^2 + (1/4)^2)
    assert jackknife(alone, "sensitivity")[0, 0, 0, 0] == pytest.approx(7 / 8 * (3 / 144 + 1 / 16))
    twins = Crossed(ratings, truth, tuple("aabbccdd"), cut=4)
    # one person out: 1/2 or 1 of the other two positives, 3/4 without two negatives
    assert jackknife(twins, "sensitivity")[0, 0, 0, 0] == pytest.approx(3 / 4 * (1 / 16 + 1 / 16))


def test_the_same_readings_twice_differ_by_nothing() -> None:
    study = crossed(np.random.default_rng(7))
    same = Crossed(np.stack([study.ratings[0]] * 2), study.truth, study.clusters, 4)
    for merit in MERITS:
        theta = merits(same, merit, np.ones((1, 40)))[0]
        found = obuchowski_rockette(theta, jackknife(same, merit), (1, 0))
        assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)
        drawn = bootstrap(same, merit, count=50)
        assert np.array_equal(drawn[:, 0], drawn[:, 1], equal_nan=True)


def test_swapping_the_arms_turns_the_sign() -> None:
    study = crossed(np.random.default_rng(8), gain=0.5)
    theta, cov = merits(study, "AUROC", np.ones((1, 40)))[0], jackknife(study, "AUROC")
    one, other = obuchowski_rockette(theta, cov, (1, 0)), obuchowski_rockette(theta, cov, (0, 1))
    assert (one.value, one.low, one.high, one.p) == pytest.approx((-other.value, -other.high, -other.low, other.p))


def test_without_one_truth_nothing_is_said() -> None:
    study = Crossed(np.full((2, 2, 3), 4.0), np.array([True, False, False]), ("a", "b", "c"), cut=4)
    theta, cov = merits(study, "sensitivity", np.ones((1, 3)))[0], jackknife(study, "sensitivity")
    found = obuchowski_rockette(theta, cov, (1, 0))
    assert found.value == 0.0
    assert math.isnan(found.p)


@pytest.mark.slow
def test_intervals_hold_what_they_promise() -> None:
    """Without any difference the interval covers 0 in about 95 of 100 studies, and the bootstrap's hardly less."""
    rng, inside, drawn_inside = np.random.default_rng(9), 0, 0
    for _ in range(200):
        study = crossed(rng, readers=5)
        theta, cov = merits(study, "AUROC", np.ones((1, 40)))[0], jackknife(study, "AUROC")
        found = obuchowski_rockette(theta, cov, (1, 0))
        inside += found.low <= 0 <= found.high
        drawn = bootstrap(study, "AUROC", count=200)
        between = figure(drawn[:, 1] - drawn[:, 0])
        drawn_inside += between.low <= 0 <= between.high
    assert 180 <= inside <= 200
    assert drawn_inside >= 174


def test_a_large_gain_is_found() -> None:
    study = crossed(np.random.default_rng(10), gain=2.5)
    theta, cov = merits(study, "AUROC", np.ones((1, 40)))[0], jackknife(study, "AUROC")
    assert obuchowski_rockette(theta, cov, (1, 0)).low > 0
    drawn = bootstrap(study, "AUROC", count=200)
    assert figure(drawn[:, 1] - drawn[:, 0]).low > 0
