"""The figures of an evaluation, each worked out by hand on a few rows."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mpoxlens.datasets.phantom import STAGES
from mpoxlens.errors import DataError
from mpoxlens.evaluation.predictions import Predictions
from mpoxlens.evaluation.tone import TONE_BANDS
from mpoxlens.rules import logit, sigmoid
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.evaluate.ablation import FULL, ablations
from mpoxlens.vlm.evaluate.accuracy import accuracy
from mpoxlens.vlm.evaluate.consistency import agreement, held_out
from mpoxlens.vlm.evaluate.histories import agreement_with_exact, divergence, exact_odds, flips
from mpoxlens.vlm.evaluate.phantoms import ALL, NONE, ONE, hallucination, stated, truth
from mpoxlens.vlm.evaluate.plan import FIRST, flipped, matters
from mpoxlens.vlm.evaluate.refusal import p_refuse, refusals, refused
from mpoxlens.vlm.evaluate.scores import Scores, calibrated_odds, of_predictions, rules_by_fold, shares
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.instructions.drawn import BANDS
from mpoxlens.vlm.instructions.pictures import phantom_of
from mpoxlens.vlm.instructions.templates import topics
from mpoxlens.vlm.posterior import log_likelihoods, posterior

LABELS = ("mpox", "chickenpox", "healthy")


def scores(odds: list[float], labels: list[str], folds: int = 2) -> Scores:
    names = tuple(f"{i:064x}" for i in range(len(odds)))
    return Scores(names, tuple(labels), names, np.arange(len(odds)) % folds, np.array(odds))


@pytest.fixture(scope="module")
def forty() -> Scores:
    """Forty photographs: the log-odds of mpox and of other rashes overlap a little; healthy skin comes last."""
    rng = np.random.default_rng(3)
    labels = [LABELS[i % 3] for i in range(40)]
    return scores([float(rng.normal({"mpox": 1.5, "chickenpox": -1.5, "healthy": -4}[one])) for one in labels], labels)


# --- scores


def test_predictions_of_four_labels_become_log_odds_in_the_order_asked_for() -> None:
    logits = np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]], np.float32)
    p = Predictions(
        LABELS, ("a", "b"), np.array([0, 2]), ("x", "y"), np.array([0, 1]), np.zeros(2, np.int64), logits, np.zeros(2)
    )
    found = of_predictions(p, {"b": "healthy", "a": "mpox"}, {"a": "1", "b": "2"})
    assert found.log_odds.tolist() == pytest.approx([-math.log(math.e + math.e**3), 2 - math.log(2)], abs=1e-6)
    assert (found.sha256, found.cluster, found.fold.tolist()) == (("b", "a"), ("2", "1"), [1, 0])
    assert found.positive.tolist() == [False, True]
    assert found.rash.tolist() == [False, True]


def test_predictions_of_other_photographs_or_labels_are_refused() -> None:
    p = Predictions(
        LABELS,
        ("a",),
        np.array([0]),
        ("x",),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.zeros((1, 3)),
        np.zeros(1),
    )
    with pytest.raises(DataError, match="same photographs"):
        of_predictions(p, {"b": "mpox"}, {"b": "1"})
    with pytest.raises(DataError, match="two labels"):
        of_predictions(p, {"a": "measles"}, {"a": "1"})


def test_a_fold_is_calibrated_by_the_others_alone(forty: Scores) -> None:
    told = 2 * forty.log_odds
    rules = rules_by_fold(forty, told)
    first = forty.fold == 0
    moved = forty.saying(np.where(first, forty.log_odds + 5, forty.log_odds))
    again = rules_by_fold(moved, np.where(first, told - 5, told))
    assert again[0].calibration == rules[0].calibration
    assert again[1].calibration != rules[1].calibration
    one = rules[1].calibration
    odds = calibrated_odds(np.array([0.5, 0.5]), np.array([0, 1]), rules)
    assert odds[1] == pytest.approx(0.5 / one.temperature + one.bias, abs=1e-6)


def test_shares_leave_mpox_out_and_sum_to_one() -> None:
    found = shares({"mpox": 0.6, "chickenpox": 0.3, "healthy": 0.1})
    assert found == pytest.approx({"chickenpox": 0.75, "healthy": 0.25})
    assert shares({"mpox": 1.0, "chickenpox": 0.0, "healthy": 0.0}) == {"chickenpox": 0.5, "healthy": 0.5}


# --- accuracy


def test_accuracy_and_auroc_side_by_side(forty: Scores) -> None:
    perfect = forty.saying(np.where(forty.positive, 2.0, -2.0))
    found = accuracy({"model": forty, "perfect": perfect}, [("perfect", "model")])
    rash = found["rash_only"]
    assert (rash["photos"], rash["mpox"], rash["clusters"]) == (27, 14, 27)
    assert found["with_healthy"]["photos"] == 40
    right = (forty.probability() >= 0.5) == forty.positive
    assert rash["judges"]["model"]["accuracy"]["value"] == round(right[forty.rash].mean(), 4) < 1
    assert rash["judges"]["perfect"]["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert rash["judges"]["perfect"]["auroc"]["value"] == 1.0
    (one,) = rash["differences"]
    assert one["accuracy"]["value"] == pytest.approx(1 - right[forty.rash].mean(), abs=1e-4)
    assert one["accuracy"]["p"] == one["accuracy"]["p_holm"]


def test_judges_of_other_photographs_are_refused(forty: Scores) -> None:
    with pytest.raises(DataError, match="same photographs"):
        accuracy({"a": forty, "b": replace(forty, sha256=forty.sha256[::-1])}, [])


def test_ablations_are_corrected_together(forty: Scores) -> None:
    rng = np.random.default_rng(0)
    worse = {f"no-{i}": forty.saying(rng.normal(size=40)) for i in range(2)}
    found = ablations(forty, worse)["with_healthy"]
    assert [(one["of"], one["over"]) for one in found["differences"]] == [("no-0", FULL), ("no-1", FULL)]
    tests = [one["auroc"] for one in found["differences"]]
    assert all(one["value"] < 0 for one in tests)
    least = min(tests, key=lambda one: one["p"])
    assert least["p_holm"] == pytest.approx(2 * least["p"], abs=1e-4)


# --- histories


def test_divergence_by_hand() -> None:
    exact, model = logit(np.array([0.5, 0.8, 0.3])), logit(np.array([0.25, 0.8, 0.9]))
    by_hand = [
        0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75),
        0.0,
        0.3 * math.log(0.3 / 0.9) + 0.7 * math.log(0.7 / 0.1),
    ]
    assert divergence(exact, model).tolist() == pytest.approx(by_hand, abs=1e-12)


def test_the_exact_combination_is_the_posterior_with_the_photograph_for_a_prior() -> None:
    frequencies, info = load_frequencies(), ClinicalInfo(contact_21_days=True, acute_rash=True, itch=False)
    others = {"chickenpox": 0.75, "healthy": 0.25}
    found = exact_odds(logit(np.array([0.4])), [info], [others], frequencies, "2022")
    prior = {"mpox": 0.4, "chickenpox": 0.45, "healthy": 0.15}
    assert sigmoid(found)[0] == pytest.approx(posterior(info, prior, frequencies)["mpox"])
    logs = log_likelihoods(info, frequencies, "2022")
    by_hand = 0.4 * math.exp(logs["mpox"]) / sum(prior[d] * math.exp(logs[d]) for d in prior)
    assert sigmoid(found)[0] == pytest.approx(by_hand)


def test_a_history_that_rules_all_else_out_stays_within_bounds() -> None:
    info = ClinicalInfo(acute_rash=True)  # healthy skin has none
    found = exact_odds(logit(np.array([0.4])), [info], [{"healthy": 1.0}], load_frequencies(), "2022")
    assert found[0] == 8


def test_a_model_that_does_not_read_the_history_loses_what_is_told_as_unread() -> None:
    exact, alone = logit(np.array([0.9, 0.2])), logit(np.array([0.5, 0.5]))
    found = agreement_with_exact(exact, alone, alone, ["a", "b"], np.array([0.5, 0.25]))
    assert found["divergence"] == found["divergence_unread"]
    assert found["divergence"]["value"] == pytest.approx(divergence(exact, alone).mean(), abs=1e-4)
    assert found["unknown_answers"] == 0.625
    assert agreement_with_exact(exact, exact, alone, ["a", "b"], np.ones(2))["divergence"]["value"] == 0


def test_flips_by_hand() -> None:
    exact, model = np.array([1.0, -2.0, 0.5, 0.1]), np.array([0.5, -1.0, -0.1, -1.0])
    found = flips(exact, model, list("abcd"))
    assert (found["flips"], found["flips_that_matter"]) == (4, 3)  # the last changes too little to have a direction
    assert found["right_direction"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    slope = (1 * 0.5 + 2 * 1 - 0.5 * 0.1 - 0.1 * 1) / (1 + 4 + 0.25 + 0.01)
    assert found["slope"]["value"] == pytest.approx(slope, abs=1e-4)


def test_one_answer_is_flipped_where_the_rest_allows_it() -> None:
    info = ClinicalInfo(age=30, fever=True, fever_celsius=39.0, itch=True, acute_rash=True, pustules=True)
    found = dict(flipped(info))
    assert found.keys() == {"itch", "pustules"}  # 39 degrees are fever, and pustules are a rash
    assert found["itch"] == replace(info, itch=False)


def test_what_hardly_changes_the_odds_is_not_flipped() -> None:
    frequencies = load_frequencies()
    yes, no = ClinicalInfo(contact_21_days=True), ClinicalInfo(contact_21_days=False)
    assert matters(no, yes, frequencies, "2022")
    assert not matters(yes, yes, frequencies, "2022")


# --- wordings


def test_agreement_by_hand() -> None:
    called = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]], dtype=bool)
    found = agreement(called, list("abcd"))
    assert found["all"]["value"] == 0.5
    assert found["pairs"]["value"] == pytest.approx((1 + 1 + 1 / 3 + 1 / 3) / 4, abs=1e-4)
    assert (found["photos"], found["wordings"]) == (4, 3)


def test_wordings_are_judged_one_by_one() -> None:
    positive = np.array([True, True, False, False])
    good, bad = np.array([2.0, 1.0, -1.0, -2.0]), np.array([-1.0, 2.0, 1.0, -2.0])  # 1 and 3/4 of the pairs, less one
    found = held_out(positive, np.stack([good, good], axis=1), np.stack([good, bad], axis=1), list("abcd"))
    assert found["auroc_trained"]["value"] == 1.0
    assert found["auroc_held_out"]["value"] == 0.875
    assert found["difference"]["value"] == -0.125


# --- refusals


def test_refusals_by_hand() -> None:
    logits = np.array([[0.0, 0.0, 1.0], [2.0, 0.0, 1.0], [0.0, 3.0, 1.0], [-1.0, -1.0, 0.0]])
    assert refused(logits).tolist() == [True, False, False, True]
    assert p_refuse(logits)[0] == pytest.approx(math.e / (2 + math.e))
    found = refusals(logits, ["noise", "noise", "screen", "screen"], list("abcd"))
    assert found["refused"]["value"] == 0.5
    assert {name: one["value"] for name, one in found["by_kind"].items()} == {"noise": 0.5, "screen": 0.5}


# --- drawings


@pytest.mark.parametrize("topic", ["count", "stage", "place", "tone"])
def test_every_answer_of_the_templates_is_read_back(topic: str) -> None:
    values: dict[str, list[tuple[str, str]]] = {  # words that fill the braces, and what they state
        "count": [(name, name) for _, name in BANDS],
        "stage": [(f"{stage}s", stage) for stage in STAGES],
        "place": [
            ("upper left quarter", "upper left"),
            ("upper right and lower left quarters", "upper right, lower left"),
        ],
        "tone": [(name, name) for name in TONE_BANDS],
    }
    single = {"stage": [(stage, stage) for stage in STAGES], "count": [("", ONE)], "place": values["place"]}
    braces = {"count": "count", "stage": "stage", "place": "places", "tone": "tone"}[topic]
    for case, wordings in topics()[f"description.{topic}"].answers.items():
        known = {"none": [("", NONE)], "all": [("", ALL)], "one": single.get(topic, [])}.get(case, values[topic])
        for wording in wordings:
            for filled, meant in known:
                said = wording.format(**{braces: filled})
                assert stated(topic, said[0].upper() + said[1:]) == meant, said


@pytest.mark.parametrize(
    ("topic", "answer"),
    [
        ("count", "The rash is red."),
        ("count", "There are a few or many spots."),
        ("stage", "They are papules or pustules."),
        ("tone", "The skin is light to dark."),
        ("place", "Somewhere."),
    ],
)
def test_an_answer_that_states_nothing_plain_is_not_counted_as_wrong(topic: str, answer: str) -> None:
    assert stated(topic, answer) == ""


def test_hallucination_by_hand() -> None:
    topic, true = ["count", "count", "tone", "tone"], ["one", "one", "dark", "light"]
    found = hallucination(topic, true, ["one", "none", "", "light"], ["a", "b", "a", "b"])
    assert (found["all"]["wrong"]["value"], found["all"]["unclear"]["value"]) == (0.25, 0.25)
    assert (found["count"]["wrong"]["value"], found["tone"]["unclear"]["value"]) == (0.5, 0.5)
    assert (found["count"]["wrong_by_commonest"], found["tone"]["wrong_by_commonest"]) == (0.0, 0.5)


def test_truth_is_that_of_the_drawing() -> None:
    for seed in range(FIRST, FIRST + 6):
        phantom = phantom_of(seed)
        count = len(phantom.lesions)
        band = NONE if count == 0 else ONE if count == 1 else next(n for least, n in reversed(BANDS) if count >= least)
        assert truth(phantom, "count") == band
        assert truth(phantom, "stage") == (phantom.lesions[0].stage if count else NONE)
        assert (truth(phantom, "place") == NONE) == (count == 0)
