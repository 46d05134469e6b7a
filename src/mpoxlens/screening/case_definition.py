"""The WHO definition of a suspected case of mpox, in three-valued logic: met, not met, or unknown."""

from __future__ import annotations

from collections.abc import Iterable

from mpoxlens.schema import ClinicalInfo, Criterion

SOURCE = "WHO, surveillance case definition of mpox, suspected case (January 2023 wording)"
FEVER_ABOVE = 38.5  # degrees Celsius; same source


def suspected_case(info: ClinicalInfo) -> tuple[bool | None, tuple[Criterion, ...]]:
    """Return whether the definition is met, and each of its criteria.

    Contact with a probable or confirmed case within 21 days together with one general sign; or unexplained acute rash,
    mucosal lesions (genital, anal and proctitis included) or swollen lymph nodes.
    """
    signs = (
        Criterion(f"acute fever above {FEVER_ABOVE} °C", _high_fever(info)),
        Criterion("headache", info.headache),
        Criterion("muscle pain", info.myalgia),
        Criterion("back pain", info.back_pain),
        Criterion("profound weakness or fatigue", info.fatigue),
    )
    contact = Criterion("contact with a probable or confirmed case within 21 days", info.contact_21_days)
    skin = (
        Criterion("unexplained acute rash", info.acute_rash),
        Criterion(
            "mucosal or anogenital lesions, proctitis",
            any_of((info.mucosal_lesions, info.anogenital_lesions, info.proctitis)),
        ),
        Criterion("swollen lymph nodes", info.lymphadenopathy),
    )
    by_contact = all_of((contact.met, any_of(sign.met for sign in signs)))
    return any_of((by_contact, *(c.met for c in skin))), (contact, *signs, *skin)


def any_of(values: Iterable[bool | None]) -> bool | None:
    """Kleene's "or": True when one is, False when all are, else unknown."""
    known = list(values)
    return True if True in known else None if None in known else False


def all_of(values: Iterable[bool | None]) -> bool | None:
    """Kleene's "and": False when one is, True when all are, else unknown."""
    known = list(values)
    return False if False in known else None if None in known else True


def _high_fever(info: ClinicalInfo) -> bool | None:
    """A measured temperature decides; a fever that nobody measured may or may not be above the limit."""
    if info.fever_celsius is not None:
        return info.fever_celsius > FEVER_ABOVE
    return False if info.fever is False else None
