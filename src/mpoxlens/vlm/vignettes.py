"""Simulated histories: what a person with a given disease may answer, drawn from the table of frequencies.

The law is a small tree, so that `posterior` can be exact. Given disease and profile, the answers are independent except
along these arrows:

    age ──► intimate contact, sex with men, HIV        lymph nodes ──► groin nodes
    days since onset ──► lesion count, pustules        fever ──► temperature, fever before rash ◄── rash
    rash ──► lesion count ──► palms and soles ──► one stage, or crops        rash ──► itch, anogenital

These histories are of nobody. They are marked as simulated wherever they appear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from mpoxlens.errors import DataError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.screening.questions import questions
from mpoxlens.vlm.frequencies import Frequencies, Law
from mpoxlens.vlm.frequency_rows import (
    ADULT,
    BANDS,
    FEVER,
    FEW,
    MANY,
    MINOR,
    NO_FEVER,
    NO_RASH,
    PALMS,
    RASH,
    SPARED,
)
from mpoxlens.vlm.scales import AGE, DAYS, LESIONS, TENTHS, temperature_masses

HIGH_FEVER = 38.5  # degrees Celsius; nobody who says "no fever" has more, as `screening.history` requires
ADULT_AGE = 18  # from here the questions about contacts and HIV are asked
MANY_LESIONS = 5
ROOTS = (  # depend on the disease alone
    *("contact_21_days", "headache", "myalgia", "back_pain", "fatigue"),
    *("mucosal_lesions", "proctitis"),
)
ADULT_FIELDS = ("intimate_contact_21_days", "sex_with_men", "hiv")
RASH_FIELDS = (  # without a rash, all of them are answered no
    *("anogenital_lesions", "palms_and_soles", "monomorphic"),
    *("crops_of_lesions", "pustules", "fever_before_rash"),
)

CONTRADICTIONS: Mapping[str, Mapping[str, Any]] = {
    "no fever, yet 39.5 degrees": {"fever": False, "fever_celsius": 39.5},
    "fever before the rash, yet no fever": {"fever": False, "fever_celsius": None, "fever_before_rash": True},
    "swollen nodes in the groin, yet none anywhere": {"lymphadenopathy": False, "inguinal_nodes": True},
    "pustules, yet no rash": {"acute_rash": False, "pustules": True},
    "thirty spots, yet no rash": {"acute_rash": False, "lesion_count": 30},
    "no spots, yet spots on palms and soles": {"lesion_count": 0, "palms_and_soles": True},
    "all spots at one stage, yet in crops": {"monomorphic": True, "crops_of_lesions": True},
    "a single spot, yet on palms and soles": {"acute_rash": True, "lesion_count": 1, "palms_and_soles": True},
    "a single spot, yet in crops": {"acute_rash": True, "lesion_count": 1, "crops_of_lesions": True},
}
ACCEPTED = frozenset({"a single spot, yet on palms and soles", "a single spot, yet in crops"})  # by `screening.history`


@dataclass(frozen=True)
class Vignette:
    """A simulated history and the disease that it was drawn from."""

    disease: str
    info: ClinicalInfo
    profile: str
    seed: int  # `from_seed` draws the same vignette again
    contradiction: str = field(default="", kw_only=True)  # the one that was put in, a key of CONTRADICTIONS


def simulate(
    disease: str,
    rng: np.random.Generator,
    frequencies: Frequencies,
    *,
    profile: str = "2022",
    unknown: float = 0.4,
    noise: float = 0.0,
    contradict: float = 0.0,
) -> Vignette:
    """Draw one history; `rng` gives its seed, and the rest is `from_seed`'s.

    Raises:
        DataError: as `from_seed`.
    """
    seed = int(rng.integers(2**32))
    return from_seed(disease, seed, frequencies, profile=profile, unknown=unknown, noise=noise, contradict=contradict)


def from_seed(
    disease: str,
    seed: int,
    frequencies: Frequencies,
    *,
    profile: str = "2022",
    unknown: float = 0.4,
    noise: float = 0.0,
    contradict: float = 0.0,
) -> Vignette:
    """Draw the history of a seed: the same arguments give the same vignette.

    Args:
        disease: one of the table's.
        seed: of a random generator.
        frequencies: the table.
        profile: one of the table's.
        unknown: probability that an answer is left out, whatever it is; the table raises it for some questions.
        noise: probability that an answer is replaced by that of someone whose disease is any of the table's. May
            bring about a contradiction.
        contradict: probability that one of CONTRADICTIONS is put in.

    Raises:
        DataError: a disease or profile that the table lacks, or a probability outside 0 to 1.
    """
    for name, value in (("unknown", unknown), ("noise", noise), ("contradict", contradict)):
        if not 0 <= value <= 1:
            raise DataError(f"{name} is {value}", "no probability", "give a number from 0 to 1")
    law = frequencies.law(disease, profile)
    rng = np.random.default_rng(seed)
    answers = _answers(law, rng)
    if noise:
        answers = {name: _noisy(name, value, noise, rng, frequencies, profile) for name, value in answers.items()}
    info = _left_out(ClinicalInfo(**answers), unknown, rng, frequencies.unknown)
    wrong = str(rng.choice(sorted(CONTRADICTIONS))) if rng.random() < contradict else ""
    info = replace(info, **CONTRADICTIONS[wrong]) if wrong else info
    return Vignette(disease, info, profile, seed, contradiction=wrong)


def band(days: int) -> str:
    """Return the registry's band of days since onset."""
    return BANDS[0] if days <= 5 else BANDS[1] if days <= 10 else BANDS[2]


