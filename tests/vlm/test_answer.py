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
from mpoxlens.vlm.answer import OPENINGS, answer_logits, compose

ANSWERS = (3, 1)  # ids of "Yes" and "No"
LOGITS = torch.tensor([[9.0, 0.0, 9.0, math.log(3)], [0.0, 5.0, 0.0, 5.0], [0.0, 300.0, 0.0, -300.0]])


def test_the_logits_of_no_and_yes_are_what_a_calibration_takes() -> None:
    two = answer_logits(LOGITS, ANSWERS)
    assert two.tolist() == [[0.0, pytest.approx(math.log(3))], [5.0, 5.0], [300.0, -300.0]]
    assert answer_logits(LOGITS.bfloat16(), ANSWERS).dtype == np.float32
    found = Calibration(1.0, 0.0, ()).probabilities(two, positive=1)[:, 1]
    np.testing.assert_allclose(found, [0.75, 0.5, 1 / (1 + math.exp(MAX_LOG_ODDS))])  # e^log 3 / (1 + e^log 3)


def _verdict(photo: float, both: float, contact: bool | None = None):  # type: ignore[no-untyped-def]
    numbers = Numbers(Gate(True), None, photo, both, Interval(0, 1), both / (1 - both), None, contact)
    return decide(numbers, Conformal(0.1, 0.3, 0.6), 0.4)


@pytest.mark.parametrize(
    ("photo", "both", "contact"), list(itertools.product((0.1, 0.5, 0.9), (0.1, 0.5, 0.9), (None, True)))
)
def test_the_words_agree_with_the_number(photo: float, both: float, contact: bool | None) -> None:
    verdict = _verdict(photo, both, contact)
    text = compose(verdict)
    assert text.startswith(f"{OPENINGS[verdict.decision]}: the estimated chance is {both:.0%}".replace("%", " %"))
    for other in set(Decision) - {verdict.decision}:
        assert OPENINGS[other] not in text
    assert text.endswith(verdict.next_step)
    shown = {int(n) for n in re.findall(r"(\d+) %", text)}
    assert shown <= {round(100 * both), round(100 * photo), 40}  # what was worked out, and the operating point


def test_nobody_is_told_that_it_is_certain() -> None:
    assert "above 99 %" in compose(_verdict(0.999, 0.999))
    assert "below 1 %" in compose(_verdict(0.001, 0.001))
