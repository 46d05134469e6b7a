"""The clinical history: read strictly, ask kindly, weigh cautiously."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from mpoxlens.errors import HistoryError
from mpoxlens.schema import ClinicalInfo, History
from mpoxlens.screening.case_definition import FEVER_ABOVE, suspected_case
from mpoxlens.screening.likelihood import Table, load_table, update
from mpoxlens.screening.questions import Answer, Question, questions

__all__ = ["Table", "ask", "check_info", "implied", "load_table", "parse_history", "questions", "read_history", "weigh"]

MAX_BYTES = 64 * 2**10  # all questions answered take less than 1 kB
CORRECT = "correct one of the two, or leave one out"
EXAMPLE = 'give an object such as {"fever": true, "contact_21_days": false}'

# Pairs of answers that cannot both be true of one person.
_CONTRADICTIONS: tuple[tuple[tuple[str, bool], tuple[str, bool]], ...] = (
    *((("acute_rash", False), (rash, True)) for rash in ("anogenital_lesions", "palms_and_soles", "pustules")),
    *((("acute_rash", False), (rash, True)) for rash in ("monomorphic", "crops_of_lesions", "fever_before_rash")),
    (("monomorphic", True), ("crops_of_lesions", True)),
    (("lymphadenopathy", False), ("inguinal_nodes", True)),
    (("fever", False), ("fever_before_rash", True)),
)
_SPOTS = ("acute_rash", "anogenital_lesions", "palms_and_soles", "pustules", "monomorphic", "crops_of_lesions")


def read_history(path: str | Path) -> ClinicalInfo:
    """Read answers from a JSON file.

    Raises:
        HistoryError: missing, too large, not a JSON object, or an answer that `parse_history` refuses.
    """
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise HistoryError(name, f"cannot be read ({error.strerror})", "check the name") from None
    if len(raw) > MAX_BYTES:
        raise HistoryError(name, f"larger than {MAX_BYTES // 2**10} kB, so it holds no answers", EXAMPLE)
    return parse_history(_load(raw, name), name)


def parse_history(answers: object, name: str = "history") -> ClinicalInfo:
    """Turn a mapping of answers into `ClinicalInfo`; what is absent or null is unknown.

    Raises:
        HistoryError: an unknown field, a wrong type, a number out of range, or answers that contradict each other.
    """
    if not isinstance(answers, Mapping):
        raise HistoryError(name, f"it holds a {type(answers).__name__}, not an object", EXAMPLE)
    by_field = {question.field: question for question in questions()}
    checked: dict[str, Any] = {}
    for field, value in answers.items():
        if field not in by_field:
            raise _unknown(name, str(field), by_field)
        checked[field] = by_field[field].checked(value, f"{name}: ")
    info = ClinicalInfo(**checked)
    check_consistent(info, name)
    return info


def check_info(info: object) -> ClinicalInfo:
    """Return answers that were put together in Python, checked as those of a file are.

    Raises:
        HistoryError: an answer that `parse_history` refuses.
    """
    if not isinstance(info, ClinicalInfo):
        example = "give one such as ClinicalInfo(fever=True, contact_21_days=False)"
        raise HistoryError("ClinicalInfo", f"a {type(info).__name__} came in its place", example)
    answers = {field.name: getattr(info, field.name) for field in fields(info)}
    return parse_history({name: value for name, value in answers.items() if value is not None}, "ClinicalInfo")


def check_consistent(info: ClinicalInfo, name: str = "history") -> None:
    """Refuse answers that contradict each other with a HistoryError."""
    known: dict[str, Answer] = asdict(info)
    for (first, a), (second, b) in _CONTRADICTIONS:
        if known[first] is a and known[second] is b:
            raise _contradiction(name, f"{first} is {_word(a)}", f"{second} is {_word(b)}")
    if info.fever is False and info.fever_celsius is not None and info.fever_celsius > FEVER_ABOVE:
        raise _contradiction(name, "fever is false", f"fever_celsius is {info.fever_celsius:g}")
    if info.lesion_count == 0:
        for field in _SPOTS:
            if known[field] is True:
                raise _contradiction(name, "lesion_count is 0", f"{field} is true")
    if info.acute_rash is False and info.lesion_count:
        raise _contradiction(name, "acute_rash is false", f"lesion_count is {info.lesion_count}")


def ask(prompt: Callable[[str], str], say: Callable[[str], None]) -> ClinicalInfo:
    """Ask every question that fits the person; an empty line is unknown, the end of input ends the asking.

    Args:
        prompt: shows a question and returns the typed line; EOFError at the end of input.
        say: shows a line.
    """
    info = ClinicalInfo()
    say("Press Enter where you do not know or do not wish to say. Unknown is not counted as no.")
    try:
        for question in questions():
            if info.age is None or info.age >= question.from_age:
                info = _asked(question, info, prompt, say)
    except EOFError:
        say("")
    return info


def implied(info: ClinicalInfo) -> ClinicalInfo:
    """Fill in what other answers imply: groin nodes are nodes, and crops of lesions are not at one stage."""
    if info.lymphadenopathy is None and info.inguinal_nodes:
        info = replace(info, lymphadenopathy=True)
    if info.monomorphic is None and info.crops_of_lesions:
        info = replace(info, monomorphic=False)
    return info


def weigh(info: ClinicalInfo, table: Table) -> History:
    """Weigh the answers: the WHO case definition, and the likelihood ratio by the table."""
    answered = sum(value is not None for value in asdict(info).values())
    info = implied(info)
    met, criteria = suspected_case(info)
    evidence, ratio = update(info, table)
    return History(met, criteria, evidence, ratio, answered)


def _asked(
    question: Question, info: ClinicalInfo, prompt: Callable[[str], str], say: Callable[[str], None]
) -> ClinicalInfo:
    """Ask until the answer can be taken."""
    if question.sensitive:
        say(f"Why we ask the next question: {question.why}")
    hint = "yes/no" if question.kind == "yes/no" else f"{question.low:g} to {question.high:g}"
    while True:
        try:
            answer: Any = question.parsed(prompt(f"{question.text} [{hint}, Enter = unknown]"))
            answered = replace(info, **{question.field: answer})
            check_consistent(answered, "answers")
        except HistoryError as error:
            say(f"{error.what}: {error.why}; answer again, or press Enter")
        else:
            return answered


def _load(raw: bytes, name: str) -> object:
    def constant(word: str) -> object:
        raise ValueError(f"{word} is not a number")

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        twice = [field for field, _ in items if sum(field == other for other, _ in items) > 1]
        if twice:
            raise HistoryError(f"{name}: {twice[0]}", "it is answered twice", "leave one of the two out")
        return dict(items)

    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise HistoryError(name, f"not JSON ({why})", EXAMPLE) from None


def _unknown(name: str, field: str, known: Mapping[str, Question]) -> HistoryError:
    near = difflib.get_close_matches(field, known, n=1)
    mend = f"did you mean {near[0]}?" if near else "see the fields with: mpoxlens questions"
    return HistoryError(f"{name}: {field[:60]}", "no such question", mend)


def _contradiction(name: str, first: str, second: str) -> HistoryError:
    return HistoryError(f"{name}: {first}, but {second}", "they contradict each other", CORRECT)


def _word(answer: bool) -> str:
    return "true" if answer else "false"
