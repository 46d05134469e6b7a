"""The exact posterior: laws of probability, hand-worked values, and agreement with what is drawn."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpoxlens.errors import DataError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.posterior import combine, log_likelihoods, posterior
from mpoxlens.vlm.vignettes import ACCEPTED, CONTRADICTIONS, from_seed

TABLE = load_frequencies()
EVEN = dict.fromkeys(TABLE.diseases, 0.25)
YES_NO = [f.name for f in fields(ClinicalInfo) if f.type == "bool | None"]
NUMBERS: dict[str, list[Any]] = {
    "age": list(range(121)),
    "days_since_onset": list(range(366)),
    "fever_celsius": [n / 10 for n in range(340, 431)],
}

diseases = st.sampled_from(TABLE.diseases)
profiles = st.sampled_from(sorted(TABLE.profiles))
seeds = st.integers(0, 2**32 - 1)


def likelihoods(info: ClinicalInfo, profile: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.exp(list(log_likelihoods(info, TABLE, profile).values()))


@given(diseases, profiles, seeds, st.floats(0, 1), st.sampled_from(YES_NO))
@settings(max_examples=120, deadline=None)
def test_a_gap_is_the_sum_over_its_answers(disease: str, profile: str, seed: int, unknown: float, name: str) -> None:
    info = from_seed(disease, seed, TABLE, profile=profile, unknown=unknown).info
    answered = sum(likelihoods(replace(info, **{name: answer}), profile) for answer in (True, False))
    assert answered == pytest.approx(likelihoods(replace(info, **{name: None}), profile), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("name", ["age", "days_since_onset", "fever_celsius"])
@pytest.mark.parametrize("seed", range(4))
def test_a_missing_number_is_the_sum_over_its_values(name: str, seed: int) -> None:
    info = from_seed(TABLE.diseases[seed], seed, TABLE, profile="endemic", unknown=0.4).info
    answered = sum(likelihoods(replace(info, **{name: value}), "endemic") for value in NUMBERS[name])
    assert answered == pytest.approx(likelihoods(replace(info, **{name: None}), "endemic"), rel=1e-9, abs=1e-300)


def test_a_missing_lesion_count_is_the_sum_over_its_values() -> None:
    info = ClinicalInfo(pustules=False, palms_and_soles=False)
    few = sum(likelihoods(replace(info, lesion_count=n), "2022") for n in range(25))
    # Above 24 every count of a class gives the same, spread by log((n + 1) / n): one value stands for the class.
    for low, high in ((25, 99), (100, 499), (500, 20000)):
        one = likelihoods(replace(info, lesion_count=low), "2022")
        few = few + one * math.log((high + 1) / low) / math.log((low + 1) / low)
    assert few == pytest.approx(likelihoods(info, "2022"), rel=1e-9)


@given(diseases, profiles, seeds, st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_the_posterior_sums_to_one_and_keeps_the_disease_possible(
    disease: str, profile: str, seed: int, unknown: float
) -> None:
    found = posterior(from_seed(disease, seed, TABLE, profile=profile, unknown=unknown).info, EVEN, TABLE, profile)
    assert list(found) == list(TABLE.diseases)
    assert sum(found.values()) == pytest.approx(1)
    assert found[disease] > 0


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda p: sum(p) > 1e-3), profiles)
@settings(max_examples=50, deadline=None)
def test_nothing_known_leaves_the_prior(weights: list[float], profile: str) -> None:
    prior = {d: w / sum(weights) for d, w in zip(TABLE.diseases, weights, strict=True)}
    assert posterior(ClinicalInfo(), prior, TABLE, profile) == pytest.approx(prior)


def test_likelihoods_by_hand() -> None:
    law = TABLE.law("mpox", "2022")
    fever, before, rash = 0.584, 0.6, 0.952
    for info, expected in (
        (ClinicalInfo(headache=True, myalgia=False), 0.27 * (1 - 0.31)),
        (ClinicalInfo(inguinal_nodes=True), 0.53 * 0.883),
        (ClinicalInfo(inguinal_nodes=False), 1 - 0.53 * 0.883),
        (ClinicalInfo(lymphadenopathy=True, inguinal_nodes=False), 0.53 * (1 - 0.883)),
        (ClinicalInfo(fever_before_rash=True), fever * before * rash),
        (ClinicalInfo(acute_rash=True, fever=True, fever_before_rash=False), rash * fever * (1 - before)),
        (ClinicalInfo(acute_rash=False, fever_before_rash=False), 1 - rash),
        (ClinicalInfo(anogenital_lesions=True), rash * 0.69),
        (ClinicalInfo(itch=True), rash * 0.4 + (1 - rash) * 0.05),
        (ClinicalInfo(lesion_count=1, crops_of_lesions=False), rash * 0.39 * math.log(2) / math.log(5)),
        (ClinicalInfo(lesion_count=1, crops_of_lesions=True), 0.0),
        (ClinicalInfo(acute_rash=True, days_since_onset=7, pustules=True), rash * 0.37 / 5 * 0.36),
        (ClinicalInfo(pustules=True), rash * (0.45 * 0.2 + 0.37 * 0.36 + 0.18 * 0.15)),
        (ClinicalInfo(age=40, hiv=True), 0.48 / 15 * 0.138),
        (ClinicalInfo(hiv=True), 0.02 * 0.01 + 0.98 * 0.138),
    ):
        assert math.exp(log_likelihoods(info, TABLE, "2022")["mpox"]) == pytest.approx(expected, abs=1e-12), info
    assert law.yes("fever") == fever
    endemic = ClinicalInfo(lesion_count=50, monomorphic=True, palms_and_soles=True)
    both = likelihoods(endemic, "endemic")[0] / likelihoods(ClinicalInfo(lesion_count=50), "endemic")[0]
    assert both == pytest.approx(0.5, abs=0.001)  # the sensitivity of its source


def test_likelihoods_are_the_frequencies_of_what_is_drawn() -> None:
    """Pairs along the arrows of the law, each with its share among 700 whole histories (4 s.e.: 24 looks)."""
    pairs: list[dict[str, Any]] = [
        {"inguinal_nodes": True, "lymphadenopathy": True},
        {"fever": True, "fever_before_rash": False},
        {"monomorphic": True, "palms_and_soles": True},
        {"monomorphic": False, "crops_of_lesions": False},
        {"pustules": True, "itch": True},
        {"acute_rash": True, "anogenital_lesions": True},
    ]
    n = 700
    for disease, profile in (("mpox", "2022"), ("mpox", "endemic"), ("chickenpox", "child"), ("measles", "2022")):
        infos = [from_seed(disease, seed, TABLE, profile=profile, unknown=0).info for seed in range(n)]
        for pair in pairs:
            p = math.exp(log_likelihoods(ClinicalInfo(**pair), TABLE, profile)[disease])
            seen = np.mean([all(getattr(info, k) is v for k, v in pair.items()) for info in infos])
            assert seen == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n) + 1e-9), (disease, profile, pair)


@pytest.mark.parametrize("profile", sorted(TABLE.profiles))
def test_the_posterior_is_calibrated(profile: str) -> None:
    """Among simulated cases the mean posterior of mpox is the share of mpox, over all and above and below a half."""
    prior = {"mpox": 0.4, "chickenpox": 0.3, "measles": 0.2, "healthy": 0.1}
    rng = np.random.default_rng(5)
    drawn = rng.choice(list(prior), p=list(prior.values()), size=600)
    infos = [from_seed(str(d), seed, TABLE, profile=profile, unknown=0.6).info for seed, d in enumerate(drawn)]
    found = np.array([posterior(info, prior, TABLE, profile)["mpox"] for info in infos])
    for part in (found >= 0, found < 0.5, found >= 0.5):
        error = (drawn == "mpox")[part] - found[part]
        expected = np.sqrt((found[part] * (1 - found[part])).sum()) / part.sum()  # of a calibrated posterior
        assert abs(error.mean()) < 3 * expected


def test_a_photograph_and_a_history_combine_by_bayes() -> None:
    info = ClinicalInfo(headache=True, itch=True)
    like = dict(zip(TABLE.diseases, likelihoods(info, "2022"), strict=True))
    others = {"chickenpox": 0.5, "measles": 0.3, "healthy": 0.2}
    against = sum(0.7 * share * like[d] for d, share in others.items())
    expected = 0.3 * like["mpox"] / (0.3 * like["mpox"] + against)
    assert combine(0.3, info, TABLE, others=others) == pytest.approx(expected)
    assert combine(0.3, ClinicalInfo(), TABLE) == pytest.approx(0.3)
    assert combine(0.0, info, TABLE) == 0
    assert combine(1.0, info, TABLE) == 1
    photo = {"mpox": 0.3} | {d: 0.7 * share for d, share in others.items()}
    assert posterior(info, photo, TABLE)["mpox"] == pytest.approx(expected)


def test_an_answer_of_clade_two_moves_the_right_way() -> None:
    plain = combine(0.5, ClinicalInfo(acute_rash=True), TABLE)
    assert combine(0.5, ClinicalInfo(acute_rash=True, inguinal_nodes=True), TABLE) > plain
    assert combine(0.5, ClinicalInfo(acute_rash=True, crops_of_lesions=True), TABLE) < plain


@pytest.mark.parametrize("name", sorted(CONTRADICTIONS))
def test_a_contradiction_has_no_posterior(name: str) -> None:
    with pytest.raises(DataError, match="no disease of the table can give them together"):
        posterior(ClinicalInfo(**CONTRADICTIONS[name]), EVEN, TABLE)
    assert set(CONTRADICTIONS) >= ACCEPTED


def test_what_is_no_prior_is_refused() -> None:
    info = ClinicalInfo(fever=True)
    refused = (({"mpox": 0.5}, "sum to 1"), ({"acne": 1.0}, "acne"), ({"mpox": 1.5, "measles": -0.5}, "sum to 1"))
    for prior, told in refused:
        with pytest.raises(DataError, match=told):
            posterior(info, prior, TABLE)
    with pytest.raises(DataError, match="outside 0 to 1"):
        combine(1.2, info, TABLE)
    with pytest.raises(DataError, match="mpox stands among them"):
        combine(0.5, info, TABLE, others={"mpox": 1.0})
    with pytest.raises(DataError, match="profile '1970'"):
        log_likelihoods(info, TABLE, "1970")
    with pytest.raises(DataError, match="no disease of the table"):
        posterior(ClinicalInfo(age=30), EVEN, TABLE, "child")
