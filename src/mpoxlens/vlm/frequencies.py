"""How often each answer is given, by disease and profile: the table behind the simulated histories, read and checked.

The structure is fixed here; the numbers stand in `frequencies.toml`, each with its source or as an assumption with a
range.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from mpoxlens.errors import DataError
from mpoxlens.vlm.frequency_rows import (
    ADULT,
    FEVER,
    GIVEN,
    MEND,
    MINOR,
    NO_FEVER,
    NO_RASH,
    PALMS,
    SPARED,
    Row,
    as_list,
    is_number,
    is_pair,
    read_row,
    texts,
)

MAX_BYTES = 256 * 2**10
DEFAULT = "frequencies.toml"
_WITHOUT_RASH = {"", FEVER, NO_FEVER, ADULT, MINOR, NO_RASH, "lymphadenopathy"}


@dataclass(frozen=True)
class Law:
    """All numbers of one disease under one profile."""

    numbers: Mapping[tuple[str, str], tuple[float, ...]]

    def yes(self, field: str, given: str = "") -> float:
        """Return P(answer yes | given)."""
        return self.numbers[field, given][0]

    def values(self, field: str, given: str = "") -> tuple[float, ...]:
        """Return the parameters of a number's distribution."""
        return self.numbers[field, given]


@dataclass(frozen=True)
class Frequencies:
    """A checked table."""

    diseases: tuple[str, ...]
    profiles: Mapping[str, str]  # name, description
    unknown: Mapping[str, float]  # how many times oftener than others a question stays unanswered; 1 if absent
    rows: tuple[Row, ...]
    laws: Mapping[tuple[str, str], Law]  # by disease and profile

    def law(self, disease: str, profile: str) -> Law:
        """Return one disease's numbers.

        Raises:
            DataError: a disease or profile that the table lacks.
        """
        for kind, name, known in (("disease", disease, self.diseases), ("profile", profile, self.profiles)):
            if name not in known:
                raise DataError(
                    f"{kind} {name!r}", "not in the table of frequencies", f"give one of {', '.join(known)}"
                )
        return self.laws[disease, profile]


def load_frequencies(path: Path | None = None) -> Frequencies:
    """Read a table of frequencies, or the shipped one.

    Raises:
        DataError: unreadable, or an entry that is missing, unknown or impossible; names file and entry.
    """
    if path is None:
        return _frequencies(tomllib.loads((resources.files("mpoxlens.vlm") / DEFAULT).read_text("utf-8")), DEFAULT)
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise DataError(name, f"larger than {MAX_BYTES // 2**10} kB, so it is no table", MEND)
        return _frequencies(tomllib.loads(raw.decode()), name)
    except OSError as error:
        raise DataError(name, f"cannot be read ({error.strerror})", "check the name") from None
    except ValueError as error:  # TOML's and UTF-8's errors
        raise DataError(name, f"not TOML ({error})", MEND) from None


def _frequencies(data: Mapping[str, Any], name: str) -> Frequencies:
    diseases, profiles = as_list(data.get("diseases")), data.get("profiles")
    if not texts(diseases) or not isinstance(profiles, dict) or not texts(list(profiles.values())):
        raise DataError(name, "it needs a list of diseases and a table of profiles", MEND)
    rows = data.get("row")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(name, "it needs [[row]] entries", MEND)
    sources = data.get("sources", {})
    if not isinstance(sources, dict) or not all(isinstance(text, str) and text for text in sources.values()):
        raise DataError(f"{name}: sources", "it must be a table of texts", MEND)
    read = tuple(read_row(row, f"{name}: row {n} ({row.get('field')})", sources) for n, row in enumerate(rows, 1))
    laws = _laws(read, tuple(diseases), profiles, name)
    return Frequencies(tuple(diseases), profiles, _unknown(data.get("unknown"), f"{name}: unknown"), read, laws)


def _unknown(table: object, where: str) -> dict[str, float]:
    """Read how many times oftener than others some questions stay unanswered."""
    if not isinstance(table, dict) or not isinstance(table.get("times"), dict) or not is_pair(table.get("range")):
        raise DataError(where, "it needs `times`, a table of numbers, and their range", MEND)
    if not texts([table.get("assumption")]):
        raise DataError(where, "no number goes without an assumption", MEND)
    low, high = table["range"]
    for key, times in table["times"].items():
        if key not in GIVEN or not is_number(times) or not max(low, 1) <= times <= high:
            raise DataError(f"{where}: {key} is {times!r}", f"give a question, and a number from 1 to {high:g}", MEND)
    return {key: float(times) for key, times in table["times"].items()}


def _laws(
    rows: tuple[Row, ...], diseases: tuple[str, ...], profiles: Mapping[str, str], name: str
) -> dict[tuple[str, str], Law]:
    """Give every disease under every profile its numbers; a row that names the profile goes first."""
    found: dict[tuple[str, str, str, str], tuple[float, ...]] = {}  # field, given, disease, profile ("" is any)
    for row in rows:
        for key in _places(row):
            if key in found:
                raise DataError(f"{name}: {_told(key)}", "it stands there twice", MEND)
            if key[2] not in diseases or (key[3] and key[3] not in profiles):
                raise DataError(f"{name}: {_told(key)}", "no such disease or profile", MEND)
            found[key] = row.values
    return {(d, p): _law(found, d, p, name) for d in diseases for p in profiles}


def _law(found: Mapping[tuple[str, str, str, str], tuple[float, ...]], disease: str, profile: str, name: str) -> Law:
    numbers: dict[tuple[str, str], tuple[float, ...]] = {}
    rash = found.get(("acute_rash", "", disease, profile), found.get(("acute_rash", "", disease, ""), (1.0,)))[0]
    for field, conditions in GIVEN.items():
        for given in conditions:
            key = (field, given, disease, profile)
            values = found.get(key, found.get((field, given, disease, "")))
            if values is not None:
                numbers[field, given] = values
            elif rash > 0 or given in _WITHOUT_RASH:
                raise DataError(f"{name}: {_told(key)}", "it is missing", MEND)
    for given in (PALMS, SPARED):
        if rash > 0 and numbers["monomorphic", given][0] + numbers["crops_of_lesions", given][0] > 1 + 1e-9:
            raise DataError(f"{name}: {disease}, {profile}, {given}", "monomorphic and crops exceed 1 together", MEND)
    return Law(numbers)


def _places(row: Row) -> Iterator[tuple[str, str, str, str]]:
    for given in row.given:
        for disease in row.diseases:
            for profile in row.profiles or ("",):
                yield row.field, given, disease, profile


def _told(key: tuple[str, str, str, str]) -> str:
    return ", ".join(part for part in key if part)
