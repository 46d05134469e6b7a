"""From logits to a probability, and words that cannot contradict it."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
import torch

from mpoxlens.rules import MAX_LOG_ODDS, Calibration, Conformal
from mpoxlens.schema import Decision, Gate, Interval
from mpoxlens.screening.decide import Numbers, decide
from mpoxlens.vlm.answer import OPENINGS, answer_logits, calibrated, compose, p_mpox, without_judgement

ANSWERS = (3, 1)  # ids of "Yes" and "No"
LOGITS = torch.tensor([[9.0, 0.0, 9.0, math.log(3)], [0.0, 5.0, 0.0, 5.0], [0.0, 300.0, 0.0, -300.0]])


def test_the_probability_is_the_softmax_over_two_tokens() -> None:
    found = p_mpox(LOGITS, ANSWERS)
    assert found.tolist() == pytest.approx([0.75, 0.5, 0.0])  # e^log 3 / (1 + e^log 3)
    assert p_mpox(LOGITS.bfloat16(), ANSWERS).dtype is torch.float32


def test_scale_and_shift_are_what_the_bundle_calls_temperature_and_bias() -> None:
    two = answer_logits(LOGITS, ANSWERS)
    odds = Calibration(1.0, 0.0, ()).log_odds(two, positive=1)
    theirs = Calibration(2.0, -0.5, ()).probabilities(two, positive=1)[:, 1]
    np.testing.assert_allclose(calibrated(odds[:2], 0.5, -0.5), theirs[:2])
    assert calibrated(np.array([math.log(3)]), 1.0, 0.0)[0] == pytest.approx(0.75)
    assert calibrated(np.array([1e9]), 1.0, 0.0)[0] == pytest.approx(1 / (1 + math.exp(-MAX_LOG_ODDS)))


def _verdict(photo: float, both: float, contact: bool | None = None):  # type: ignore[no-untyped-def]
    numbers = Numbers(Gate(True), None, photo, both, Interval(0, 1), both / (1 - both), None, contact)
    return decide(numbers, Conformal(0.1, 0.3, 0.6), 0.4)


@pytest.mark.parametrize(
    ("photo", "both", "contact"), list(itertools.product((0.1, 0.5, 0.9), (0.1, 0.5, 0.9), (None, True)))
)
def test_the_words_agree_with_the_number_whatever_the_model_says(
    photo: float, both: float, contact: bool | None
) -> None:
    verdict = _verdict(photo, both, contact)
    said = "Yes, this is certainly mpox. No, it is measles. The chance is 3 %. It shows small round spots."
    text = compose(verdict, said)
    assert text.startswith(f"{OPENINGS[verdict.decision]}: the estimated chance is {both:.0%}".replace("%", " %"))
    assert "It shows small round spots." in text
    assert "certainly" not in text
    assert "measles" not in text
    for other in set(Decision) - {verdict.decision}:
        assert OPENINGS[other] not in text
    assert text.endswith(verdict.next_step)
    shown = {int(n) for n in re.findall(r"(\d+) %", text)}
    assert shown <= {round(100 * both), round(100 * photo), 40}  # what was worked out, and the operating point


def test_nobody_is_told_that_it_is_certain() -> None:
    assert "above 99 %" in compose(_verdict(0.999, 0.999))
    assert "below 1 %" in compose(_verdict(0.001, 0.001))


@pytest.mark.parametrize(
    "sentence",
    ["Yes.", "It could be monkeypox.", "9 of 10 such rashes are it.", "You are safe.", "This rules out a lot."],
)
def test_a_sentence_that_judges_is_left_out(sentence: str) -> None:
    assert without_judgement(f"There are crusts. {sentence} They lie close together.") == (
        "There are crusts. They lie close together."
    )
