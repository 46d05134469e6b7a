"""The rows of the table of frequencies: which numbers there are, and how one row is read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mpoxlens.errors import DataError
from mpoxlens.vlm.scales import COLDEST, HOTTEST, SCALES

MEND = "compare with the shipped frequencies.toml"

RASH, NO_RASH = "rash", "no rash"
FEVER, NO_FEVER = "fever", "no fever"
ADULT, MINOR = "adult", "minor"
FEW, MANY = "2 to 4 lesions", "5 lesions or more"
PALMS, SPARED = "palms and soles", "palms and soles spared"
BANDS = ("day 0 to 5", "day 6 to 10", "day 11 on")  # the registry's bands (PMC9833815)

# Which conditions each answer's frequency depends on; "" is none but the disease.
GIVEN: Mapping[str, tuple[str, ...]] = {
    "age": ("",),
    "days_since_onset": ("",),
    "lesion_count": BANDS,
    "fever_celsius": (FEVER, NO_FEVER),
    "contact_21_days": ("",),
    "intimate_contact_21_days": (ADULT, MINOR),
    "sex_with_men": (ADULT, MINOR),
    "hiv": (ADULT, MINOR),
    "acute_rash": ("",),
    "fever": ("",),
    "fever_before_rash": ("fever and rash",),
    "headache": ("",),
    "myalgia": ("",),
    "back_pain": ("",),
    "fatigue": ("",),
    "lymphadenopathy": ("",),
    "inguinal_nodes": ("lymphadenopathy",),
    "mucosal_lesions": ("",),
    "anogenital_lesions": (RASH,),
    "proctitis": ("",),
    "palms_and_soles": (FEW, MANY),
    "monomorphic": (PALMS, SPARED),
    "crops_of_lesions": (PALMS, SPARED),
    "pustules": BANDS,
    "itch": (RASH, NO_RASH),
}
KEYS = {"field", "given", "diseases", "profiles", "yes", "values", "range", "source", "assumption"}


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    field: str
    given: tuple[str, ...]
    diseases: tuple[str, ...]
    profiles: tuple[str, ...]  # empty: every profile that has no row of its own
    values: tuple[float, ...]  # P(yes); or the shares of a scale's classes; or mean and standard deviation
    ranges: tuple[tuple[float, float], ...]  # of an assumption, one a value
    source: str
    assumption: str


def read_row(row: Mapping[str, Any], where: str, sources: Mapping[str, str]) -> Row:
    """Read a row.

    Raises:
        DataError: an entry that is missing, unknown or impossible, or a number without source and assumption.
    """
    for key in row.keys() - KEYS:
        raise DataError(f"{where}: {key}", "no such entry", f"known are {', '.join(sorted(KEYS))}")
    field = row.get("field")
    if not isinstance(field, str) or field not in GIVEN:
        raise DataError(where, "no such question", "see the questions with: mpoxlens questions")
    given, diseases, profiles = (as_list(row.get(key, absent)) for key, absent in _LISTS)
    if not texts(diseases) or not all(isinstance(p, str) for p in profiles):
        raise DataError(where, "its diseases and profiles must be lists of names", MEND)
    if not all(g in GIVEN[field] for g in given):
        raise DataError(f"{where}: given {given}", f"it must be one of {list(GIVEN[field])}", MEND)
    values = _values(row, field, where)
    source, assumption = _reason(row, where, sources)
    ranges = _ranges(row.get("range"), values, where) if assumption or "range" in row else ()
    return Row(field, tuple(given), tuple(diseases), tuple(profiles), values, ranges, source, assumption)


_LISTS: tuple[tuple[str, Any], ...] = (("given", ""), ("diseases", []), ("profiles", []))


def _reason(row: Mapping[str, Any], where: str, sources: Mapping[str, str]) -> tuple[str, str]:
    cited, assumption = row.get("source", ""), row.get("assumption", "")
    if not isinstance(cited, str) or not isinstance(assumption, str) or not (cited or assumption):
        raise DataError(where, "no number goes without a source, or an assumption with a range", MEND)
    if cited and cited not in sources:
        raise DataError(f"{where}: source {cited!r}", "it does not stand in [sources]", MEND)
    return sources.get(cited, ""), assumption


def _values(row: Mapping[str, Any], field: str, where: str) -> tuple[float, ...]:
    """Return P(yes) as one value, shares that sum to 1, or mean and standard deviation."""
    values = row.get("values") if field in SCALES or field == "fever_celsius" else [row.get("yes")]
    if not isinstance(values, list) or not all(is_number(value) for value in values):
        raise DataError(where, "it needs `values`, a list of numbers, or for a yes/no question `yes`", MEND)
    if field == "fever_celsius":
        fits = len(values) == 2 and COLDEST <= values[0] <= HOTTEST and 0.1 <= values[1] <= 5
    elif field in SCALES:
        fits = len(values) == len(SCALES[field].lows) and min(values) >= 0 and abs(sum(values) - 1) < 1e-9
    else:
        fits = 0 <= values[0] <= 1
    if not fits:
        raise DataError(f"{where}: {values}", "no probability, shares that sum to 1, or temperature and spread", MEND)
    return tuple(float(value) for value in values)


def _ranges(given: object, values: tuple[float, ...], where: str) -> tuple[tuple[float, float], ...]:
    pairs: Any = [given] if len(values) == 1 else given
    if not isinstance(pairs, list) or len(pairs) != len(values) or not all(is_pair(pair) for pair in pairs):
        raise DataError(f"{where}: range is {given!r}", "an assumption needs [low, high], one a value", MEND)
    for value, (low, high) in zip(values, pairs, strict=True):
        if not low <= value <= high:
            raise DataError(f"{where}: {value:g}", f"it lies outside its range {low:g} to {high:g}", MEND)
    return tuple((float(low), float(high)) for low, high in pairs)


def as_list(value: object) -> list[Any]:
    """Return a list as it is, and one thing as a list of it."""
    return value if isinstance(value, list) else [value]


def texts(value: object) -> bool:
    """Tell whether it is a list of one or more texts, none empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) and v for v in value)


def is_number(value: object) -> bool:
    """Tell whether it is a number; yes and no are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_pair(value: object) -> bool:
    """Tell whether it is a list of two numbers."""
    return isinstance(value, list) and len(value) == 2 and all(is_number(v) for v in value)
