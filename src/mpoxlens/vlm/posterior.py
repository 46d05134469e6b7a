"""The exact posterior of a simulated history: the law of `vignettes` run backwards.

Exact for histories drawn without noise and without contradictions. Answers that were left out are summed over, which
costs nothing along a tree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mpoxlens.errors import DataError
from mpoxlens.schema import ClinicalInfo
from mpoxlens.vlm.frequencies import Frequencies, Law
from mpoxlens.vlm.frequency_rows import ADULT, BANDS, FEW, MANY, MINOR, NO_RASH, PALMS, RASH, SPARED
from mpoxlens.vlm.scales import AGE, DAYS, LESIONS, temperature_mass
from mpoxlens.vlm.vignettes import ADULT_AGE, ADULT_FIELDS, MANY_LESIONS, RASH_FIELDS, ROOTS, band, temperatures

POSITIVE = "mpox"
_BAND_DAYS = {BANDS[0]: (0, 5), BANDS[1]: (6, 10), BANDS[2]: (11, DAYS.last)}
_SIZES = {"": (1, 1), FEW: (2, MANY_LESIONS - 1), MANY: (MANY_LESIONS, LESIONS.last)}  # "" is a single lesion


def log_likelihoods(info: ClinicalInfo, frequencies: Frequencies, profile: str) -> dict[str, float]:
    """Return log P(the answers | disease) in nats, for every disease; -inf where they cannot be given.

    Raises:
        DataError: a profile that the table lacks.
    """
    likelihoods = {d: _likelihood(info, frequencies.law(d, profile)) for d in frequencies.diseases}
    return {d: math.log(value) if value > 0 else -math.inf for d, value in likelihoods.items()}


def posterior(
    info: ClinicalInfo, prior: Mapping[str, float], frequencies: Frequencies, profile: str = "2022"
) -> dict[str, float]:
    """Return P(disease | the answers).

    Args:
        info: the answers.
        prior: P(disease), summing to 1; a disease left out has 0. The probabilities that a photograph gives may stand
            here: given the disease, photograph and answers are independent, so this combines them exactly.
        frequencies: the table.
        profile: one of the table's.

    Raises:
        DataError: no such profile or disease, a prior that is none, or answers that no disease of the prior can give.
    """
    _check_prior(prior, frequencies)
    logs = log_likelihoods(info, frequencies, profile)
    joint = {d: math.log(prior[d]) + logs[d] if prior.get(d) else -math.inf for d in frequencies.diseases}
    highest = max(joint.values())
    if highest == -math.inf:
        why = "no disease of the table can give them together"
        raise DataError(f"answers under the profile {profile!r}", why, "correct one of them, or leave it out")
    weights = {d: math.exp(log - highest) for d, log in joint.items()}
    total = math.fsum(weights.values())
    return {d: weight / total for d, weight in weights.items()}


def combine(
    image_probability: float,
    info: ClinicalInfo,
    frequencies: Frequencies,
    profile: str = "2022",
    others: Mapping[str, float] | None = None,
) -> float:
    """Return P(mpox | photograph, answers) from P(mpox | photograph).

    Args:
        image_probability: of mpox, calibrated.
        info: the answers.
        frequencies: the table.
        profile: one of the table's.
        others: how the photograph shares out what is not mpox, summing to 1; None: evenly.

    Raises:
        DataError: as `posterior`, or a probability outside 0 to 1.
    """
    if not 0 <= image_probability <= 1:
        raise DataError(f"probability {image_probability}", "it lies outside 0 to 1", "give a calibrated probability")
    if others is None:
        rest = [d for d in frequencies.diseases if d != POSITIVE]
        others = dict.fromkeys(rest, 1 / len(rest))
    _check_prior(others, frequencies)
    if others.get(POSITIVE):
        raise DataError("others", f"{POSITIVE} stands among them", "give the shares of the other diseases")
    prior = {d: (1 - image_probability) * share for d, share in others.items()} | {POSITIVE: image_probability}
    return posterior(info, prior, frequencies, profile)[POSITIVE]


def _check_prior(prior: Mapping[str, float], frequencies: Frequencies) -> None:
    for disease in prior:
        if disease not in frequencies.diseases:
            known = ", ".join(frequencies.diseases)
            raise DataError(f"prior: {disease}", "not in the table of frequencies", f"give some of {known}")
    if not all(p >= 0 for p in prior.values()) or not math.isclose(math.fsum(prior.values()), 1, abs_tol=1e-6):
        raise DataError(f"prior {dict(prior)}", "no probabilities that sum to 1", "divide them by their sum")


def _likelihood(info: ClinicalInfo, law: Law) -> float:
    alone = math.prod(_answered(law, info, name) for name in ROOTS)
    return alone * _person(info, law) * _nodes(info, law) * _course(info, law)


def _answered(law: Law, info: ClinicalInfo, name: str, given: str = "") -> float:
    """Return P(the answer), 1 for one that was left out."""
    return _chance(law.yes(name, given), getattr(info, name))


def _chance(yes: float, answer: bool | None) -> float:
    return 1.0 if answer is None else yes if answer else 1 - yes


def _person(info: ClinicalInfo, law: Law) -> float:
    """Sum over minor and adult: age and what depends on it."""
    total = 0.0
    for grown, ages in ((MINOR, (0, ADULT_AGE - 1)), (ADULT, (ADULT_AGE, AGE.last))):
        first, last = ages if info.age is None else (max(ages[0], info.age), min(ages[1], info.age))
        share = AGE.share(law.values("age"), first, last)
        total += share * math.prod(_answered(law, info, name, grown) for name in ADULT_FIELDS)
    return total


def _nodes(info: ClinicalInfo, law: Law) -> float:
    groin = law.yes("lymphadenopathy") * _answered(law, info, "inguinal_nodes", "lymphadenopathy")
    swollen = groin if info.lymphadenopathy is not False else 0.0
    none = 1 - law.yes("lymphadenopathy")
    return swollen + (0.0 if info.lymphadenopathy or info.inguinal_nodes else none)


def _course(info: ClinicalInfo, law: Law) -> float:
    """Sum over no rash and rash, and over the bands of days."""
    yes = law.yes("acute_rash")
    total = 0.0
    if info.acute_rash is not True:
        total += (1 - yes) * _without_rash(info, law)
    if info.acute_rash is not False and yes > 0:
        common = _fever(info, law, rash=True) * _answered(law, info, "itch", RASH)
        common *= _answered(law, info, "anogenital_lesions", RASH)
        total += yes * common * sum(_days(info, law, days) * _lesions(info, law, days) for days in BANDS)
    return total


def _without_rash(info: ClinicalInfo, law: Law) -> float:
    if info.lesion_count or any(getattr(info, name) for name in RASH_FIELDS):
        return 0.0
    days = sum(_days(info, law, days) for days in BANDS)
    return days * _fever(info, law, rash=False) * _answered(law, info, "itch", NO_RASH)


def _days(info: ClinicalInfo, law: Law, days: str) -> float:
    first, last = _BAND_DAYS[days]
    if info.days_since_onset is not None:
        if band(info.days_since_onset) != days:
            return 0.0
        first = last = info.days_since_onset
    return DAYS.share(law.values("days_since_onset"), first, last)


def _fever(info: ClinicalInfo, law: Law, *, rash: bool) -> float:
    """Sum over fever and none: temperature, and whether the fever came before a rash."""
    total = 0.0
    for fever in (True, False):
        if info.fever is (not fever):
            continue
        mass = law.yes("fever") if fever else 1 - law.yes("fever")
        if info.fever_celsius is not None:
            mass *= temperature_mass(info.fever_celsius, temperatures(law, fever=fever))
        before = law.yes("fever_before_rash", "fever and rash") if fever and rash else 0.0
        total += mass * _chance(before, info.fever_before_rash)
    return total


def _lesions(info: ClinicalInfo, law: Law, days: str) -> float:
    """Sum over the number of lesions, in the classes on which the rest depends."""
    total = 0.0
    for size, (first, last) in _SIZES.items():
        if info.lesion_count is not None:
            first, last = max(first, info.lesion_count), min(last, info.lesion_count)
        share = LESIONS.share(law.values("lesion_count", days), first, last)
        total += share * _palms(info, law, size) if share else 0.0
    return total * _answered(law, info, "pustules", days)


def _palms(info: ClinicalInfo, law: Law, size: str) -> float:
    yes = law.yes("palms_and_soles", size) if size else 0.0
    return sum(
        (yes if palms else 1 - yes) * _stage(info, law, PALMS if palms else SPARED, crops=bool(size))
        for palms in (True, False)
        if info.palms_and_soles is not (not palms)
    )


def _stage(info: ClinicalInfo, law: Law, where: str, *, crops: bool) -> float:
    """Sum over the three kinds: all at one stage, in crops, neither; a single lesion makes no crop."""
    one = law.yes("monomorphic", where)
    several = law.yes("crops_of_lesions", where) if crops else 0.0
    kinds = ((one, True, False), (several, False, True), (1 - one - several, False, False))
    return sum(
        p for p, same, cropped in kinds if info.monomorphic in (None, same) and info.crops_of_lesions in (None, cropped)
    )
