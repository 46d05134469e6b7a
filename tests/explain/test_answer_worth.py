"""What an answer is worth: worked out by hand, by the exact table, and read from a model of the real classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mpoxlens.datasets.phantom import draw
from mpoxlens.errors import DataError, HistoryError
from mpoxlens.explain.tokens import exact_log_ratio, log_odds, worth_of
from mpoxlens.rules import Calibration, logit
from mpoxlens.schema import ClinicalInfo, Floats, Photo
from mpoxlens.vlm.base import build
from mpoxlens.vlm.frequencies import load_frequencies
from mpoxlens.vlm.posterior import combine
from mpoxlens.vlm.reader import Reader, openings
from mpoxlens.vlm.torch_reader import TorchReader
from mpoxlens.vlm.vignettes import from_seed
from mpoxlens.vlm.words import answers

TABLE = load_frequencies()
PHOTO = Photo(draw(3, size=320).pixels, "rash.png", "0" * 64, 320, 320)
HISTORY = ClinicalInfo(fever=True, headache=True, itch=False)
SAYS = {"Fever.": 1.0, "Headache.": 0.5, "No itch.": -0.5}  # what each sentence adds to the logit of "Yes"
OVERLAP = -0.25  # of fever and headache together


class ByRule:
    """A reader that answers by a rule: "No" has 0.1, "Yes" 0.25 and what the sentences of the history add."""

    versions: Mapping[str, str] = {"rule": "1"}

    def __init__(self) -> None:
        model, self.tokenizer = build("tiny")
        self.config: Any = model.config
        self.read: list[str] = []

    def see(self, photo: Photo) -> Any:
        return SimpleNamespace(embedding=photo.pixels.mean(axis=(0, 1)))

    def first_logits(self, ids: Sequence[int], seen: Any) -> Floats:
        text = self.tokenizer.decode(ids)
        self.read.append(text)
        both = OVERLAP if "Fever." in text and "Headache." in text else 0.0
        no, yes, _ = openings(self.tokenizer, self.config)
        logits = np.full(len(self.tokenizer), -9, np.float32)
        logits[[no, yes]] = 0.1, 0.25 + both + sum(worth for said, worth in SAYS.items() if said in text)
        return logits

    def write(self, ids: Sequence[int], seen: Any, most: int = 1) -> Iterator[str]:
        yield ""


@pytest.fixture(scope="module")
def tiny() -> Reader:
    return TorchReader(*build("tiny"))


def test_worths_worked_out_by_hand() -> None:
    reader = ByRule()
    found = worth_of(reader, PHOTO, HISTORY)
    assert found.photo == pytest.approx(0.15, abs=1e-6)
    assert found.together == pytest.approx(0.9, abs=1e-6)
    assert found.model == pytest.approx(0.75, abs=1e-6)
    assert {one.field: one.model for one in found.answers} == pytest.approx(
        {"fever": 0.75, "headache": 0.25, "itch": -0.5}, abs=1e-6
    )  # they overlap, so they sum to 0.5 and not to 0.75
    assert [(one.field, one.answer, one.said) for one in found.answers] == [
        ("fever", True, "fever"),
        ("headache", True, "headache"),
        ("itch", False, "no itch"),
    ]
    assert found.versions == {"rule": "1"}
    assert len(reader.read) == 5  # the photograph alone, the whole history, and without each answer


def test_the_calibration_of_the_rules_counts() -> None:
    plain, halved = (worth_of(ByRule(), PHOTO, HISTORY, calibration=Calibration(t, 1.0, ())) for t in (1.0, 2.0))
    assert plain.together == pytest.approx(1.9, abs=1e-6)
    assert [one.model for one in halved.answers] == pytest.approx([one.model / 2 for one in plain.answers])
    assert [one.exact for one in halved.answers] == [one.exact for one in plain.answers]


def test_one_answer_is_worth_its_log_likelihood_ratio() -> None:
    yes = {disease: TABLE.law(disease, "2022").yes("headache") for disease in TABLE.diseases}
    others = [share for disease, share in yes.items() if disease != "mpox"]
    by_hand = math.log(yes["mpox"] / (sum(others) / len(others)))
    assert exact_log_ratio(ClinicalInfo(headache=True), TABLE, "2022") == pytest.approx(by_hand)
    (alone,) = worth_of(ByRule(), PHOTO, ClinicalInfo(headache=True)).answers
    assert alone.exact == pytest.approx(by_hand)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("chance", [0.1, 0.7])
def test_the_exact_worth_is_that_of_the_posterior_whatever_the_photograph_shows(seed: int, chance: float) -> None:
    info = from_seed("mpox", seed, TABLE, unknown=0.5).info
    whole = exact_log_ratio(info, TABLE, "2022")
    assert whole == pytest.approx(float(logit(combine(chance, info, TABLE)) - logit(chance)), abs=1e-6)
    for field, _ in answers(info):
        without: ClinicalInfo = replace(info, **{field: None})
        by_posterior = logit(combine(chance, info, TABLE)) - logit(combine(chance, without, TABLE))
        assert whole - exact_log_ratio(without, TABLE, "2022") == pytest.approx(float(by_posterior), abs=1e-6)


def test_answers_that_nobody_gives_have_no_exact_worth() -> None:
    """A single spot comes in no crops."""
    found = worth_of(ByRule(), PHOTO, ClinicalInfo(lesion_count=1, crops_of_lesions=True, fever=True))
    assert found.exact is None
    assert {one.field: one.exact for one in found.answers} == dict.fromkeys(
        ("lesion_count", "crops_of_lesions", "fever")
    )
    assert {one.field: one.model for one in found.answers}["fever"] == pytest.approx(1.0, abs=1e-6)


def test_no_answers_are_worth_nothing() -> None:
    found = worth_of(ByRule(), PHOTO, ClinicalInfo())
    assert found.answers == ()
    assert (found.model, found.exact) == (0.0, 0.0)


def test_a_model_of_the_real_classes_is_asked_without_each_answer(tiny: Reader) -> None:
    found = worth_of(tiny, PHOTO, HISTORY)
    seen = tiny.see(PHOTO)
    assert found.photo == pytest.approx(log_odds(tiny, seen, ClinicalInfo()), abs=1e-6)
    without = log_odds(tiny, seen, ClinicalInfo(headache=True, itch=False))
    assert found.answers[0].model == pytest.approx(found.together - without, abs=1e-6)
    assert len({round(one.model, 6) for one in found.answers} - {0.0}) == 3  # each is read
    assert found.versions == tiny.versions


def test_impossible_answers_and_profiles_are_refused(tiny: Reader) -> None:
    with pytest.raises(HistoryError):
        worth_of(tiny, PHOTO, ClinicalInfo(age=-1))
    with pytest.raises(DataError, match="profile"):
        worth_of(tiny, PHOTO, HISTORY, profile="1958")
