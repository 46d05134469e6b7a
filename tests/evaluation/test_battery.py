"""The battery as a whole: its laws, what its rules may see, and repeats."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.errors import DataError
from mpoxlens.evaluation.battery import (
    Goals,
    Judged,
    apply_rules,
    battery,
    cross_fit,
    figures,
    fit_rules,
    given_rash,
    judged_of,
    with_share,
)
from mpoxlens.evaluation.calibration import fit_calibration
from mpoxlens.evaluation.metrics import auroc
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.yes_no import predictive_values
from mpoxlens.rules import side

LABELS = ("mpox", "chickenpox", "healthy")
GOALS = Goals(0.9, 0.1)


def _predictions(n: int = 120, repeats: int = 1, *, alike: bool = False) -> Predictions:
    """Three classes told apart fairly well, two photographs a person; repeats differ a little, or not at all."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(n // 2), 2)
    target = person % 3
    plain = rng.normal(0, 1, (n, 3)) + 2 * np.eye(3)[target]
    logits = [plain + (0 if alike else rng.normal(0, 0.3, (n, 3))) for _ in range(repeats)]
    tiled = [np.tile(x, repeats) for x in (target, person % 5)]
    return Predictions(
        LABELS,
        tuple(map(str, range(n))) * repeats,
        tiled[0],
        tuple(map(str, person)) * repeats,
        tiled[1],
        np.repeat(np.arange(repeats), n),
        np.concatenate(logits).astype(np.float32),
        np.zeros(n * repeats),
    )


@pytest.fixture(scope="module")
def found() -> dict:  # type: ignore[type-arg]
    groups = {"tone": ["light", "dark"] * 60}
    return battery(_predictions(), GOALS, 0, groups)


def test_everything_asked_for_is_there_and_is_json(found: dict) -> None:  # type: ignore[type-arg]
    json.dumps(found, allow_nan=False)
    for question in ("rash_only", "with_healthy", "given_rash"):
        for name in ("auroc", "auprc", "brier", "ece", "slope", "intercept", "sensitivity", "specificity",
                     "likelihood_ratio_positive", "decided", "right_when_decided"):  # fmt: skip
            low, value, high = (found[question][name][key] for key in ("low", "value", "high"))
            assert low <= value <= (np.inf if high is None else high) or name == "ece", name  # which is biased upwards
        assert set(found[question]["predictive_values"]) == {"0.01", "0.05", "0.1", "0.5"}  # 40 of 80
    assert found["rash_only"]["photos"] == 80
    assert found["with_healthy"]["photos"] == 120
    assert found["curves"]["with_healthy"]["net_benefit"][0]["value"] == pytest.approx(1 / 3, abs=1e-4)


def test_four_class_figures_by_hand(found: dict) -> None:  # type: ignore[type-arg]
    p = _predictions()
    told = np.zeros(len(p.target), dtype=np.int64)
    for k in range(5):
        fitted_on = (p.fold != k) & (p.target != 2)  # of a rash, in the other folds
        clusters = [c for c, use in zip(p.cluster, fitted_on, strict=True) if use]
        rule = fit_calibration(p.logits[fitted_on], p.target[fitted_on] == 0, 0, clusters, 0, refits=0)
        mpox = rule.log_odds(p.logits, 0) + np.logaddexp(*p.logits[:, 1:].T / rule.temperature)
        likeliest = np.column_stack([mpox, p.logits[:, 1:] / rule.temperature]).argmax(axis=1)
        told[p.fold == k] = likeliest[p.fold == k]
    right = told == p.target
    assert (told != p.logits.argmax(axis=1)).any()  # else the test could not tell calibrated from raw
    four = found["four_class"]
    assert four["accuracy"]["value"] == pytest.approx(right.mean(), abs=1e-4)
    assert four["recall"]["healthy"]["value"] == pytest.approx(right[p.target == 2].mean(), abs=1e-4)
    assert four["mpox_recall"] == four["recall"]["mpox"]
    assert np.trace(four["confusion"]["rows_true"]) == right.sum()
    assert np.sum(four["confusion"]["rows_true"], axis=1).tolist() == [40, 40, 40]


def test_tone_is_told_with_its_adjusted_auroc(found: dict) -> None:  # type: ignore[type-arg]
    assert set(found["auroc_by_tone"]) == {"light", "dark"}
    assert found["auroc_by_tone"]["dark"]["photos"] == 40
    assert 0.5 < found["subgroups"]["tone"]["auroc_within"]["value"] <= 1


@pytest.mark.parametrize("repeats", [1, 2])
def test_no_rule_has_seen_the_fold_that_it_judges(repeats: int) -> None:
    """The fold's labels are turned round, and its logits scrambled where it is not judged: its judgement stays."""
    judged = judged_of(_predictions(repeats=repeats))
    fold, turn = judged.fold == 2, judged.turn == repeats - 1
    own = fold & turn
    target = np.where(fold, (judged.target + 1) % 2, judged.target)
    changed = replace(judged, target=target, logits=np.where((fold & ~turn)[:, None], 0, judged.logits))
    first, second = cross_fit(judged, GOALS, 0), cross_fit(changed, GOALS, 0)
    for name, values in vars(first).items():
        np.testing.assert_array_equal(values[own], getattr(second, name)[own])
    assert not np.array_equal(first.probability[~fold], second.probability[~fold])


