"""The clinical history: strict reading, kind asking."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpoxlens.errors import HistoryError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening.history import (
    ask,
    check_consistent,
    implied,
    load_table,
    parse_history,
    questions,
    read_history,
    weigh,
)

HINT = "leave it out, or give null, where the answer is unknown"
TWO = "they contradict each other; correct one of the two, or leave one out"


def test_every_field_has_one_question() -> None:
    assert sorted(q.field for q in questions()) == sorted(f.name for f in fields(ClinicalInfo))
    assert all(q.why for q in questions())
    assert {q.field for q in questions() if q.sensitive} >= {"sex_with_men", "hiv", "anogenital_lesions"}


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(
        '\ufeff{"age": 31, "fever": true, "fever_celsius": 39, "contact_21_days": false, "hiv": null}', "utf-8"
    )
    expected = ClinicalInfo(age=31, fever=True, fever_celsius=39.0, contact_21_days=False)
    assert read_history(path) == expected
    assert isinstance(read_history(path).fever_celsius, float)


BAD = {
    '{"fevr": true}': "fevr: no such question; did you mean fever?",
    '{"zzzz": true}': "zzzz: no such question; see the fields with: mpoxlens questions",
    '{"fever": "yes"}': f"fever is 'yes': it must be true or false; {HINT}",
    '{"fever": 1}': f"fever is 1: it must be true or false; {HINT}",
    '{"age": true}': f"age is True: it must be a whole number; {HINT}",
    '{"age": 31.5}': f"age is 31.5: it must be a whole number; {HINT}",
    '{"age": 1' + "0" * 400 + "}": f"age is a huge number: it must lie between 0 and 120; {HINT}",
    '{"age": -1}': f"age is -1: it must lie between 0 and 120; {HINT}",
    '{"days_since_onset": -3}': f"days_since_onset is -3: it must lie between 0 and 365; {HINT}",
    '{"fever_celsius": 99.5}': f"fever_celsius is 99.5: it must lie between 34 and 43; {HINT}",
    '{"fever_celsius": [1]}': f"fever_celsius is [1]: it must be a number; {HINT}",
    '{"fever_celsius": 1e999}': f"fever_celsius is inf: it must be a number; {HINT}",
    '{"fever": false, "fever_celsius": 39}': f"fever is false, but fever_celsius is 39: {TWO}",
    '{"acute_rash": false, "anogenital_lesions": true}': f"acute_rash is false, but anogenital_lesions is true: {TWO}",
    '{"acute_rash": false, "lesion_count": 3}': f"acute_rash is false, but lesion_count is 3: {TWO}",
    '{"acute_rash": true, "lesion_count": 0}': f"lesion_count is 0, but acute_rash is true: {TWO}",
    '{"monomorphic": true, "crops_of_lesions": true}': f"monomorphic is true, but crops_of_lesions is true: {TWO}",
    '{"lymphadenopathy": false, "inguinal_nodes": true}': (
        f"lymphadenopathy is false, but inguinal_nodes is true: {TWO}"
    ),
    '{"fever": false, "fever_before_rash": true}': f"fever is false, but fever_before_rash is true: {TWO}",
    '{"fever": true, "fever": false}': "fever: it is answered twice; leave one of the two out",
    "[1]": 'it holds a list, not an object; give an object such as {"fever": true, "contact_21_days": false}',
    '{"age": NaN}': 'not JSON (NaN is not a number); give an object such as {"fever": true, "contact_21_days": false}',
    "[" * 60_000: 'not JSON (nested too deeply); give an object such as {"fever": true, "contact_21_days": false}',
}


@pytest.mark.parametrize("text", BAD, ids=[t[:40] for t in BAD])
def test_bad_answers_are_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert str(caught.value) == f"{path}: {BAD[text]}"


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"\0" * 10, b'{"age": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_is_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(raw)
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert str(caught.value).startswith(f"{path}: not JSON (")


def test_missing_and_huge_files(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert str(caught.value) == f"{path}: cannot be read (No such file or directory); check the name"
    path.write_bytes(b" " * (64 * 2**10 + 1))
    with pytest.raises(HistoryError) as caught:
        read_history(path)
    assert "larger than 64 kB" in str(caught.value)


def answers() -> st.SearchStrategy[ClinicalInfo]:
    """Any answers, contradictions included."""
    booleans = {q.field: st.sampled_from([None, True, False]) for q in questions() if q.kind == "yes/no"}
    return st.builds(ClinicalInfo, **booleans, fever_celsius=st.sampled_from([None, 36.5, 39.5]))


@given(answers())
def test_what_is_consistent_goes_there_and_back(info: ClinicalInfo) -> None:
    given_answers = {f.name: getattr(info, f.name) for f in fields(info)}
    try:
        check_consistent(info)
    except HistoryError:
        with pytest.raises(HistoryError):
            parse_history(given_answers)
    else:
        assert parse_history(json.loads(json.dumps(given_answers))) == info
        check_consistent(implied(info))  # what is implied never contradicts what was said


def typed(lines: list[str]) -> tuple[Callable[[str], str], list[str]]:
    """Return a prompt that types the lines, and the list of what it was shown."""
    shown: list[str] = []
    waiting = iter(lines)

    def prompt(text: str) -> str:
        shown.append(text)
        try:
            return next(waiting)
        except StopIteration:
            raise EOFError from None

    return prompt, shown


def test_asking_nothing_answers_nothing() -> None:
    prompt, shown = typed([""] * len(questions()))
    assert ask(prompt, lambda _: None) == ClinicalInfo()
    assert len(shown) == len(questions())


def test_asking_repeats_what_it_cannot_take_and_stops_at_the_end_of_input() -> None:
    prompt, shown = typed(["abc", "200", "31", "4", "YES", "0", "?"])
    said: list[str] = []
    info = ask(prompt, said.append)
    assert info == ClinicalInfo(age=31, days_since_onset=4, acute_rash=True)
    assert shown.count(shown[0]) == 3
    assert "age is 'abc': it must be a whole number; answer again, or press Enter" in said
    assert (
        "answers: lesion_count is 0, but acute_rash is true: they contradict each other; answer again, or press Enter"
    ) in said


def test_implied_answers_are_not_counted_as_given() -> None:
    found = weigh(ClinicalInfo(inguinal_nodes=True, crops_of_lesions=True), load_table())
    assert found.answered == 2


def test_sensitive_questions_say_why_and_children_are_not_asked_about_sex() -> None:
    prompt, shown = typed(["9"] + [""] * len(questions()))
    said: list[str] = []
    ask(prompt, said.append)
    assert not [text for text in shown if "sex" in text or "HIV" in text]
    assert [line for line in said if line.startswith("Why we ask the next question:")]
