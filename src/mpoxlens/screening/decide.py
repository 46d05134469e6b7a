"""From numbers to one of three decisions, and why. Pure arithmetic: no photograph, no model.

The worst error is a wrong "unlikely", so every rule leans away from it: the photograph must say it by itself, the
history must not speak against it, and whoever met a case within 21 days never gets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mpoxlens.rules import Conformal, side
from mpoxlens.schema import Decision, Gate, Interval, Reason

STRONGLY_AGAINST = 0.55  # a total likelihood ratio at or below; the shipped table cannot go under 0.5

CARE = (
    "Until it is clear, avoid close contact with others, and see a clinician if you feel ill or worried. "
    "A PCR test of a swab from the rash is the way to find out."
)
NEXT_LIKELY = (
    "Avoid close contact with others, keep the rash covered, and see a clinician soon. "
    "Only a PCR test of a swab from the rash can confirm mpox."
)
NEXT_UNLIKELY = (
    "This does not rule mpox out. See a clinician if the rash spreads, if you feel ill, or if you met someone who has "
    "mpox. A PCR test of a swab from the rash is the way to find out."
)
ASK_CLINICIAN = "Show the rash to a clinician, who can take a swab for a PCR test."


@dataclass(frozen=True)
class Numbers:
    """All that a decision rests on."""

    gate: Gate
    strange: Reason | None  # why the photos cannot be judged though they are usable, or None; see `combine`
    photo_probability: float  # of mpox, photo alone
    probability: float  # of mpox, photo and history together
    interval: Interval  # of `probability`
    likelihood_ratio: float  # of the history, 1 where nothing is known
    suspected_case: bool | None  # WHO definition
    contact: bool | None  # with a case within 21 days


@dataclass(frozen=True)
class Verdict:
    """A decision and all that is said about it."""

    decision: Decision
    probability: float
    interval: Interval
    prediction_set: tuple[str, ...]  # subset of ("mpox", "other")
    reasons: tuple[Reason, ...]
    next_step: str


def decide(numbers: Numbers, conformal: Conformal, operating_point: float) -> Verdict:
    """Decide by the bundle's prediction set and operating point.

    "Likely" and "unlikely" need a prediction set of one member, on the same side of the operating point; "unlikely"
    needs that of the photograph alone too.
    """
    members = conformal.prediction_set(numbers.probability)
    outcome = _side(numbers.probability, conformal, operating_point)
    withheld = tuple(_withheld(numbers, conformal, operating_point))
    if withheld or outcome is Decision.CANNOT_TELL:
        reasons = withheld or (_undecided(members, _side(numbers.photo_probability, conformal, operating_point)),)
        return _verdict(numbers, Decision.CANNOT_TELL, members, reasons)
    return _verdict(numbers, outcome, members, tuple(_grounds(numbers, outcome, operating_point)))


def _side(probability: float, conformal: Conformal, operating_point: float) -> Decision:
    outcomes = {"mpox": Decision.LIKELY, "other": Decision.UNLIKELY, None: Decision.CANNOT_TELL}
    return outcomes[side(probability, conformal, operating_point)]


def _withheld(numbers: Numbers, conformal: Conformal, operating_point: float) -> Iterator[Reason]:
    """Yield what forbids a decision, the gravest first; what the photo shows counts only where it can be judged."""
    yield from numbers.gate.reasons
    if not numbers.gate.usable and not numbers.gate.reasons:
        yield Reason("unusable", "The photo cannot be judged.", "Take the photo again.")
    if not numbers.gate.usable:
        return  # strangeness and conflict would only repeat that this is no good photo
    if numbers.strange:
        yield numbers.strange
        return
    photo = _side(numbers.photo_probability, conformal, operating_point)
    both = _side(numbers.probability, conformal, operating_point)
    yield from _conflict(numbers, photo, both)


def _conflict(numbers: Numbers, photo: Decision, both: Decision) -> Iterator[Reason]:
    exposed = numbers.contact is True
    if exposed and Decision.UNLIKELY in (photo, both):
        yield Reason(
            "history_contradicts",
            "The photo does not look like mpox, but there was contact with a case within 21 days.",
            f"Contact counts for more than a photo. {ASK_CLINICIAN}",
        )
    elif photo is Decision.UNLIKELY and both is Decision.LIKELY:
        yield Reason(
            "history_contradicts", "The photo does not look like mpox, but the answers point to it.", ASK_CLINICIAN
        )
    elif photo is Decision.LIKELY and (
        numbers.suspected_case is False or numbers.likelihood_ratio <= STRONGLY_AGAINST or both is not photo
    ):
        yield Reason(
            "history_contradicts", "The photo looks like mpox, but the answers speak against it.", ASK_CLINICIAN
        )
    elif both is Decision.UNLIKELY and photo is not Decision.UNLIKELY:
        yield Reason(
            "history_alone",
            "Only the answers speak against mpox; the photo by itself leaves it open.",
            ASK_CLINICIAN,
        )


def _undecided(members: tuple[str, ...], photo: Decision) -> Reason:
    if photo is not Decision.CANNOT_TELL:
        return Reason(
            "answers_undecide",
            "The photo by itself does not look like mpox, but the answers leave it open.",
            ASK_CLINICIAN,
        )
    if len(members) == 2:
        return Reason(
            "both_fit",
            "The photo fits mpox, and it fits something other than mpox too.",
            f"Send a sharper photo of other spots, or answer more questions. {ASK_CLINICIAN}",
        )
    return Reason("none_fits", "The photo fits neither mpox nor anything else well enough to say.", ASK_CLINICIAN)


def _grounds(numbers: Numbers, outcome: Decision, operating_point: float) -> Iterator[Reason]:
    share = percent(numbers.photo_probability)
    if outcome is Decision.LIKELY:
        yield Reason("photo", f"By the photo alone, the chance of mpox is {share}.")
    else:
        looks = "The photo looks more like something other than mpox"
        yield Reason("photo", f"{looks}: by it alone, the chance of mpox is {share}.")
    if numbers.likelihood_ratio > 1:
        yield Reason("history_for", "The answers make mpox more likely.")
    elif numbers.likelihood_ratio < 1:
        yield Reason("history_against", "The answers make mpox less likely.")
    if numbers.suspected_case:
        yield Reason("suspected_case", "The answers meet the WHO definition of a suspected case of mpox.")
    if outcome is Decision.LIKELY and numbers.probability < 0.5:
        line = f'The line for "likely" stands at {percent(operating_point)}'
        yield Reason("low_line", f"{line}, set low on purpose so that few people with mpox are missed.")


def _verdict(numbers: Numbers, decision: Decision, members: tuple[str, ...], reasons: tuple[Reason, ...]) -> Verdict:
    steps = {
        Decision.LIKELY: NEXT_LIKELY,
        Decision.UNLIKELY: NEXT_UNLIKELY,
        Decision.CANNOT_TELL: f"{reasons[0].next_step} {CARE}".strip(),
    }
    return Verdict(decision, numbers.probability, numbers.interval, members, reasons, steps[decision])


def next_after(decision: Decision) -> str:
    """Return what to do after a decision of which no reasons are known, as from a code."""
    steps = {
        Decision.LIKELY: NEXT_LIKELY,
        Decision.UNLIKELY: NEXT_UNLIKELY,
        Decision.CANNOT_TELL: f"No decision rests on these numbers. {CARE}",
    }
    return steps[decision]


def percent(probability: float) -> str:
    """Return whole per cent; nobody is told that a model is certain."""
    whole = round(100 * probability)
    return "below 1 %" if whole < 1 else "above 99 %" if whole > 99 else f"{whole} %"