def test_rules_applied_at_once_are_those_of_the_clinic_one_by_one() -> None:
    judged = judged_of(_predictions())
    rules = fit_rules(judged, np.ones(120, dtype=bool), GOALS, 0, refits=0)
    found = apply_rules(judged, rules)
    for i, p in enumerate(found.probability):
        told = side(float(p), rules.conformal, rules.operating_point)
        assert (told == "mpox", told == "other") == (found.likely[i], found.unlikely[i])
    np.testing.assert_array_equal(found.margin >= 0, found.called)


def test_equal_repeats_change_no_figure_and_no_rule() -> None:
    once, thrice = _predictions(alike=True), _predictions(repeats=3, alike=True)
    a, b = (fit_rules(judged_of(p), np.ones(len(p.target), dtype=bool), GOALS, 0, 0) for p in (once, thrice))
    assert b.calibration.temperature == pytest.approx(a.calibration.temperature, rel=1e-3)
    assert b.operating_point == pytest.approx(a.operating_point, rel=1e-3)
    assert b.conformal.mpox_from == pytest.approx(a.conformal.mpox_from, rel=1e-3)
    one, three = (figures(judged_of(p), cross_fit(judged_of(p), GOALS, 0)) for p in (once, thrice))
    for name in ("photos", "mpox", "clusters", "auroc", "brier", "sensitivity", "specificity"):
        assert three["rash_only"][name] == pytest.approx(one["rash_only"][name], abs=2e-4), name


def test_given_a_rash_healthy_skin_is_no_answer() -> None:
    judged = given_rash(judged_of(_predictions()))
    assert (judged.logits.shape, judged.labels, judged.positive) == ((80, 2), ("mpox", "chickenpox"), 0)
    reordered = replace(_predictions(), labels=("healthy", "chickenpox", "mpox"), positive=2)
    last = given_rash(judged_of(reordered))
    assert (last.labels, last.positive, sorted(set(last.target))) == (("chickenpox", "mpox"), 1, [0, 1])
    np.testing.assert_array_equal(last.logits, reordered.logits[reordered.target != 0][:, 1:])


def test_a_certain_threshold_is_lower_and_keeps_more() -> None:
    judged, everyone = judged_of(_predictions()), np.ones(120, dtype=bool)
    points = [
        fit_rules(judged, everyone, Goals(0.9, 0.1, certainty), 0, 0).operating_point for certainty in (0.5, 0.8, 0.95)
    ]
    assert points[0] > points[1] > points[2] > 0
    plain = fit_rules(judged, everyone, GOALS, 0, 0).operating_point
    assert points[2] < plain


def test_a_class_that_one_fold_holds_alone_is_refused_in_one_line() -> None:
    judged = judged_of(_predictions())
    alone = replace(judged, fold=np.where(judged.target == 0, 0, 1 + judged.fold % 2))
    with pytest.raises(DataError, match="has no photograph in the folds that rules are fitted on; take fewer folds"):
        cross_fit(alone, GOALS, 0)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=50))
def test_predictive_values_at_the_share_of_the_sample_are_those_counted(rows: list[tuple[bool, bool]]) -> None:
    positive, called = np.array([a for a, _ in rows]), np.array([b for _, b in rows])
    if positive.all() or not positive.any():
        return
    found = predictive_values(
        np.array([called[positive].mean()]), np.array([(~called[~positive]).mean()]), positive.mean()
    )
    if called.any():
        assert found["ppv"][0] == pytest.approx(positive[called].mean())
    if not called.all():
        assert found["npv"][0] == pytest.approx((~positive)[~called].mean())


def test_predictive_values_are_told_at_the_share_at_hand() -> None:
    judged = judged_of(_predictions())
    few = replace(judged, asked=judged.asked & ~((judged.target == 0) & (np.arange(120) >= 60)))
    assert with_share(few, (0.05, 0.4)) == [0.05, 0.33, 0.4]  # 20 of 60
    assert with_share(replace(judged, asked=judged.target == 0), (0.05,)) == [0.05]  # mpox alone has no NPV


def test_predictive_values_by_hand() -> None:
    found = predictive_values(np.array([0.9]), np.array([0.8]), 0.1)
    assert found["ppv"][0] == pytest.approx(0.09 / (0.09 + 0.18))
    assert found["npv"][0] == pytest.approx(0.72 / (0.72 + 0.01))


def test_a_judged_without_repeats_or_names_still_works() -> None:
    p = _predictions()
    judged = Judged(p.logits, p.target, p.cluster, p.fold, 0, p.asked())
    found = figures(judged, cross_fit(judged, GOALS, 0), tone=np.full(120, 10.0))
    rash = p.target != 2
    raw = auroc(p.target[rash] == 0, cross_fit(judged, GOALS, 0).probability[rash])
    assert found["rash_only"]["auroc"]["value"] == pytest.approx(raw, abs=1e-4)
    assert list(found["auroc_by_tone"]) == ["intermediate"]
    assert list(found["four_class"]["recall"]) == ["0", "1", "2"]
