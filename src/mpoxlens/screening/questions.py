"""The questions that are asked about the person, and the range of each answer, read from `questions.toml`."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, TypeAlias

from mpoxlens.errors import HistoryError

Answer: TypeAlias = bool | int | float | None
Kind = Literal["yes/no", "whole number", "number"]
UNKNOWN_HINT = "leave it out, or give null, where the answer is unknown"


@dataclass(frozen=True)
class Question:
    """One question: which field of `ClinicalInfo` it fills, and what is accepted."""

    field: str
    text: str
    kind: Kind
    why: str
    sensitive: bool = False
    from_age: int = 0  # years; not asked of the younger
    low: float = -math.inf
    high: float = math.inf

    def checked(self, value: object, where: str) -> Answer:
        """Return a JSON value as an answer.

        Raises:
            HistoryError: of another type, or out of range. `where` begins the message.
        """
        if value is None:
            return None
        if not self._fits(value):
            expected = {"yes/no": "true or false", "whole number": "a whole number", "number": "a number"}[self.kind]
            raise HistoryError(f"{where}{self.field} is {_shown(value)}", f"it must be {expected}", UNKNOWN_HINT)
        if not isinstance(value, bool) and not self.low <= value <= self.high:  # type: ignore[operator]
            raise HistoryError(
                f"{where}{self.field} is {_shown(value)}",
                f"it must lie between {self.low:g} and {self.high:g}",
                UNKNOWN_HINT,
            )
        return float(value) if self.kind == "number" else value  # type: ignore[arg-type, return-value]

    def parsed(self, typed: str) -> Answer:
        """Return what a person typed as an answer; nothing, "?" and "unknown" are None.

        Raises:
            HistoryError: neither an answer nor unknown.
        """
        word = typed.strip().lower().replace(",", ".")
        if word in {"", "?", "u", "unknown", "skip"}:
            return None
        if self.kind == "yes/no":
            return self.checked({"y": True, "yes": True, "n": False, "no": False}.get(word, typed.strip()), "")
        try:
            return self.checked(int(word) if self.kind == "whole number" else float(word), "")
        except ValueError:
            return self.checked(typed.strip(), "")

    def _fits(self, value: object) -> bool:
        if self.kind == "yes/no":
            return isinstance(value, bool)
        kinds = (int,) if self.kind == "whole number" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and _finite(value)


@cache
def questions() -> tuple[Question, ...]:
    """Return all questions in the order of asking."""
    text = (resources.files("mpoxlens.screening") / "questions.toml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["question"]
    return tuple(Question(**row) for row in rows)


def _finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)  # a huge int does not fit into a float


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge number"  # Python refuses to spell it out
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
