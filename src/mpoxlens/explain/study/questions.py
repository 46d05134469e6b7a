"""What a reader is asked about one photograph. Each question is answered by one key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

UNAIDED = "unaided"  # the arm without map and score
NAMES = ("confidence", "on_lesions", "changes")
CUT = 4  # confidence from which on a reader calls it mpox: who cannot tell does not call it


@dataclass(frozen=True)
class Question:
    """One question and its answers, in the order of their keys from 1."""

    name: str  # of NAMES
    text: str
    options: tuple[tuple[str, str], ...]  # (value, text)
    aided: bool  # asked only where there is a map

    def to_dict(self) -> dict[str, Any]:
        """Return it as the page gets it."""
        options = [{"value": value, "text": text} for value, text in self.options]
        return {"name": self.name, "text": self.text, "options": options}


QUESTIONS = (
    Question(
        "confidence",
        "Is this mpox?",
        (("1", "surely not"), ("2", "probably not"), ("3", "cannot tell"), ("4", "probably"), ("5", "surely")),
        aided=False,
    ),
    Question(
        "on_lesions",
        "Does the map fall on the lesions?",
        (("no", "no"), ("partly", "partly"), ("yes", "yes")),
        aided=True,
    ),
    Question(
        "changes",
        "Would map and score change your decision?",
        (("no", "no"), ("yes", "yes")),
        aided=True,
    ),
)


def asked(arm: str) -> tuple[Question, ...]:
    """Return the questions of a reading in this arm."""
    return tuple(question for question in QUESTIONS if arm != UNAIDED or not question.aided)
