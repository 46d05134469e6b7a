"""What people would be told, counted by hand."""

import numpy as np
import pytest

from mpoxlens.evaluation.judge import Judgement
from mpoxlens.evaluation.judgements import Judgements
from mpoxlens.evaluation.told import called_at, decisions, mimics
from mpoxlens.schema import Decision, ImageRecord

LIKELY, UNLIKELY, SILENT = Decision.LIKELY, Decision.UNLIKELY, Decision.CANNOT_TELL
ROWS = (  # label, P(mpox), decision, refused
    ("mpox", 0.9, LIKELY, False),
    ("mpox", 0.8, LIKELY, False),
    ("mpox", 0.7, UNLIKELY, False),
    ("mpox", 0.3, SILENT, True),
    ("measles", 0.6, LIKELY, False),
    ("measles", 0.1, UNLIKELY, False),
    ("healthy", 0.0, UNLIKELY, False),
    ("orf", 0.95, LIKELY, False),
    ("orf", 0.2, SILENT, False),
)


@pytest.fixture
def judged() -> Judgements:
    label, p, told, refused = zip(*ROWS, strict=True)
    n = len(ROWS)
    records = tuple(
        ImageRecord(f"{i:064x}", f"{i}.png", name, "here", None, 9, 9, f"c{i}") for i, name in enumerate(label)
    )
    probability = np.array(p)
    found = Judgement(probability, probability >= 0.5, np.linspace(0.5, 1.3, n), np.array(refused), told)
    labels = ("mpox", "measles", "healthy")
    return Judgements(labels, 0, records, np.zeros((n, 3), np.float32), np.zeros(n), np.zeros(n), found)


def test_decisions_are_counted_by_label(judged: Judgements) -> None:
    mpox = decisions(judged)["by_label"]["mpox"]
    names = ("called", "told_likely", "told_unlikely", "cannot_tell", "refused")
    assert {name: mpox[name]["value"] for name in names} == {
        "called": 0.75,
        "told_likely": 0.5,
        "told_unlikely": 0.25,
        "cannot_tell": 0.25,
        "refused": 0.25,
    }
    assert (mpox["photographs"], mpox["clusters"]) == (4, 4)
    assert set(decisions(judged)["by_label"]) == {"mpox", "measles", "healthy"}


def test_silence_counts_against_coverage_and_not_against_rightness(judged: Judgements) -> None:
    rash = decisions(judged)["rash_only"]
    assert rash["decided"]["value"] == round(5 / 6, 4)  # all but the refused one
    assert rash["right_when_decided"]["value"] == 0.6  # 0.9, 0.8 and the measles at 0.1
    assert rash["mpox_told_unlikely"]["value"] == 0.25
    assert rash["others_told_likely"]["value"] == 0.5
    everyone = decisions(judged)["with_healthy"]
    assert everyone["right_when_decided"]["value"] == round(4 / 6, 4)


def test_mimics_are_judged_at_this_sets_own_90_per_cent_too(judged: Judgements) -> None:
    orf = mimics(judged)["by_label"]["orf"]
    # 90 % of four mpox photographs is all four, so that the threshold is 0.3
    assert orf["called_at_sensitivity_90"]["value"] == 0.5
    assert orf["called"]["value"] == 0.5
    assert orf["told_likely"]["value"] == 0.5
    assert orf["cannot_tell"]["value"] == 0.5
    assert mimics(judged)["all"] == orf


def test_one_of_ten_may_be_missed() -> None:
    p = np.array([*np.linspace(0.1, 1.0, 10), 0.15, 0.25])
    positive = np.arange(12) < 10
    assert called_at(p, positive) == 0.5  # threshold 0.2: the lowest of ten is given up
    assert called_at(p, positive, wanted=1.0) == 1.0
    assert np.isnan(called_at(p[:10], positive[:10]))


def test_unfamiliar_is_above_the_threshold(judged: Judgements) -> None:
    # 0.5, 0.6, ... 1.3: healthy is row 6, orf rows 7 and 8
    told = decisions(judged)["by_label"]
    assert told["mpox"]["unfamiliar"]["value"] == 0.0
    assert told["healthy"]["unfamiliar"]["value"] == 1.0
    assert mimics(judged)["all"]["unfamiliar"]["value"] == 1.0
