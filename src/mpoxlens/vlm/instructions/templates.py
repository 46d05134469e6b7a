"""The wordings of questions and answers, read from `templates.toml`, and one question-answer pair drawn from them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, get_args

import numpy as np

from mpoxlens.vlm.instructions.nouns import Instruction, Kind, Split


@dataclass(frozen=True)
class Paraphrase:
    """One way to ask."""

    text: str
    held_out: bool = False  # kept for testing


@dataclass(frozen=True)
class Topic:
    """One question in several wordings, with the answers to it by case."""

    kind: Kind
    name: str
    questions: tuple[Paraphrase, ...]
    answers: Mapping[str, tuple[str, ...]]  # by case


@dataclass(frozen=True)
class Asked:
    """A question in one wording, with its answer."""

    topic: Topic
    question: str
    answer: str
    split: Split


@cache
def topics() -> Mapping[str, Topic]:
    """Return all topics by kind and name, such as "diagnosis.mpox"."""
    text = (resources.files("mpoxlens.vlm.instructions") / "templates.toml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["topic"]
    questions = {_name(row): row.get("questions", []) for row in rows}
    return {_name(row): _topic(row, questions[row.get("asks", _name(row))]) for row in rows}


def ask(name: str, case: str, rng: np.random.Generator, **words: str) -> Asked:
    """Draw a question and an answer.

    Args:
        name: of the topic.
        case: which answers are true; where a topic has only those of the case "any", they are taken.
        rng: draws the wordings.
        words: what fills the braces.
    """
    topic = topics()[name]
    question = topic.questions[int(rng.integers(len(topic.questions)))]
    wordings = topic.answers[case if case in topic.answers else "any"]
    answer = wordings[int(rng.integers(len(wordings)))].format(**words)
    split: Split = "template-test" if question.held_out else "train"
    return Asked(topic, question.text.format(**words), answer[0].upper() + answer[1:], split)


def instruction(asked: Asked, reference: str, cluster: str, label: str, number: str = "") -> Instruction:
    """Return what was asked as a record, without a history; `number` tells several of one topic apart."""
    topic = asked.topic
    picture = reference if ":" in reference else reference[:16]
    return Instruction(
        id="-".join(part for part in (picture, topic.kind, topic.name, number) if part),
        sha256=reference,
        cluster=cluster,
        label=label,
        kind=topic.kind,
        topic=topic.name,
        split=asked.split,
        question=asked.question,
        history="",
        answer=asked.answer,
        info="{}",
        posterior=None,
        simulated=False,
    )


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['kind']}.{row['name']}"


def _topic(row: Mapping[str, Any], questions: list[dict[str, Any]]) -> Topic:
    if row["kind"] not in get_args(Kind):
        raise ValueError(f"{_name(row)}: no such kind")
    answers = {case: tuple(wordings) for case, wordings in row["answers"].items()}
    return Topic(row["kind"], row["name"], tuple(Paraphrase(**one) for one in questions), answers)
