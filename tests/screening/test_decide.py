"""Decisions: each rule by hand, and the laws that guard against a wrong "unlikely"."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.rules import Conformal, logit, sigmoid
from mpoxlens.schema import Decision, Gate, Interval, Reason
from mpoxlens.screening.decide import NEXT_LIKELY, NEXT_UNLIKELY, Numbers, Verdict, decide

CONFORMAL, POINT = Conformal(0.1, 0.3, 0.6), 0.4
DARK = Reason("too_dark", "The photo is too dark.", "Take it again near a window.")
ODD = Reason("unfamiliar", "This picture is unlike the photos that the model has learned from.", "Send a plain photo.")


def numbers(photo: float, ratio: float = 1.0, **changes: object) -> Numbers:
    both = photo if ratio == 1 else float(sigmoid(logit(photo) + np.log(ratio)))
    made = Numbers(Gate(True), None, photo, both, Interval(both, both), ratio, None, None)
    return replace(made, **changes)  # type: ignore[arg-type]


def verdict(photo: float, ratio: float = 1.0, **changes: object) -> Verdict:
    return decide(numbers(photo, ratio, **changes), CONFORMAL, POINT)


@pytest.mark.parametrize(
    ("photo", "decision", "members", "code"),
    [
        (0.9, Decision.LIKELY, ("mpox",), "photo"),
        (0.61, Decision.LIKELY, ("mpox",), "photo"),
        (0.6, Decision.CANNOT_TELL, ("mpox", "other"), "both_fit"),
        (0.3, Decision.CANNOT_TELL, ("mpox", "other"), "both_fit"),
        (0.29, Decision.UNLIKELY, ("other",), "photo"),
    ],
)
def test_the_photo_alone(photo: float, decision: Decision, members: tuple[str, ...], code: str) -> None:
    found = verdict(photo)
    assert (found.decision, found.prediction_set, found.reasons[0].code) == (decision, members, code)


def test_an_empty_prediction_set_cannot_tell() -> None:
    found = decide(numbers(0.45), Conformal(0.1, 0.6, 0.3), POINT)
    assert (found.decision, found.prediction_set, found.reasons[0].code) == (Decision.CANNOT_TELL, (), "none_fits")


def test_a_set_on_the_wrong_side_of_the_operating_point_cannot_tell() -> None:
    low, high = Conformal(0.1, 0.3, 0.1), Conformal(0.1, 0.9, 0.6)
    assert decide(numbers(0.35), low, 0.4).decision is Decision.CANNOT_TELL  # ("mpox",) below the point
    assert decide(numbers(0.5), high, 0.4).decision is Decision.CANNOT_TELL  # ("other",) above it


def test_the_gate_goes_first_and_keeps_its_reasons() -> None:
    found = verdict(0.9, gate=Gate(False, (DARK,)), strange=ODD)
    assert (found.decision, found.reasons) == (Decision.CANNOT_TELL, (DARK,))
    assert found.next_step.startswith("Take it again near a window. Until it is clear, avoid close contact")


def test_a_strange_picture_cannot_tell() -> None:
    found = verdict(0.9, strange=ODD)
    assert (found.decision, found.reasons) == (Decision.CANNOT_TELL, (ODD,))


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (
            numbers(0.1, 2.0, contact=True, suspected_case=True),
            "The photo does not look like mpox, but there was contact with a case within 21 days.",
        ),
        (numbers(0.1, 2.0, contact=True), "The photo does not look like mpox, but there was contact with a case"),
        (
            numbers(0.1, 2.0, contact=True, suspected_case=False),
            "The photo does not look like mpox, but there was contact with a case",
        ),
        (numbers(0.29, 5.0), "The photo does not look like mpox, but the answers point to it."),
        (numbers(0.9, 0.5), "The photo looks like mpox, but the answers speak against it."),
        (numbers(0.9, suspected_case=False), "The photo looks like mpox, but the answers speak against it."),
        (numbers(0.62, 0.8), "The photo looks like mpox, but the answers speak against it."),
    ],
)
def test_history_and_photo_in_conflict(made: Numbers, text: str) -> None:
    found = decide(made, CONFORMAL, POINT)
    assert found.decision is Decision.CANNOT_TELL
    assert found.reasons[0].code == "history_contradicts"
    assert found.reasons[0].text.startswith(text)
    assert "clinician" in found.next_step


def test_answers_alone_never_make_it_unlikely() -> None:
    found = verdict(0.35, 0.6)
    assert found.prediction_set == ("other",)
    assert (found.decision, found.reasons[0].code) == (Decision.CANNOT_TELL, "history_alone")


def test_answers_may_make_it_likely() -> None:
    found = verdict(0.5, 3.0, suspected_case=True)
    assert found.decision is Decision.LIKELY
    assert [r.code for r in found.reasons] == ["photo", "history_for", "suspected_case"]
    assert [r.text for r in found.reasons[:1]] == ["By the photo alone, the chance of mpox is 50 %."]


def test_answers_that_undecide_are_named() -> None:
    found = verdict(0.29, 1.5)
    assert (found.decision, found.reasons[0].code) == (Decision.CANNOT_TELL, "answers_undecide")
    assert "the answers leave it open" in found.reasons[0].text
    assert "something other than mpox too" in verdict(0.5).reasons[0].text


def test_likely_below_one_half_says_where_the_line_stands() -> None:
    found = decide(numbers(0.45), Conformal(0.1, 0.1, 0.2), 0.25)
    assert found.decision is Decision.LIKELY
    assert found.reasons[-1].text == (
        'The line for "likely" stands at 25 %, set low on purpose so that few people with mpox are missed.'
    )
    assert "low_line" not in [reason.code for reason in verdict(0.7).reasons]


def test_unlikely_speaks_of_no_other_rash() -> None:
    assert verdict(0.1).reasons[0].text.startswith("The photo looks more like something other than mpox: by it alone")


def test_next_steps() -> None:
    assert verdict(0.9).next_step == NEXT_LIKELY
    assert verdict(0.1).next_step == NEXT_UNLIKELY
    assert "does not rule mpox out" in NEXT_UNLIKELY


def test_nobody_is_told_that_a_model_is_certain() -> None:
    assert verdict(0.9997).reasons[0].text.endswith("above 99 %.")
    assert verdict(0.0003).reasons[0].text.endswith("below 1 %.")


whole = st.builds(
    numbers,
    photo=st.floats(0.001, 0.999),
    ratio=st.floats(0.2, 10),
    gate=st.sampled_from([Gate(True), Gate(False, (DARK,)), Gate(False)]),
    strange=st.sampled_from([None, ODD]),
    suspected_case=st.sampled_from([None, True, False]),
    contact=st.sampled_from([None, True, False]),
)
rules = st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.floats(0.05, 0.95))


@given(whole, rules)
def test_unlikely_only_when_nothing_speaks_for_mpox(made: Numbers, rule: tuple[float, float, float]) -> None:
    conformal, point = Conformal(0.1, rule[0], rule[1]), rule[2]
    found = decide(made, conformal, point)
    if found.decision is Decision.UNLIKELY:
        assert made.gate.usable
        assert made.strange is None
        assert made.contact is not True
        assert conformal.prediction_set(made.probability) == ("other",)
        assert conformal.prediction_set(made.photo_probability) == ("other",)
        assert max(made.probability, made.photo_probability) < point


@given(whole, rules)
def test_contact_with_a_case_never_ends_in_unlikely(made: Numbers, rule: tuple[float, float, float]) -> None:
    found = decide(replace(made, contact=True), Conformal(0.1, rule[0], rule[1]), rule[2])
    assert found.decision is not Decision.UNLIKELY


@given(whole, rules)
def test_every_verdict_says_why_and_what_next(made: Numbers, rule: tuple[float, float, float]) -> None:
    found = decide(made, Conformal(0.1, rule[0], rule[1]), rule[2])
    assert found.reasons
    assert found.next_step
    assert found.probability == made.probability
    if found.decision is Decision.CANNOT_TELL:
        assert all(reason.next_step for reason in found.reasons)


@given(st.floats(0.001, 0.999), st.floats(0.5, 5), st.floats(1, 3))
def test_more_evidence_never_turns_likely_into_unlikely(photo: float, ratio: float, more: float) -> None:
    order = {Decision.UNLIKELY: 0, Decision.CANNOT_TELL: 1, Decision.LIKELY: 2}
    before, after = verdict(photo, ratio), verdict(photo, ratio * more)
    assert after.probability >= before.probability - 1e-12
    assert not (before.decision is Decision.LIKELY and after.decision is Decision.UNLIKELY)
    if photo <= 0.6:  # above it a strong contradiction withholds, and withholding is never "unlikely"
        assert after.decision is Decision.CANNOT_TELL or order[after.decision] >= order[before.decision]
