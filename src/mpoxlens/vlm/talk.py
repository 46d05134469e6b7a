"""A talk about one photograph: what was found is settled before the first question, and every answer says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import TypeAlias

from mpoxlens.schema import Decision, Gate, History, Interval, Reason
from mpoxlens.screening.decide import CARE, Verdict
from mpoxlens.vlm.answer import OPENINGS, compose
from mpoxlens.vlm.prompts import Turn, conversation, follow
from mpoxlens.vlm.spoken import TREATMENT, TREATMENT_REFUSED, fit_sentences

DIAGNOSIS = "Could this be mpox?"
MAX_BEFORE = 3000  # characters of earlier questions and answers that a question is read with

Write: TypeAlias = Callable[[Sequence[Turn]], Iterator[str]]


@dataclass(frozen=True)
class Exchange:
    """A question that was asked, and the answer that was shown."""

    question: str
    answer: str


@dataclass(frozen=True)
class Answer:
    """What was found, and how it was said. Numbers are None where the gate refused: there is nothing to count."""

    file: str
    question: str
    decision: Decision
    probability: float | None  # of mpox, photo and history together
    interval: Interval | None  # of `probability`
    photo_probability: float | None  # of mpox, photo alone
    prediction_set: tuple[str, ...]  # subset of ("mpox", "other")
    operating_point: float
    reasons: tuple[Reason, ...]
    next_step: str
    gate: Gate
    history: History
    text: str
    provenance: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Found:
    """What is worked out once for a photograph with a history."""

    file: str
    gate: Gate
    history: History
    told: str  # the history in words
    verdict: Verdict | None  # None where the gate refused
    photo_probability: float | None
    operating_point: float
    provenance: Mapping[str, str]


@dataclass(eq=False)
class Talk:
    """Questions and answers about one photograph with one history; neither can change on the way."""

    found: Found
    write: Write  # the language model, before which the photograph lies
    turns: list[Exchange] = field(default_factory=list)

    def with_turns(self, turns: Sequence[Exchange]) -> Talk:
        """Return a talk that went on before; nothing in it can move the number.

        Raises:
            MpoxlensError: a question of it is empty, or far too long.
        """
        for turn in turns:
            check_question(turn.question)
        return replace(self, turns=list(turns))

    def ask(self, question: str = DIAGNOSIS) -> Answer:
        """Answer a question; MpoxlensError when it is empty, or far too long."""
        return self.answer(question, "".join(self.stream(question)))

    def stream(self, question: str = DIAGNOSIS) -> Iterator[str]:
        """Yield an answer in pieces, and keep it for the next question. Raises as `ask`."""
        check_question(question)
        added = self._added(question)  # before anything is shown, it refuses what is too long
        pieces: list[str] = []
        for part in self._parts(added):
            pieces.append(f" {part}" if pieces else part)
            yield pieces[-1]
        self.turns.append(Exchange(question, "".join(pieces)))

    def answer(self, question: str, text: str) -> Answer:
        """Return everything that was found, with a text that `stream` gave."""
        found, verdict = self.found, self.found.verdict
        return Answer(
            file=found.file,
            question=question,
            decision=verdict.decision if verdict else Decision.CANNOT_TELL,
            probability=verdict.probability if verdict else None,
            interval=verdict.interval if verdict else None,
            photo_probability=found.photo_probability,
            prediction_set=verdict.prediction_set if verdict else (),
            operating_point=found.operating_point,
            reasons=verdict.reasons if verdict else found.gate.reasons,
            next_step=verdict.next_step if verdict else _next_step(found.gate),
            gate=found.gate,
            history=found.history,
            text=text,
            provenance=found.provenance,
        )

    def _parts(self, added: Iterator[str]) -> Iterator[str]:
        """Yield the decision and why, then what the model adds, then what to do; of a later question it adds first."""
        verdict = self.found.verdict
        if verdict is None:
            yield _refusal(self.found.gate)
            return
        head = compose(replace(verdict, next_step=""))
        if not self.turns:
            yield head
            yield from added
            yield verdict.next_step
            return
        told = list(added)
        yield from told
        # Of "Are you sure?" nothing is left to add, and what was found is said in full again.
        yield from (compose(replace(verdict, reasons=(), next_step="")),) if told else (head, verdict.next_step)

    def _added(self, question: str) -> Iterator[str]:
        if self.found.verdict is None or _letters(question) == _letters(DIAGNOSIS):
            return iter(())  # there is nothing to add, or the decision is the answer
        if TREATMENT.search(question):
            return iter((TREATMENT_REFUSED,))
        return fit_sentences(self.write(self._prompt(question)))

    def _prompt(self, question: str) -> list[Turn]:
        asked = [*self._recent(), Exchange(question, "")]
        turns = conversation(asked[0].question, self.found.told)
        for before, now in pairwise(asked):
            turns = follow(turns, before.answer, now.question)
        return turns

    def _recent(self) -> list[Exchange]:
        lengths = accumulate(len(turn.question) + len(turn.answer) for turn in reversed(self.turns))
        kept = sum(length <= MAX_BEFORE for length in lengths)
        return self.turns[len(self.turns) - kept :]


def check_question(question: str) -> None:
    """Refuse a question that is empty or far too long, before any work.

    Raises:
        MpoxlensError: which of the two it is.
    """
    conversation(question)


def _refusal(checked: Gate) -> str:
    reasons = (reason.text for reason in checked.reasons)
    return " ".join([f"{OPENINGS[Decision.CANNOT_TELL]}.", *reasons, _next_step(checked)])


def _next_step(checked: Gate) -> str:
    return f"{checked.reasons[0].next_step} {CARE}"


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()
