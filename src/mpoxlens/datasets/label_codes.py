"""SNOMED CT concepts of our label words, where one is known for sure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SYSTEM = "http://snomed.info/sct"  # the code system's URI in FHIR and Croissant


@dataclass(frozen=True)
class Code:
    """A concept of a terminology."""

    system: str
    code: str
    term: str  # the preferred term


def code(label: str) -> Code | None:
    """Return the concept of a label, or None when it has none or none was verified."""
    row = _rows().get(label, {})
    return Code(SYSTEM, row["code"], row["term"]) if "code" in row else None


@cache
def _rows() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("mpoxlens.datasets").joinpath("labels.toml").read_text(encoding="utf-8"))