def _answers(law: Law, rng: np.random.Generator) -> dict[str, Any]:
    """Draw every answer."""
    answers: dict[str, Any] = {name: _yes(law, name, rng) for name in ROOTS}
    answers["age"] = AGE.draw(law.values("age"), rng)
    grown = ADULT if answers["age"] >= ADULT_AGE else MINOR
    answers |= {name: _yes(law, name, rng, grown) for name in ADULT_FIELDS}
    answers["lymphadenopathy"] = nodes = _yes(law, "lymphadenopathy", rng)
    answers["inguinal_nodes"] = nodes and _yes(law, "inguinal_nodes", rng, "lymphadenopathy")
    answers["fever"] = fever = _yes(law, "fever", rng)
    answers["fever_celsius"] = float(rng.choice(TENTHS, p=temperatures(law, fever=fever))) / 10
    answers["days_since_onset"] = DAYS.draw(law.values("days_since_onset"), rng)
    answers["acute_rash"] = rash = _yes(law, "acute_rash", rng)
    answers["itch"] = _yes(law, "itch", rng, RASH if rash else NO_RASH)
    if not rash:
        return answers | dict.fromkeys(RASH_FIELDS, False) | {"lesion_count": 0}
    answers["fever_before_rash"] = fever and _yes(law, "fever_before_rash", rng, "fever and rash")
    answers["anogenital_lesions"] = _yes(law, "anogenital_lesions", rng, RASH)
    return answers | _lesions(law, band(answers["days_since_onset"]), rng)


def _lesions(law: Law, days: str, rng: np.random.Generator) -> dict[str, Any]:
    count = LESIONS.draw(law.values("lesion_count", days), rng)
    palms = count > 1 and _yes(law, "palms_and_soles", rng, MANY if count >= MANY_LESIONS else FEW)
    where = PALMS if palms else SPARED
    stage = rng.random()
    one, crops = law.yes("monomorphic", where), law.yes("crops_of_lesions", where)
    return {
        "lesion_count": count,
        "palms_and_soles": palms,
        "monomorphic": stage < one,
        "crops_of_lesions": one <= stage < one + crops and count > 1,  # a single spot makes no crop
        "pustules": _yes(law, "pustules", rng, days),
    }


def temperatures(law: Law, *, fever: bool) -> Any:
    """Return P(each of TENTHS), given the answer to the question about fever."""
    mean, sd = law.values("fever_celsius", FEVER if fever else NO_FEVER)
    return temperature_masses(mean, sd) if fever else temperature_masses(mean, sd, HIGH_FEVER)


def _yes(law: Law, name: str, rng: np.random.Generator, given: str = "") -> bool:
    return bool(rng.random() < law.yes(name, given))


def _noisy(
    name: str, value: Any, noise: float, rng: np.random.Generator, frequencies: Frequencies, profile: str
) -> Any:
    if rng.random() >= noise:
        return value
    other = str(rng.choice(frequencies.diseases))
    return _answers(frequencies.law(other, profile), rng)[name]


def _left_out(
    info: ClinicalInfo, unknown: float, rng: np.random.Generator, factors: Mapping[str, float]
) -> ClinicalInfo:
    """Leave answers out at random, and those not asked at the age that is known.

    What is left out never depends on an answer that is left out, so that the posterior may pass over it.
    """
    names = [f.name for f in fields(info)]
    gone = {name for name in names if rng.random() < min(1.0, unknown * factors.get(name, 1.0))}
    if "age" not in gone:
        age = asdict(info)["age"]
        gone |= {question.field for question in questions() if question.from_age > age}
    return replace(info, **dict.fromkeys(gone))
