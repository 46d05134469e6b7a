"""Several photographs of one person become one set of numbers; a single photograph gives its own.

Photographs that the gate lets pass and that the model knows are counted. Their calibrated log-odds are averaged, in the
estimate and in each draw of the bootstrap. The person's photographs are strange only if every usable one is. Where the
mean says "other" but one photograph by itself says "mpox", no decision is taken: healthy skin in two photographs must
not outvote the lesion in a third. Nor is one taken where the mean says "other" and a photograph was not counted: the
lesion may be in that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mpoxlens.bundle import Spec
from mpoxlens.rules import Doubles, side, sigmoid
from mpoxlens.schema import Classification, Gate, Reason, Screening
from mpoxlens.screening.decide import ASK_CLINICIAN

PHOTOS_DISAGREE = Reason(
    "photos_disagree",
    "One photo looks like mpox, though the photos taken together do not.",
    ASK_CLINICIAN,
)
PHOTO_LEFT_OUT = Reason(
    "photo_left_out",
    "The photos that could be judged do not look like mpox, but not all of them could be judged.",
    f"Take those that could not be judged again. {ASK_CLINICIAN}",
)


@dataclass(frozen=True, eq=False)
class Examined:
    """What one photograph gave by itself."""

    file: str
    sha256: str
    gate: Gate
    strange: Reason | None  # why the model does not know this kind of picture, or None
    found: Classification

    @property
    def counts(self) -> bool:
        """Usable, and known to the model."""
        return self.gate.usable and not self.strange


@dataclass(frozen=True, eq=False)
class Combined:
    """What the photographs of a person gave together."""

    gate: Gate
    doubt: Reason | None  # strange, photographs that disagree, or "other" while one was not counted
    odds: float  # calibrated log-odds of the positive label
    drawn: Doubles  # [B], the same in each draw of the bootstrap
    classification: Classification  # of several, logits, map and embedding are those of the first that is used


@dataclass(frozen=True, eq=False)
class JointScreening(Screening):
    """A screening of several photographs of one person; `file` and `photo_sha256` join theirs."""

    photos: tuple[Examined, ...]


def combine(spec: Spec, shots: Sequence[Examined], unread: int = 0) -> Combined:
    """Combine at least one photograph; those that count, else the usable ones, else all are used.

    Args:
        spec: of the bundle.
        shots: what was looked at.
        unread: how many more the person gave that could not be read.
    """
    usable = [shot for shot in shots if shot.gate.usable]
    familiar = [shot for shot in usable if shot.counts]
    used = familiar or usable or shots
    logits = np.stack([shot.found.logits for shot in used])  # [N, C]
    positive = spec.labels.index(spec.positive)
    each = spec.calibration.log_odds(logits, positive)  # [N]
    odds = float(each.mean())
    return Combined(
        gate=used[0].gate if usable else _refused_gate(shots),
        doubt=_hidden(spec, each, len(shots) + unread) if familiar else next((shot.strange for shot in usable), None),
        odds=odds,
        drawn=np.mean([spec.calibration.drawn(shot.found.logits, positive) for shot in used], axis=0),
        classification=_together(spec, used, odds),
    )


def _hidden(spec: Spec, each: Doubles, given: int) -> Reason | None:
    """Say where a lesion may hide behind a mean of "other": in one that counts, or in one of `given` that does not."""

    def says(odds: float | Doubles) -> str | None:
        return side(float(sigmoid(np.asarray(odds))), spec.conformal, spec.operating_point)

    if says(each.mean()) != "other":
        return None
    if any(says(odds) == "mpox" for odds in each):
        return PHOTOS_DISAGREE
    return PHOTO_LEFT_OUT if len(each) < given else None


def _refused_gate(shots: Sequence[Examined]) -> Gate:
    """No photograph is usable: every reason once, in the order in which they came."""
    reasons = {reason.code: reason for shot in shots for reason in shot.gate.reasons}
    return Gate(usable=False, reasons=tuple(reasons.values()), measures=shots[0].gate.measures)


def _together(spec: Spec, used: Sequence[Examined], odds: float) -> Classification:
    first = used[0].found
    if len(used) == 1:
        return first
    strangest = max(shot.found.ood_score for shot in used)
    return replace(first, probabilities=_shares(spec, used, float(sigmoid(np.asarray(odds)))), ood_score=strangest)


def _shares(spec: Spec, used: Sequence[Examined], probability: float) -> Mapping[str, float]:
    """Return the positive label by the mean log-odds, the others by their mean shares of the rest."""
    means = {label: float(np.mean([shot.found.probabilities[label] for shot in used])) for label in spec.labels}
    rest = sum(share for label, share in means.items() if label != spec.positive)
    return {
        label: probability if label == spec.positive else share / rest * (1 - probability)
        for label, share in means.items()
    }
