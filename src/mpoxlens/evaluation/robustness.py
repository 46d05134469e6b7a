"""How far a photograph may be spoilt before the answers are wrong, and whether the clinic says "cannot tell" then.

A model need not see through fog. It must not be sure in it: what counts is how often decisions that are still given
are right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.evaluation import weighted
from mpoxlens.evaluation.bootstrap import Draws, figure
from mpoxlens.evaluation.damage import Sweep, sweeps
from mpoxlens.evaluation.judge import Decider, Judgement, Photographs, judged
from mpoxlens.evaluation.metrics import Figure
from mpoxlens.schema import Decision, Pixels

METHOD = (
    "Every photograph is damaged at five strengths and judged with unchanged calibration, thresholds and gate. "
    "Intervals of 95 % from resampled clusters. Without a history; damage that is random depends on the photograph."
)
FIGURES = ("auroc", "sensitivity", "specificity", "cannot_tell", "refused", "right_when_decided")


@dataclass(frozen=True)
class Point:
    """The figures at one severity."""

    severity: int  # 0 is the photograph as it is
    strength: float | None  # in the sweep's unit; None for the photograph as it is
    auroc: Figure
    sensitivity: Figure  # at the operating point, whoever gets a decision
    specificity: Figure
    cannot_tell: Figure  # share without a decision
    refused: Figure  # share that the gate refuses
    right_when_decided: Figure  # NaN where nothing is decided

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        figures = {name: getattr(self, name).to_dict() for name in FIGURES}
        return {"severity": self.severity, "strength": self.strength, **figures}


@dataclass(frozen=True)
class Curve:
    """One kind of damage from none to the worst: a curve to be drawn."""

    name: str
    unit: str
    points: tuple[Point, ...]  # severity 0 first

    def values(self, name: str) -> tuple[tuple[float, float, float], ...]:
        """Return (value, low, high) at every severity of one of FIGURES."""
        found: list[Figure] = [getattr(point, name) for point in self.points]
        return tuple((one.value, one.low, one.high) for one in found)

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"name": self.name, "unit": self.unit, "points": [point.to_dict() for point in self.points]}


@dataclass(frozen=True)
class Robustness:
    """All sweeps of one sample."""

    photographs: int
    positives: int
    clusters: int
    curves: tuple[Curve, ...]

    def curve(self, name: str) -> Curve:
        """Return a curve by its name; KeyError when there is none."""
        return {one.name: one for one in self.curves}[name]

    @property
    def verdicts(self) -> tuple[str, ...]:
        """A sentence a sweep: what the worst damage does."""
        return tuple(map(_verdict, self.curves))

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        counts = {"photographs": self.photographs, "positives": self.positives, "clusters": self.clusters}
        curves = [one.to_dict() for one in self.curves]
        return {"method": METHOD, **counts, "verdicts": list(self.verdicts), "sweeps": curves}


def robustness(
    judge: Decider,
    photographs: Photographs,
    tell: Tell = silent,
    chosen: Sequence[Sweep] | None = None,
) -> Robustness:
    """Judge photographs at every severity of every sweep.

    Args:
        judge: a bundle, or networks out of fold; a bundle on its own training photographs flatters itself.
        photographs: N, of both sides.
        tell: told how far it is.
        chosen: sweeps, all when None.
    """
    _, whole = judged(judge, photographs, tell=tell)
    sample = _Sample(photographs, Draws.of(photographs.cluster))
    start = _point(sample, whole, 0, None)
    curves = tuple(_curve(judge, sample, sweep, start, tell) for sweep in (chosen or sweeps()))
    return Robustness(len(photographs.pixels), int(photographs.positive.sum()), len(set(photographs.cluster)), curves)


@dataclass(frozen=True, eq=False)
class _Sample:
    photographs: Photographs
    draws: Draws  # of its clusters, the same for all figures


def _curve(judge: Decider, sample: _Sample, sweep: Sweep, start: Point, tell: Tell) -> Curve:
    points = [start]
    for severity, strength in enumerate(sweep.strengths, 1):
        _, found = judged(
            judge, sample.photographs, partial(_damaged, sweep, strength), tell, f"{sweep.name} {severity}"
        )
        points.append(_point(sample, found, severity, strength))
    return Curve(sweep.name, sweep.unit, tuple(points))


def _damaged(sweep: Sweep, strength: float, pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return sweep.damage(pixels, rng, strength)


def _point(sample: _Sample, found: Judgement, severity: int, strength: float | None) -> Point:
    positive, called, draws = sample.photographs.positive, found.called, sample.draws
    silence = found.cannot_tell
    right = np.array([one is Decision.LIKELY for one in found.decision], dtype=bool) == positive
    drawn = {
        "auroc": weighted.auroc(positive, found.probability, draws.weights),
        "sensitivity": draws.mean(called, positive),
        "specificity": draws.mean(~called, ~positive),
        "cannot_tell": draws.mean(silence),
        "refused": draws.mean(found.refused),
        "right_when_decided": draws.mean(right, ~silence),
    }
    return Point(severity, strength, **{name: figure(values) for name, values in drawn.items()})


def _verdict(curve: Curve) -> str:
    start, end = curve.points[0], curve.points[-1]
    falls = f"the AUROC goes from {start.auroc.value:.2f} to {end.auroc.value:.2f}"
    silence = f"{end.cannot_tell.value:.0%} get no decision"
    right = end.right_when_decided
    decided = (
        "nothing is decided"
        if np.isnan(right.value)
        else f"{right.value:.0%} ({right.low:.0%} to {right.high:.0%}) of the decisions given are right"
    )
    return f"{curve.name} of {end.strength:g} {curve.unit}: {falls}, {silence}, {decided}."
