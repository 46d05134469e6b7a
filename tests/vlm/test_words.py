"""Histories in words: every answer is said in every wording, and nothing else is."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening.questions import Question, questions
from mpoxlens.vlm.words import WORDINGS, answers, history_text, phrase

ALL = range(len(WORDINGS))


def _values(question: Question) -> tuple[bool | int | float, ...]:
    return {"yes/no": (True, False), "whole number": (1, 23), "number": (38.2, 39.5)}[question.kind]


EVERY = [(question.field, value) for question in questions() for value in _values(question)]
KNOWN = st.builds(
    ClinicalInfo,
    **{
        q.field: st.none()
        | (
            st.booleans()
            if q.kind == "yes/no"
            else st.integers(int(q.low), int(q.high))
            if q.kind == "whole number"
            else st.integers(340, 430).map(lambda tenths: tenths / 10)
        )
        for q in questions()
    },
)


def test_every_field_of_the_schema_is_worded() -> None:
    assert {field for field, _ in EVERY} == {field.name for field in fields(ClinicalInfo)}


@pytest.mark.parametrize("wording", ALL)
def test_no_two_answers_sound_alike(wording: int) -> None:
    said = [phrase(field, value, wording) for field, value in EVERY]
    assert len(set(said)) == len(EVERY)
    assert all(one == one.strip() and "{" not in one for one in said)


@pytest.mark.parametrize("wording", ALL)
@pytest.mark.parametrize(("field", "value"), [(field, value) for field, value in EVERY if not isinstance(value, bool)])
def test_numbers_are_said_as_numbers(field: str, value: float, wording: int) -> None:
    words = phrase(field, value, wording).replace("in the last 21 days", "")
    assert f"{value:g}" in words.replace(".", " ").split() or f"{value:g} °C" in words


@pytest.mark.parametrize(
    ("wording", "text"),
    [
        (0, "The person is 34 years old. The first sign started 1 day ago. There has been no fever."),
        (1, "I am 34 years old. My first sign started 1 day ago. I have had no fever."),
        (2, "age: 34 years; time since the first sign: 1 day; fever: no"),
        (3, "34 years old. First sign 1 day ago. No fever."),
        (
            4,
            (
                "How old is the person, in years? 34 years. How many days ago did the first sign start? 1 day. "
                "Has there been a fever? No."
            ),
        ),
        (5, "The person is 34 years old. The first sign started 1 day ago. There has been no fever."),
    ],
)
def test_a_history_reads_as_people_write_it(wording: int, text: str) -> None:
    assert history_text(ClinicalInfo(age=34, days_since_onset=1, fever=False), wording) == text


@given(KNOWN, st.integers(0, 9))
def test_what_is_known_is_said_once_and_nothing_else(info: ClinicalInfo, wording: int) -> None:
    text = history_text(info, wording)
    left = text.lower()
    for field, value in sorted(answers(info), key=lambda pair: -len(phrase(*pair, wording))):
        said = phrase(field, value, wording).lower()
        assert said in left
        left = left.replace(said, "", 1)
    assert left.strip(" .;") == ""
    assert text == history_text(replace(info), wording)


@pytest.mark.parametrize("wording", ALL)
def test_of_nothing_known_nothing_is_said(wording: int) -> None:
    assert history_text(ClinicalInfo(), wording) == ""
