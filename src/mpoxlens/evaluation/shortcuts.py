"""Does a model tell mpox by what is not the rash? Altered copies of photographs, judged beside the originals.

Campana et al. and Vega et al. (J Med Syst 2023) found models that do well without seeing the disease. Taking the
evidence away must bring the AUROC to chance; changing what is no evidence must change no decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.alterations import Alteration, alterations
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.judge import Decider, Judgement, Photographs, judged
from mpoxlens.evaluation.metrics import CHANCE, Figure, Rows

METHOD = (
    "Each photograph's altered copy is judged beside the photograph; calibration and operating point stay. Intervals "
    "of 95 % from resampled clusters, and of differences from the same samples. Skin and lesion-like places are found "
    "by colour. A model may be helpless on strange copies and still use the cue: chance is no proof of innocence."
)
TOLD = {"skin": "the background alone", "lesions": "what remains when lesion-like places are painted over"}


@dataclass(frozen=True)
class Effect:
    """What one alteration does to the judgements of the photographs that it applies to."""

    alteration: str
    takes: str  # "skin", "lesions", "other places" or "nothing"
    photographs: int
    positives: int
    before: Figure  # AUROC of the same photographs as they are
    auroc: Figure  # of the altered copies
    auroc_change: Figure
    flips: Figure  # of 100 photographs, how many change sides of the operating point
    flips_to_positive: Figure  # of 100, how many of these are called positive only when altered
    probability_change: Figure  # mean |difference|

    @property
    def verdict(self) -> str:
        """One sentence."""
        if np.isnan(self.auroc.value):
            return f"{self.alteration}: {self.photographs} photographs, {self.positives} of them mpox, do not suffice."
        return _verdict(self) if self.takes in TOLD else _harmless(self)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        figures = {
            "auroc_before": self.before,
            "auroc": self.auroc,
            "auroc_change": self.auroc_change,
            "flips_per_100": self.flips,
            "flips_to_positive_per_100": self.flips_to_positive,
            "probability_change": self.probability_change,
        }
        counts = {"photographs": self.photographs, "positives": self.positives}
        about = {"alteration": self.alteration, "takes": self.takes, **counts, "verdict": self.verdict}
        return about | {name: one.to_dict() for name, one in figures.items()}


@dataclass(frozen=True)
class Shortcuts:
    """All alterations of one sample."""

    photographs: int
    positives: int
    clusters: int
    auroc: Figure  # of the photographs as they are
    effects: tuple[Effect, ...]

    def effect(self, alteration: str) -> Effect:
        """Return the effect of an alteration by its name; KeyError when there is none."""
        return {one.alteration: one for one in self.effects}[alteration]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """A sentence an alteration."""
        return tuple(one.verdict for one in self.effects)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        counts = {"photographs": self.photographs, "positives": self.positives, "clusters": self.clusters}
        effects = [one.to_dict() for one in self.effects]
        return {"method": METHOD, **counts, "auroc": self.auroc.to_dict(), "alterations": effects}


def shortcuts(
    judge: Decider,
    photographs: Photographs,
    tell: Tell = silent,
    chosen: Sequence[Alteration] | None = None,
) -> Shortcuts:
    """Judge photographs and their altered copies.

    Args:
        judge: a bundle, or networks out of fold; a bundle on its own training photographs flatters itself.
        photographs: N, of both sides.
        tell: told how far it is.
        chosen: alterations, all when None.
    """
    _, whole = judged(judge, photographs, tell=tell)
    effects = []
    for one in alterations() if chosen is None else chosen:
        rows, altered = judged(judge, photographs, one.alter, tell, one.name)
        effects.append(_effect(one, photographs, rows, whole.take(rows), altered))
    told = weighted.auroc(photographs.positive, whole.probability, Draws.of(photographs.cluster).weights)
    counts = len(photographs.pixels), int(photographs.positive.sum()), len(set(photographs.cluster))
    return Shortcuts(*counts, figure(told), tuple(effects))


def _effect(one: Alteration, photographs: Photographs, rows: Rows, before: Judgement, after: Judgement) -> Effect:
    positive = photographs.positive[rows]
    counts = len(rows), int(positive.sum())
    if not len(rows):
        return Effect(one.name, one.takes, *counts, *[Figure(np.nan, np.nan, np.nan)] * 6)
    draws = Draws.of([photographs.cluster[i] for i in rows])
    old, new = (weighted.auroc(positive, p, draws.weights) for p in (before.probability, after.probability))
    flips, to_positive = before.called != after.called, after.called & ~before.called
    moved = np.abs(after.probability - before.probability)
    means = (100 * draws.mean(flips), 100 * draws.mean(to_positive), draws.mean(moved))
    return Effect(one.name, one.takes, *counts, *map(figure, (old, new, new - old, *means)))


def _verdict(e: Effect) -> str:
    words = f"{TOLD[e.takes].capitalize()} tells mpox with AUROC {_told(e.auroc)}, the whole photograph with"
    words += f" {e.before.value:.2f}"
    if e.auroc.high < CHANCE:
        return f"{words}; that is below chance: what is left points the wrong way, which is no chance either."
    if not e.auroc.low > CHANCE:
        return f"{words}; that is within reach of chance."
    if not e.before.value > CHANCE:
        return f"{words}; that is above chance, which the whole photograph is not."
    share = (e.auroc.value - CHANCE) / (e.before.value - CHANCE)
    return f"{words}: {max(0.0, min(1.0, share)):.0%} of what lies above chance does not need the {e.takes}."


def _harmless(e: Effect) -> str:
    flips = f"{e.flips.value:.1f} ({e.flips.low:.1f} to {e.flips.high:.1f}) of 100 decisions flip"
    change = f"the AUROC changes by {e.auroc_change.value:+.3f}"
    return f"{e.alteration}: {flips}, {change} ({e.auroc_change.low:+.3f} to {e.auroc_change.high:+.3f})."


def _told(one: Figure) -> str:
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
