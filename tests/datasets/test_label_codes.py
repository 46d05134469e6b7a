"""SNOMED CT codes are well formed, and every word that an adapter gives has its place in the table."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest

from mpoxlens.datasets.label_codes import SYSTEM, Code, code
from mpoxlens.datasets.sources import LAYOUTS

WORDS = tomllib.loads(files("mpoxlens.datasets").joinpath("labels.toml").read_text(encoding="utf-8"))
# The multiplication and permutation of Verhoeff's check digit (1969), which ends every SNOMED CT identifier.
_TIMES = ["0123456789", "1234067895", "2340178956", "3401289567", "4012395678"]
_TIMES += ["5987604321", "6598710432", "7659821043", "8765932104", "9876543210"]
_SHIFT = [
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
]


def _verhoeff(number: str) -> int:
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = int(_TIMES[check][int(_SHIFT[place % 8][int(digit)])])
    return check


def test_known_words_have_their_concept() -> None:
    assert code("mpox") == Code(SYSTEM, "359814004", "Mpox")
    assert code("chickenpox") == Code(SYSTEM, "38907003", "Varicella")


@pytest.mark.parametrize("label", ["healthy", "other", "melanoma", "no such word"])
def test_words_without_a_concept_have_none(label: str) -> None:
    assert code(label) is None


def test_the_check_digit_finds_a_slip() -> None:
    assert _verhoeff("359814004") == 0
    assert _verhoeff("359814005") != 0
    assert _verhoeff("395814004") != 0


@pytest.mark.parametrize("word", [word for word, row in WORDS.items() if row])
def test_codes_end_in_their_check_digit(word: str) -> None:
    assert set(WORDS[word]) == {"code", "term"}
    assert _verhoeff(WORDS[word]["code"]) == 0
    assert WORDS[word]["code"][-3:-1] == "00"  # a concept of the international core


def test_every_word_of_every_adapter_has_its_place() -> None:
    given = {label for layout in LAYOUTS.values() for label in (layout.labels or {}).values()}
    assert given <= set(WORDS)
    assert len({row["code"] for row in WORDS.values() if row}) == sum(1 for row in WORDS.values() if row)
