"""A history as plain text, in several wordings; what is unknown is not mentioned."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

import numpy as np

from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening.questions import questions

Known: TypeAlias = bool | int | float
WORDINGS = ("third person", "first person", "list", "telegram", "questions")
PLAIN = WORDINGS.index("telegram")  # in which a model is told a history; of all it takes the fewest tokens


@dataclass(frozen=True)
class Words:
    """How the answer of one field is said: what a yes says and what a no says; of numbers where it is 1, and else."""

    name: str
    third: tuple[str, str]
    first: tuple[str, str]
    brief: tuple[str, str]
    unit: tuple[str, str] = ("", "")  # of a number


def history_text(info: ClinicalInfo, wording: int = PLAIN) -> str:
    """Say the answers that are known, in the order in which they are asked; "" when nothing is known.

    Args:
        info: the answers.
        wording: which of `WORDINGS`, counted round, so that any whole number is one.
    """
    said = [phrase(field, value, wording) for field, value in answers(info)]
    match WORDINGS[wording % len(WORDINGS)]:
        case "list":
            return "; ".join(said)
        case "telegram":
            return ". ".join(one[0].upper() + one[1:] for one in said) + "." * bool(said)
        case _:
            return " ".join(said)


def draw_wording(rng: np.random.Generator, plain: float) -> int:
    """Return `PLAIN` with a probability, else any of `WORDINGS`."""
    return PLAIN if rng.random() < plain else int(rng.integers(len(WORDINGS)))


def phrase(field: str, value: Known, wording: int = 0) -> str:
    """Say one answer of `ClinicalInfo`."""
    words = _words()[field]
    which = value != 1  # of yes and no, and of one and many: True equals 1
    match WORDINGS[wording % len(WORDINGS)]:
        case "third person":
            return words.third[which].format(_shown(value))
        case "first person":
            return words.first[which].format(_shown(value))
        case "telegram":
            return words.brief[which].format(_shown(value))
        case "list":
            return f"{words.name}: {_shown(value)} {words.unit[which]}".rstrip()
        case _:
            asked = {question.field: question.text for question in questions()}
            answer = f"{_shown(value)} {words.unit[which]}".rstrip()
            return f"{asked[field]} {answer[0].upper()}{answer[1:]}."


def answers(info: ClinicalInfo) -> Iterator[tuple[str, Known]]:
    """Yield the fields that are known with their answers, in the order in which they are asked."""
    for question in questions():
        value = getattr(info, question.field)
        if value is not None:
            yield question.field, value


def _shown(value: Known) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}"


@cache
def _words() -> Mapping[str, Words]:
    text = (resources.files("mpoxlens.vlm") / "words.toml").read_text(encoding="utf-8")
    return {field: _of(row) for field, row in tomllib.loads(text).items()}


def _of(row: Mapping[str, Any]) -> Words:
    pair = {key: (row[key][0], row[key][1]) for key in ("third", "first", "brief")}
    unit = row.get("unit", ("", ""))
    return Words(row["name"], **pair, unit=(unit[0], unit[1]))
